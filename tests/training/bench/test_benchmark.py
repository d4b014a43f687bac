"""What tuning costs: the real steps of a run on a random model, and the largest batch that fits."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from labeler.errors import InputError
from tests.training.small import small_settings
from training.bench.benchmark import GIB, Request, bench, largest, made_up_rows, random_base, with_rows
from training.bench.steps import Bench
from training.cli import main
from training.model.base import Base
from training.tuning.device import Numerics
from training.tuning.settings import read_settings

pytestmark = pytest.mark.training

CUT = ["--shape", "gemma-3-270m", "--layers", "2", "--vocabulary", "2000"]
COMMAND = ["bench", *CUT, "--set", "sequence_length=256", "--set", "batch_size=2", "--set", "describe=false"]


@pytest.mark.parametrize(
    ("most", "tried"),
    [(16, [16]), (11, [16, 8, 12, 10, 11]), (1, [16, 8, 4, 2, 1]), (0, [16, 8, 4, 2, 1])],
)
def test_the_largest_batch_that_fits_is_found_by_halving(most: int, tried: list[int]) -> None:
    asked: list[int] = []

    def fits(rows: int) -> bool:
        asked.append(rows)
        return rows <= most

    assert largest(16, fits) == most
    assert asked == tried


def test_smaller_batches_keep_the_size_of_a_step() -> None:
    settings = read_settings()
    assert with_rows(settings, 16) == settings
    assert (with_rows(settings, 6).batch_size, with_rows(settings, 6).accumulation) == (6, 3)
    by_tokens = read_settings("default", ["batch_tokens=8192", "sequence_length=512"])
    assert (with_rows(by_tokens, 4).batch_tokens, with_rows(by_tokens, 4).accumulation) == (4 * 512, 4)


def test_made_up_issues_are_as_long_as_real_ones_and_all_different() -> None:
    rows = made_up_rows(2000)
    lengths = [len(f"{row.issue.title} {row.issue.body}".split()) for row in rows]
    assert 150 < statistics.median(lengths) < 200
    assert 700 < statistics.quantiles(lengths, n=20)[-1] < 1100
    assert len({row.issue.body for row in rows}) == len(rows)
    assert all(row.labels <= set(row.space) for row in rows)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of the command on the width of a 270M model, with fewer layers and a smaller vocabulary."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main([*COMMAND, "--steps", "4", "--json"]) == 0
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def test_the_bench_takes_real_steps_and_tells_speed_memory_and_time(figures: dict[str, Any]) -> None:
    times = figures["times"]
    seconds = sum(times["parts"].values())
    assert (times["steps"], times["rows"], figures["batch_size"], figures["accumulation"]) == (4, 8, 2, 1)
    assert figures["samples_per_second"] == pytest.approx(8 / seconds)
    assert figures["tokens_per_second"] == pytest.approx(times["tokens"] / seconds)
    assert figures["run_seconds"] == pytest.approx(1250 * 3 * seconds / 8)
    assert 0.1 * GIB < figures["peak"] < 4 * GIB
    assert figures["tried"] == {"2": figures["peak"]}


def test_time_goes_into_the_model(figures: dict[str, Any]) -> None:
    parts = figures["times"]["parts"]
    assert all(parts[name] > 0 for name in ("tokenising", "collating", "logging", "model"))
    assert figures["around_the_model"] < 0.05


def test_a_larger_batch_has_a_higher_peak_and_leaves_the_model_able_to_go_on(tmp_path: Path) -> None:
    settings = small_settings()
    base: Base = random_base(tmp_path / "base", Request("tiny", layers=1))
    steps = Bench("peft", base, settings, Numerics("fp32", "adamw_torch", False), "cpu", None, tmp_path)
    steps.load(False)
    steps.peak(1, 64, 8)
    small, large = steps.peak(1, 512, 8), steps.peak(24, 512, 8)
    assert small is not None
    assert large is not None
    assert large - small > 24 * 2**20  # less than 23 more rows keep for the backward pass


def test_where_not_even_one_row_fits_the_remedy_is_named(tmp_path: Path) -> None:
    settings = small_settings(sequence_length=512)
    tried: list[str] = []
    with pytest.raises(InputError, match="Not one row of 512 tokens fits") as error:
        bench(settings, Request("tiny", layers=1, steps=1, memory=2**20), tmp_path, tried.append)
    assert "gradient_checkpointing=on" in error.value.remedy
    assert [text.split()[1] for text in tried if text.startswith("trying")] == ["4", "2", "1"]


def test_the_command_refuses_what_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--shape", "huge"]) == 1
    assert "Shapes are gemma-3-270m, tiny" in capsys.readouterr().err
    assert main(["bench", "--steps", "0"]) == 2
    assert "--steps is 0" in capsys.readouterr().err
