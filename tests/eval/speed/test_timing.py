"""What `python -m eval speed` measures, on a tiny model: not how fast, but that it is measured and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.cli import main
from eval.speed.speed_table import ROWS
from eval.speed.stages import ANSWER, STAGES, Clock
from labeler.model.bundle import read_manifest
from tests.models import write_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("speed") / "bundle")


@pytest.fixture(scope="module")
def figures(bundle: Path) -> dict[str, Any]:
    from eval.speed.timing import Subject, measure

    return measure(Subject(bundle, None, bundle / "none", bundle.parent), 1, 4, lambda step: None, action=False)


def test_every_figure_is_measured_or_said_to_be_missing(figures: dict[str, Any]) -> None:
    wanted = {key for key, *_ in ROWS if not key.startswith(("transformers", "action_", "export_"))}
    if "archive_megabytes" in figures["skipped"]:
        wanted.discard("archive_megabytes")
    assert wanted <= figures.keys()
    assert {"transformers", "transformers_trimmed"} <= figures["skipped"].keys()
    assert 0 < figures["warm_seconds"] < figures["cold_seconds"]
    assert 20 < figures["peak_megabytes"] < 1000


def test_the_list_of_ones_own_is_computed_once_and_then_found(bundle: Path, figures: dict[str, Any]) -> None:
    (kept,) = (bundle.parent / "cache-0" / "prefixes").glob("*.safetensors")
    assert kept.stat().st_size > 1000
    assert {"list_first_seconds", "list_again_seconds"} <= figures.keys()


def test_the_stages_add_up_to_the_whole(figures: dict[str, Any]) -> None:
    stages = figures["stages"]
    assert tuple(stages) == STAGES
    assert [name for name, seconds in stages.items() if seconds <= 0 and name != ANSWER] == []


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock reads: 1 s later each time it is asked, and what is added to the list besides."""
    later = [0.0]

    def read() -> float:
        later[0] += 1
        return sum(later)

    monkeypatch.setattr("eval.speed.stages.time.perf_counter", read)
    return later


def test_of_a_stage_within_another_only_the_inner_one_counts(ticks: list[float]) -> None:
    clock = Clock()
    first, second, third, *others = STAGES
    with clock.stage(first):
        ticks.append(10)
        with clock.stage(second):
            ticks.append(200)
            with clock.stage(third):
                ticks.append(3000)
    # Beginning and end of a stage are a second apart, and so are those of the one around it.
    assert [clock.seconds[name] for name in (first, second, third)] == [12, 202, 3001]
    assert not any(clock.seconds[name] for name in others)


def test_the_first_call_and_those_after_it_are_counted_apart(ticks: list[float]) -> None:
    class Steps:
        def step(self, seconds: float) -> float:
            ticks.append(seconds)
            return -seconds

    clock = Clock()
    clock.around(Steps, "step", STAGES[0], STAGES[1])
    steps = Steps()
    assert [steps.step(seconds) for seconds in (10, 200, 3000)] == [-10, -200, -3000]
    assert (clock.seconds[STAGES[0]], clock.seconds[STAGES[1]]) == (11, 3202)


def test_the_table_names_the_model_the_goals_and_what_was_not_measured(
    figures: dict[str, Any], bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("eval.speed.timing.measure", lambda *given, **options: figures)
    assert main(["speed", "--model", str(bundle)]) == 0
    printed = capsys.readouterr().out
    assert f"{read_manifest(bundle).name} 0, 180 tokens, 8 labels" in printed
    for said in (
        "≤ 1.2",
        "≤ 0.25",
        "≥ 6",
        "sha256 of the model's files",
        "in all",
        "not measured: transformers trimmed:",
    ):
        assert said in printed
    assert main(["speed", "--model", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == figures


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--runs", "0"], "less than one"),
        (["--many", "0"], "less than one"),
        (["--shape", "huge"], "unknown"),
        (["--shape", "tiny", "--model", "x"], "makes its own model"),
        (["--model", "no-such-folder"], "bundle.json: missing"),
    ],
)
def test_wrong_usage_is_told(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed", *options]) in (1, 2)
    assert said in capsys.readouterr().err
