"""Search for better settings: trials of a run, each with other settings, the hopeless ones stopped early.

    RUN/search/study.db      Optuna's study: a search that was stopped goes on from it
    RUN/search/trials/N/     the run of trial N; its adapter is kept while it is the best
    RUN/search/results.csv   one line a trial, the best first
    RUN/search/results.svg   the validation figure of every trial over its epochs
    RUN/search/best.toml     the best settings, for --preset

The best trial then is the run: nothing is trained a second time. Validation rows choose; test rows are never read.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.base.claim import refuse_other
from labeler.config import environment
from labeler.data.dataset_folder import DATASET
from labeler.errors import LabelerError, UsageError
from labeler.files import write_text
from training.search.results import Trial, print_results, write_results
from training.search.space import params_of, settings_of, suggest
from training.tuning.run_record import read_record
from training.tuning.settings import TuningSettings, as_toml
from training.tuning.tuning_run import run

if TYPE_CHECKING:
    import optuna

# Trials that end undisturbed before others are held against their median, and evaluations that every trial is given.
_FREE_TRIALS, _FREE_EVALUATIONS = 4, 2
_RANDOM_TRIALS = 5  # before Optuna's model of the figures chooses
_OWN = ("dataset", "base", "search")  # what a run's folder may hold before there is a run
_HEAVY = ("adapter", "checkpoints")
_MADE_LATER = ("merged", "bundle")


@dataclass(frozen=True)
class Search:
    """What a search found; `figure`, by which it chose, is "loss" or "micro_f1"; the best trial stands first."""

    figure: str
    best: TuningSettings
    trials: tuple[Trial, ...]


def search(
    settings: TuningSettings,
    dataset: Path,
    base: str,
    out: Path,
    trials: int,
    *,
    backend: str = "auto",
    report_to: str = "none",
    resume: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Search:
    """Runs trials until `trials` have ended, and makes the best one the run that `out` holds.

    The first trial has the settings as they are, so that the best is never worse. To finish the run (merge, export),
    call `training.tuning.tuning_run.run` with `Search.best` and `resume=True`.

    Raises:
        UsageError: `out` holds something else, or this search and `resume` is off.
        LabelerError: the settings as they are cannot be run.
    """
    from training.model.base import find_base
    from training.rows.rows_by_split import has_splits, write_splits
    from training.vocabulary.trimming import fitted_base

    folder = out / "search"
    _check(out, resume)
    (folder / "trials").mkdir(parents=True, exist_ok=True)
    asked = {"data": str(dataset), "base": base, "backend": backend, "settings": as_toml(settings, "asked")}
    with _study(folder, settings) as study:
        refuse_other(out, study.user_attrs.get("asked", asked), asked, UsageError)
        begun = bool(study.trials)
        if not begun:
            study.set_user_attr("asked", asked)
            study.enqueue_trial(params_of(settings))
        if not has_splits(dataset):
            parted = out / "dataset"
            kept = begun and (parted / DATASET).is_file()
            dataset = parted if kept else write_splits(dataset, parted, settings.seed)
        fitted_base(find_base(base, out / "base"), settings, out)
        _take_up_again(study)
        while (ended := len(_ended(study))) < trials:
            trial = study.ask()
            tried = suggest(trial, settings)
            as_given = ", the settings as given" if tried == settings else ""
            note(f"trial {trial.number}, {ended + 1} of {trials}{as_given}")
            _try(study, trial, tried, dataset, base, out, backend, report_to, note)
            _drop_adapters(study, folder / "trials")
            write_results(_listed(study, settings), settings.select_on, folder)
        best = settings_of(study.best_trial.params, settings)
        write_text(folder / "best.toml", as_toml(best, f"The best of {trials} trials"))
        _adopt(folder / "trials" / str(study.best_trial.number), out)
        found = _listed(study, settings)
    print_results(found, settings.select_on)
    return Search(settings.select_on, best, tuple(found))


def _check(out: Path, resume: bool) -> None:
    if int(environment().get("WORLD_SIZE", "1")) > 1:
        raise UsageError("A search runs in one process.", "Start it without accelerate launch.")
    if (out / "search" / "study.db").is_file():
        if not resume:
            raise UsageError(f"{out}: holds a search already", "Add --resume to go on with it, or give another folder.")
    elif out.is_dir() and any(path.name not in _OWN for path in out.iterdir()):
        raise UsageError(f"{out}: not empty, and no search", "Give a new folder.")


@contextmanager
def _study(folder: Path, settings: TuningSettings) -> Iterator[optuna.Study]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder.resolve() / 'study.db'}")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name="tuning",
            direction="minimize" if settings.select_on == "loss" else "maximize",
            pruner=_pruner(),
            load_if_exists=True,
        )
        # Another seed whenever it goes on: it would else draw the same settings again.
        seed = settings.seed + len(study.trials)
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=_RANDOM_TRIALS, seed=seed)
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _pruner() -> optuna.pruners.BasePruner:
    import optuna

    return optuna.pruners.MedianPruner(_FREE_TRIALS, n_warmup_steps=_FREE_EVALUATIONS + 1)


def _take_up_again(study: optuna.Study) -> None:
    """Lets trials that a kill stopped come next, under new numbers, from their last checkpoints."""
    import optuna

    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        params = trial.params or trial.system_attrs.get("fixed_params", {})
        study.enqueue_trial(params, user_attrs={"again": trial.number})


def _try(
    study: optuna.Study, trial: optuna.Trial, settings: TuningSettings, dataset: Path, base: str, out: Path,
    backend: str, report_to: str, note: Callable[[str], None],
) -> None:  # fmt: skip
    """Runs one trial and tells the study what came out."""
    import optuna

    folder = _folder_of(study, trial, out)
    watch = _Watch(trial, settings.select_on, folder)
    try:
        result = run(
            settings, dataset, base, folder,
            backend=backend, report_to=report_to, resume=True, bundle=False, watch=watch,
        )  # fmt: skip
    except LabelerError as error:
        trial.set_user_attr("error", error.what)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        shutil.rmtree(folder, ignore_errors=True)
        if not _ended(study, completed=True):
            raise
        note(f"trial {trial.number} failed: {error.what}")
        return
    finally:
        gc.collect()
    trial.set_user_attr("seconds", result.seconds)
    value = result.validation_loss if settings.select_on == "loss" else result.validation_micro_f1
    if watch.pruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, value)
    stopped = ", stopped early: worse than the median" if watch.pruned else ""
    note(f"trial {trial.number}: {settings.select_on} {value:.4f}{stopped}")


class _Watch:
    """Tells the study of every evaluation; stops a trial that is worse than the median of those before it."""

    def __init__(self, trial: optuna.Trial, figure: str, folder: Path) -> None:
        self._trial, self._figure, self._folder = trial, figure, folder
        self.pruned = False

    def __call__(self, step: int, metrics: dict[str, float]) -> bool:
        # Evaluations are counted, not steps: a smaller batch has more steps to an epoch.
        number = max(1, round(step / read_record(self._folder).plan.evaluate_every))
        self._trial.report(metrics[f"eval_{self._figure}"], number)
        self.pruned = bool(self._trial.should_prune())
        return self.pruned


def _folder_of(study: optuna.Study, trial: optuna.Trial, out: Path) -> Path:
    """The trial's folder; that of the trial it takes up again becomes its own."""
    folder = out / "search" / "trials" / str(trial.number)
    before = trial.user_attrs.get("again")
    if before is not None and (folder.parent / str(before)).is_dir():
        (folder.parent / str(before)).replace(folder)
        for number, value in study.trials[before].intermediate_values.items():
            trial.report(value, number)
    folder.mkdir(exist_ok=True)
    if (out / "base").is_dir() and not (folder / "base").exists():
        (folder / "base").symlink_to((out / "base").resolve())  # gigabytes, else written anew for every trial
    return folder


