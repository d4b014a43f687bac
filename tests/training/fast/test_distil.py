"""Distilled rounding: the rounded model answers more like the tuned one, and the file holds exactly what was seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from labeler.errors import LabelerError
from tests.training.fast.test_loop import PREFIX, Pairs, settings
from tests.training.small import write_base
from training.fast.distil import LOG, Latent, distil
from training.fast.grid import rounded
from training.fast.loop import tune
from training.fast.lora import Rank
from training.fast.model import Gemma
from training.fast.parts import Part, Row
from training.fast.schedule import Budget, LoopSettings
from training.quantise.quantisation import Grid
from training.quantise.rounding import given
from training.tuning.logs import read_log

pytestmark = pytest.mark.training

torch.set_num_threads(1)
GRID = Grid(4, 32, "byte")
VALIDATION = [Part(PREFIX, [Row([20 + i], [60 + i, 1]) for i in range(5)])]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base") / "base")


def how(rows: int, learning_rate: float = 1e-3, warmup_steps: int = 20) -> LoopSettings:
    return LoopSettings(Budget(rows=rows), learning_rate, warmup_steps=warmup_steps, hold=0.0)


def tuned(base: Path, out: Path, fused: bool) -> Gemma:
    model = Gemma(base, Rank(4, 4.0, rslora=True), fused=fused, seed=1)
    tune(model, Pairs(), settings(rows=120), out, say=lambda line: None)
    return model


@pytest.mark.parametrize("fused", [False, True], ids=["beside", "fused"])
def test_rounded_matrices_learn_to_answer_as_the_tuned_model(base: Path, tmp_path: Path, fused: bool) -> None:
    teacher = tuned(base, tmp_path, fused)
    before = {name: one.merged() for name, one in teacher.adapted.items()}
    lines: list[str] = []
    found = distil(teacher, Pairs(), how(240, warmup_steps=4), GRID, tmp_path, VALIDATION, lines.append)
    log = read_log(tmp_path / LOG)
    assert log[-1]["divergence"] < 0.5 * log[0]["divergence"]
    losses = found["validation"]
    assert abs(losses["distilled"] - losses["tuned"]) < abs(losses["rounded"] - losses["tuned"])
    assert (found["rows"], found["steps"]) == (240, 120)
    assert all(torch.equal(one.merged(), before[name]) for name, one in teacher.adapted.items()), "the teacher stays"
    assert lines[0].startswith("validation loss")


def test_the_file_holds_the_codes_that_were_seen(base: Path, tmp_path: Path) -> None:
    teacher = tuned(base, tmp_path, fused=False)
    seen: dict[str, torch.Tensor] = {}
    original = Latent.codes

    def codes(self: Latent) -> torch.Tensor:
        seen[self.name] = self.changed(torch.float32).detach()
        return original(self)

    Latent.codes = codes  # type: ignore[method-assign]
    try:
        distil(teacher, Pairs(), how(20), GRID, tmp_path, VALIDATION)
    finally:
        Latent.codes = original  # type: ignore[method-assign]
    rounding = given(tmp_path / "blocks.safetensors")
    for name, matrix in seen.items():
        short = name.removeprefix("layers.")
        blocks = rounding(short, np.zeros(matrix.shape, dtype=np.float32), GRID)
        np.testing.assert_allclose(blocks.matrix(matrix.shape[1]), matrix.numpy(), rtol=1e-6, atol=1e-9)


def test_gradients_go_straight_through() -> None:
    one = Latent("layers.0.mlp.up_proj", torch.randn(4, 64), GRID)
    x = torch.randn(3, 64)
    assert torch.equal(one.changed(torch.float32), rounded(one.weight.detach(), one.scales, GRID))
    one.beside(x).sum().backward()
    assert torch.allclose(one.weight.grad, x.sum(0).expand(4, 64))


def test_a_loss_that_is_no_number_ends_it(base: Path, tmp_path: Path) -> None:
    teacher = tuned(base, tmp_path, fused=False)
    with pytest.raises(LabelerError, match="no longer a number"):
        distil(teacher, Pairs(), how(240, learning_rate=3e38, warmup_steps=1), GRID, tmp_path)
