"""What one retraining works on: its settings, checked as far as that goes before anything is done, and its folders.

OUT/data/             the working folder of `synthetic` (`synthetic.workspace.records`), shared by all runs: issues are
                      fetched, and answers paid, once
OUT/2026-11-20/       one retraining:
    build.json        which stages are done, by a hash of their inputs (`synthetic.workspace.ledger`)
    retrain.log       what was said, with times
    dataset/          what was trained and tested on (`training.retrain.dataset`)
    run/              tuning run, merged model and bundle (`training.tuning.tuning_run`)
    evaluation.json   candidate, champion and baselines on the test rows; evaluation.md, predictions.jsonl
    comparison.html   the same as a page of `eval compare`
    gate.json         what each rule of the gate says
    published.json    where it is published
    report.html       all of it on one page; summary.md for a job's summary
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler.config import environment, read_machine
from labeler.errors import InputError
from synthetic.workspace.ledger import Done
from training.publish import parse_target
from training.retrain.config import LAST, NONE, RetrainConfig
from training.retrain.data_recipe import make_recipe
from training.tuning.settings import TuningSettings, read_settings

if TYPE_CHECKING:
    from eval.gate.rules import Rules
    from synthetic.recipe import Recipe

STAGES = ("fetch", "prepare", "label", "split", "tune", "export", "evaluate", "gate", "publish")
EVALUATION, GATE, PUBLISHED, DAY = "evaluation.json", "gate.json", "published.json", r"\d{4}-\d{2}-\d{2}"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One retraining.

    Attributes:
        root: the folder of all retrainings; day: the date that names this one's.
        stages: those to do.
        unjudged: publish what the gate has not passed.
        recipe: of the data folder; without annotators the repository's own labels count.
        champion: the bundle that the candidate is measured beside; "none".
    """

    config: RetrainConfig
    root: Path
    day: str
    stages: tuple[str, ...]
    unjudged: bool
    recipe: Recipe
    champion: str
    settings: TuningSettings
    rules: Rules
    say: Say

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def folder(self) -> Path:
        return self.root / self.day

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def bundle(self) -> Path:
        return self.run / "bundle"

    def path(self, text: str) -> Path | None:
        return Path(text) if text else None

    def read(self, name: str) -> dict[str, Any] | None:
        """A JSON file of the dated folder; None where it is not there."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path}: damaged: {error}", "Delete it: it is then made again.") from error
        return found


@dataclass(frozen=True)
class Outcome:
    """What a retraining came to.

    Attributes:
        status: "published", "refused" by the gate, "stopped" by an error, or "done": all that was asked for.
        why: of a refusal or an error.
        pin: what the action takes as `model`; "" where nothing is published.
        cost: US dollars of this run; `total`: of all runs in the folder.
    """

    status: str
    why: str
    pin: str
    folder: Path
    steps: tuple[Done, ...]
    cost: float
    total: float


def choose_stages(only: Sequence[str], skip: Sequence[str], until: str) -> tuple[str, ...]:
    """The stages to do, in order: those of `only` (all where it is empty) up to `until`, less those of `skip`."""
    last = STAGES.index(until or STAGES[-1])
    return tuple(one for one in STAGES[: last + 1] if one not in skip and (not only or one in only))


def make_job(
    config: RetrainConfig, root: Path, day: str, stages: Sequence[str], say: Say,
    *, unjudged: bool = False, sends: bool = True,
) -> Job:  # fmt: skip
    """A job whose settings fit each other and this machine's environment.

    Args:
        sends: False for a dry run, which needs no key.

    Raises:
        UsageError, InputError: something does not fit; the message says what.
    """
    from eval.gate.rules import read_rules

    machine = read_machine(environment())
    settings = read_settings(config.tune_preset, config.tune_set)
    rules = read_rules(Path(config.gate_rules) if config.gate_rules else None)
    if config.publish_to:
        parse_target(config.publish_to, config.model_name)
    if "tune" in stages and not Path(config.tune_base).is_dir() and not re.fullmatch(
        r"[\w.-]+/[\w.-]+(@\S+)?", config.tune_base
    ):  # fmt: skip
        raise InputError(f"{config.tune_base}: no such folder", "Give a folder, or owner/name of a model on the Hub.")
    if config.corrections and not Path(config.corrections).exists():
        raise InputError(f"{config.corrections}: no such file", "Make it by: python -m eval live … --out FOLDER")
    recipe = make_recipe(config, machine, root / "data", say, asks=sends and "label" in stages)
    champion = last_published(root, day) if config.champion == LAST else config.champion
    return Job(config, root, day, tuple(stages), unjudged, recipe, champion, settings, rules, say)


def last_published(root: Path, day: str) -> str:
    """What the newest retraining before `day` published; "none" where there is none. Raises InputError."""
    before = sorted(path for path in root.glob("*/" + PUBLISHED) if re.fullmatch(DAY, path.parent.name))
    pins = [path for path in before if path.parent.name < day]
    if not pins:
        return NONE
    try:
        return str(json.loads(pins[-1].read_text(encoding="utf-8"))["pin"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{pins[-1]}: damaged: {error!r}", "Name the model to beat: --champion.") from error