def _ended(study: optuna.Study, completed: bool = False) -> list[optuna.trial.FrozenTrial]:
    """Trials that came to an end, or only those that were completed; not those that a kill stopped."""
    import optuna

    state = optuna.trial.TrialState
    wanted = {state.COMPLETE} if completed else {state.COMPLETE, state.PRUNED}
    return [t for t in study.trials if t.state in wanted or (not completed and "error" in t.user_attrs)]


def _listed(study: optuna.Study, settings: TuningSettings) -> list[Trial]:
    """All that ended; complete ones first, the best at the head."""
    sign = 1 if settings.select_on == "loss" else -1
    found = []
    for trial in _ended(study):
        course = sorted(trial.intermediate_values.items())
        best = min((sign * value for _, value in course), default=None)
        state = "failed" if "error" in trial.user_attrs else trial.state.name.lower()
        value = trial.value if state == "complete" else None if best is None else sign * best
        tried = settings_of(trial.params, settings)
        varied = {name: vars(tried)[name] for name in (*params_of(settings), "alpha") if name in vars(tried)}
        found.append(
            Trial(
                trial.number, tried == settings, state, value, trial.user_attrs.get("seconds", 0.0), varied,
                tuple((number / settings.evaluations, value) for number, value in course),
            )
        )  # fmt: skip
    order = ("complete", "pruned", "failed")
    return sorted(found, key=lambda t: (order.index(t.state), sign * t.value if t.value is not None else 0, t.number))


def _drop_adapters(study: optuna.Study, folder: Path) -> None:
    """Removes what takes room of all trials but the best."""
    done = _ended(study, completed=True)
    for path in folder.iterdir():
        if not done or path.name != str(study.best_trial.number):
            for name in _HEAVY:
                shutil.rmtree(path / name, ignore_errors=True)


def _adopt(trial: Path, out: Path) -> None:
    """Makes the run of that trial the run of `out`, unless it is already."""
    if (out / "run.json").is_file() and read_record(out).settings == read_record(trial).settings:
        return
    for name in _MADE_LATER:
        shutil.rmtree(out / name, ignore_errors=True)
    for path in sorted(trial.iterdir(), key=lambda p: p.name == "run.json"):  # last: it says that all is there
        if path.is_symlink():
            continue
        if path.is_dir():
            shutil.copytree(path, out / path.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, out / path.name)
