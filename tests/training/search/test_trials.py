"""The search for settings: what it tries, what it keeps, going on after a kill, stopping what is hopeless."""

from __future__ import annotations

import _thread
import csv
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from labeler.errors import InputError, UsageError
from tests.training.made_up_run import made_up_record
from tests.training.small import make_rows, small_settings, write_base, write_folder
from training.cli import main
from training.search.results import Trial, draw, print_results, write_results
from training.search.space import params_of, settings_of, suggest
from training.search.trials import _pruner, _Watch, search
from training.tuning.run_record import read_record, read_result, write_record
from training.tuning.settings import TuningSettings, as_toml, read_settings

pytestmark = pytest.mark.training

SETTINGS = small_settings(epochs=1, learning_rate=3e-3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_base(tmp_path_factory.mktemp("base") / "base"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without splits: the search makes them once, for all trials."""
    return write_folder(tmp_path_factory.mktemp("data"), make_rows(60, split=False))


@contextmanager
def interrupted_when(ready: Callable[[], bool]) -> Iterator[None]:
    """As soon as `ready`, the main thread is interrupted, wherever it is."""
    left = threading.Event()

    def watch() -> None:
        while not left.wait(0.002):
            if ready():
                _thread.interrupt_main()
                return

    thread = threading.Thread(target=watch)
    # A job in the background of a shell begins with SIGINT ignored, and then nothing is interrupted.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
        signal.signal(signal.SIGINT, before)


def test_a_search_makes_its_best_trial_the_run_and_goes_on_after_a_kill(
    base: str, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    second = out / "search" / "trials" / "1" / "log.jsonl"
    with interrupted_when(lambda: second.is_file() and second.stat().st_size > 0), pytest.raises(KeyboardInterrupt):
        search(SETTINGS, dataset, base, out, 3)
    with pytest.raises(UsageError, match="holds a search already"):
        search(SETTINGS, dataset, base, out, 3)
    with pytest.raises(UsageError, match="begun with other values: settings"):
        search(replace(SETTINGS, seed=1), dataset, base, out, 3, resume=True)
    found = search(SETTINGS, dataset, base, out, 3, resume=True)

    assert len(found.trials) == 3
    assert found.figure == "loss"
    values = [trial.value for trial in found.trials]
    assert values == sorted(values)
    (given,) = (trial for trial in found.trials if trial.as_given)
    assert (given.settings["learning_rate"], given.settings["rank"], given.settings["alpha"]) == (3e-3, 4, 4.0)
    # The killed trial came again with the same settings, in the folder that it had begun.
    assert not (out / "search" / "trials" / "1").exists()
    assert {trial.number for trial in found.trials} == {0, 2, 3}

    best = out / "search" / "trials" / str(found.trials[0].number)
    assert read_record(out) == read_record(best)
    assert read_result(out).validation_loss == pytest.approx(values[0])
    assert (out / "adapter" / "adapter_model.safetensors").is_file()
    assert [path.parent.name for path in (out / "search" / "trials").glob("*/adapter")] == [best.name]
    preset = read_settings(str(out / "search" / "best.toml"))
    assert preset == found.best
    table = list(csv.reader((out / "search" / "results.csv").read_text().splitlines()))
    assert [row[0] for row in table[1:]] == [str(trial.number) for trial in found.trials]
    assert (out / "search" / "results.svg").read_text().startswith("<svg")

    # The command finds the search done, and only what comes after tuning is left to do.
    preset = tmp_path / "asked.toml"
    preset.write_text(as_toml(SETTINGS, "asked"))
    capsys.readouterr()
    asked = ["run", "--data", str(dataset), "--base", base, "--out", str(out), "--preset", str(preset), "--no-bundle"]
    assert main([*asked, "--trials", "3", "--resume", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["validation_loss"] == pytest.approx(values[0])
    assert f"{values[0]:.4f}" in printed.err


def test_a_trial_that_is_worse_than_the_median_is_stopped(tmp_path: Path) -> None:
    write_record(tmp_path, made_up_record())
    study = optuna.create_study(pruner=_pruner())
    for _ in range(4):
        trial = study.ask()
        for number in range(1, 5):
            trial.report(1.0, number)
        study.tell(trial, 1.0)
    bad, good = _Watch(study.ask(), "loss", tmp_path), _Watch(study.ask(), "loss", tmp_path)
    assert [bad(step, {"eval_loss": 1.5}) for step in (10, 20, 30)] == [False, False, True]
    assert bad.pruned
    assert [good(step, {"eval_loss": 0.9}) for step in (10, 20, 30)] == [False, False, False]
    assert not good.pruned


@pytest.mark.parametrize("preset", ["default", "few", "reference"])
def test_no_setting_tried_needs_more_memory_than_the_given_ones(preset: str) -> None:
    given = read_settings(preset)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(params_of(given))
    tried = [suggest(study.ask(), given) for _ in range(30)]
    assert tried[0] == given
    assert len(set(tried)) > 20
    for settings in tried:
        assert settings.rank <= given.rank
        assert (settings.batch_size, settings.batch_tokens) <= (given.batch_size, given.batch_tokens)
        assert given.learning_rate / 8.01 < settings.learning_rate < given.learning_rate * 8.01
        assert {key for key in vars(given) if getattr(settings, key) != getattr(given, key)} <= {
            "learning_rate", "rank", "alpha", "dropout", "weight_decay", "schedule", "batch_size",
        }  # fmt: skip


def test_a_split_that_a_dry_run_left_is_not_taken_for_that_of_the_search(
    base: str, dataset: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "run", write_folder(tmp_path / "other", make_rows(50, split=False))
    given = ["run", "--data", str(other), "--base", base, "--out", str(out), "--set", "check_memory=false"]
    assert main([*given, "--dry-run", "--json"]) == 0
    search(SETTINGS, dataset, base, out, 1)
    assert sum(read_record(out).plan.rows.values()) > 50


def test_settings_that_cannot_be_run_at_all_end_the_search(base: str, dataset: Path, tmp_path: Path) -> None:
    short = replace(SETTINGS, sequence_length=64)
    with pytest.raises(InputError, match="no room is left for the issue"):
        search(short, dataset, base, tmp_path / "run", 2)


def test_a_folder_with_a_run_in_it_is_left_alone(base: str, dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="not empty, and no search"):
        search(SETTINGS, dataset, base, tmp_path, 2)


def made_up_trials() -> list[Trial]:
    settings = params_of(SETTINGS) | {"alpha": 4.0}
    done = Trial(2, False, "complete", 0.31, 65.0, settings, ((0.5, 0.6), (1.0, 0.4), (1.5, 0.31)))
    given = Trial(0, True, "complete", 0.42, 60.0, settings, ((0.5, 0.7), (1.0, 0.5), (1.5, 0.42)))
    stopped = Trial(1, False, "pruned", 0.9, 30.0, settings | {"learning_rate": 2.4e-2}, ((0.5, 1.1), (1.0, 0.9)))
    return [done, given, stopped, Trial(3, False, "failed", None, 0.0, settings, ())]


def test_table_and_picture_show_the_best_first_and_mark_what_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(made_up_trials(), "loss", tmp_path)
    rows = list(csv.DictReader((tmp_path / "results.csv").read_text().splitlines()))
    assert [(row["trial"], row["state"], row["loss"]) for row in rows] == [
        ("2", "complete", "0.310000"), ("0", "complete", "0.420000"), ("1", "pruned", "0.900000"), ("3", "failed", ""),
    ]  # fmt: skip
    picture = draw(made_up_trials(), "loss")
    assert "the best, trial 2" in picture
    assert "the settings as given" in picture
    assert "dash" in picture.split("</style>")[1]
    print_results(made_up_trials(), "loss")
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.index("0.3100") < printed.err.index("0.4200") < printed.err.index("0.9000 *")
    assert "worse than the median" in printed.err


def test_settings_and_their_names_in_the_study_are_two_forms_of_the_same() -> None:
    assert settings_of(params_of(SETTINGS), SETTINGS) == SETTINGS
    varied = settings_of(params_of(SETTINGS) | {"rank": 2, "alpha_by_rank": 2.0}, SETTINGS)
    assert (varied.rank, varied.alpha) == (2, 4.0)
    assert isinstance(varied, TuningSettings)
