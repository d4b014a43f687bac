"""The record of a run that nobody ran."""

from __future__ import annotations

from typing import Any

from training.model.base import Base
from training.tuning.memory import Memory
from training.tuning.plan import Plan
from training.tuning.run_record import RunData, RunFigures, RunRecord
from training.tuning.settings import read_settings

FIGURES = RunFigures(steps=20, best_step=10, validation_loss=0.25, validation_micro_f1=None, seconds=3.5)
PLAN = Plan(
    rows={"train": 8, "validation": 4, "test": 4}, labels={"bug": (3, 2, 1)}, tokens_mean=20.5, tokens_p95=30,
    tokens_most=40, truncated=0.0, filling=0.1, batches=20, steps=20, evaluate_every=10, token_budget=40,
    memory=Memory(1, 2, 3, 4, 5, checkpointing=False),
)  # fmt: skip


def made_up_record(**changes: Any) -> RunRecord:
    """One that has begun; `changes` are fields of it."""
    given: dict[str, Any] = {
        "status": "begun",
        "versions": {"torch": "2.13.0"},
        "base": Base("owner/base", "0" * 40, "base"),
        "data": RunData("data", "data/dataset.csv", "1" * 64),
        "backend": "peft",
        "device": "cpu",
        "processes": 1,
        "precision": "fp32",
        "optimizer": "adamw",
        "token_budget": 40,
        "describe": False,
        "plan": PLAN,
        "settings": read_settings(),
    }
    return RunRecord(**given | changes)
