"""A small dataset and a tiny base, and settings under which a run takes seconds."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from labeler.data.dataset import Row, write_dataset
from labeler.labels.label_set import Label, LabelSet
from tests.models import write_checkpoint
from training.tuning.settings import TuningSettings, read_settings

# Two threads that wait for each other at every tiny operation are slower than one, above all on a busy machine.
torch.set_num_threads(1)

TOPICS = {
    "bug": ("crash when saving", "error on start", "the window freezes"),
    "enhancement": ("add dark mode", "support for tabs", "allow sorting by date"),
    "documentation": ("a dead link in the readme", "typo in the guide", "docs are missing"),
    "question": ("how do I set a proxy", "what does this option mean", "is there a way to undo"),
}
LABELS = LabelSet(tuple(Label(name, f"about {name}") for name in TOPICS))
_WORDS = [
    "file",
    "window",
    "save",
    "load",
    "menu",
    "proxy",
    "build",
    "test",
    "error",
    "list",
    "view",
    "page",
    "text",
    "line",
    "code",
    "option",
    "value",
    "tab",
    "key",
]


def make_rows(count: int, split: bool = True, seed: int = 0) -> list[Row]:
    """Issues whose title names their topic; of ten rows one is for test and two are for validation."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        label = list(TOPICS)[i % len(TOPICS)]
        title = f"{rng.choice(TOPICS[label])} {' '.join(rng.sample(_WORDS, 3))}"
        body = " ".join(rng.choices(_WORDS, k=rng.randint(2, 12)))
        part = ("test", "validation", "validation", *["train"] * 7)[i // len(TOPICS) % 10] if split else ""
        rows.append(Row(str(i), "owner/name", i + 1, title, body, (label,), part, "made"))
    return rows


def write_folder(folder: Path, rows: list[Row]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"- name: {label.name}\n  description: {label.description}\n" for label in LABELS]
    (folder / "labels.yml").write_text("".join(lines))
    write_dataset(folder / "dataset.csv", rows, LABELS)
    return folder


def write_base(folder: Path, **changes: Any) -> Path:
    """Two layers of width 32: a step takes milliseconds."""
    small = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 16,
        "query_pre_attn_scalar": 16, "layer_types": ["sliding_attention", "full_attention"],
    }  # fmt: skip
    return write_checkpoint(folder, **{**small, **changes})


def small_settings(**changes: Any) -> TuningSettings:
    settings = read_settings(
        "default",
        ["rank=4", "alpha=4", "learning_rate=0.01", "warmup=2", "batch_size=4", "epochs=2", "token_budget=32",
         "describe=false", "precision=fp32", "optimizer=adamw", "evaluations=2", "patience=0", "score_rows=0",
         "check_memory=false"],
    )  # fmt: skip
    return replace(settings, **changes)
