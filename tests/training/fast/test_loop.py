"""The fast loop: the loss falls, a killed run ends where a whole one does, and what it writes is what it tuned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Gemma3ForCausalLM

from labeler.errors import InputError
from tests.training.small import write_base
from training.fast.loop import LOG, STATE, tune
from training.fast.lora import Rank
from training.fast.merged import write_merged
from training.fast.model import Gemma
from training.fast.parts import Part, Row
from training.fast.schedule import Budget, LoopSettings, Position
from training.tuning.logs import read_log

pytestmark = pytest.mark.training

torch.set_num_threads(1)
PREFIX = [2, 17, 30, 31]


class Pairs:
    """Two parts a step: an issue of one token, whose answer is a token that belongs to it."""

    def __init__(self) -> None:
        self.place = 0

    def __next__(self) -> list[Part]:
        self.place += 1
        return [Part(PREFIX, [Row([20 + i], [60 + i, 1])]) for i in (self.place % 5, self.place % 3)]

    def state(self) -> Any:
        return self.place

    def restore(self, state: Any) -> None:
        self.place = state


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base") / "base")


def settings(rows: int = 40, **changes: Any) -> LoopSettings:
    chosen = {"learning_rate": 0.02, "warmup_steps": 2, "save_every": 4}
    return LoopSettings(Budget(rows=rows), **chosen | changes)


def model(folder: Path) -> Gemma:
    return Gemma(folder, Rank(4, 4.0, rslora=True), first_layer=1, seed=1)


VALIDATION = [Part(PREFIX, [Row([20 + i], [60 + i, 1]) for i in range(5)])]


def test_the_loss_falls_and_what_is_written_is_what_was_tuned(folder: Path, tmp_path: Path) -> None:
    tuned = model(folder)
    result = tune(tuned, Pairs(), settings(160), tmp_path, VALIDATION, say=lambda text: None)
    assert result.position.step == 80
    assert result.position.rows == 160
    losses = result.validation
    assert set(losses) == {"before", "after"}
    assert losses["after"] < 0.4 * losses["before"]
    lines = read_log(tmp_path / LOG)
    assert [line["step"] for line in lines if "loss" in line] == list(range(10, 81, 10))
    assert lines[-2]["learning_rate"] < 0.002 < lines[3]["learning_rate"]
    # What is written is what was measured.
    write_merged(tuned, tmp_path / "merged")
    causal = Gemma3ForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    ids = torch.tensor([[*PREFIX, 20 + i, 60 + i] for i in range(5)])
    with torch.no_grad():
        said = causal(input_ids=ids).logits
    nats = -said.log_softmax(-1)[torch.arange(5)[:, None], [[4, 5]], torch.tensor([[60 + i, 1] for i in range(5)])]
    assert nats.mean().item() == pytest.approx(losses["after"], rel=0.1, abs=0.01)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("at", [7, 14])
def test_a_killed_run_ends_where_a_whole_one_does(folder: Path, tmp_path: Path, at: int) -> None:
    whole, said = model(folder), []
    tune(whole, Pairs(), settings(), tmp_path / "whole", say=said.append)

    def kill(position: Position) -> None:
        if position.step == at:
            raise KilledError

    with pytest.raises(KilledError):
        tune(model(folder), Pairs(), settings(), tmp_path / "killed", say=said.append, watch=kill)
    again = model(folder)
    result = tune(again, Pairs(), settings(), tmp_path / "killed", say=said.append)
    assert f"goes on from step {at // 4 * 4}" in said
    assert result.position.step == 20
    for one, other in zip(whole.adapted.values(), again.adapted.values(), strict=True):
        assert torch.equal(one.a, other.a)
        assert torch.equal(one.b, other.b)
    steps = [[line["step"] for line in read_log(tmp_path / name / LOG)] for name in ("whole", "killed")]
    assert steps[0] == steps[1] == [10, 20]


def test_the_budget_is_whichever_ends_first() -> None:
    with pytest.raises(InputError, match="no budget"):
        Budget()
    position = Position(step=1, rows=30, tokens=100, seconds=2.0)
    assert Budget(rows=60, seconds=3.0).done(position) == pytest.approx(2 / 3)
    assert Budget(rows=60, tokens=50).done(position) == 2
    rates = [settings(hold=0.5).rate(step, done) for step, done in ((0, 0.0), (5, 0.3), (9, 0.75), (20, 1.0))]
    assert rates == pytest.approx([0.01, 0.02, 0.01, 0.0])


def test_a_state_is_whole_or_absent(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(state: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="disk full"):
        tune(model(folder), Pairs(), settings(), tmp_path, say=lambda text: None)
    assert not (tmp_path / STATE).exists()
    assert [path.name for path in tmp_path.iterdir()] == [LOG]
