"""run.json of a tuning run's folder (`training.tuning.tuning_run`), and what can be read off it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from labeler import __version__
from labeler.base.claim import refuse_other
from labeler.base.typed import Source
from labeler.errors import InputError, UsageError
from labeler.files import write_text
from training.model.base import Base
from training.tuning.plan import Plan
from training.tuning.settings import TuningSettings, as_toml, read_settings

RECORD = "run.json"
_VERSIONS = ("torch", "transformers", "peft", "trl", "accelerate", "tokenizers", "unsloth", "bitsandbytes")
_ANEW = "Start the run anew in another folder."


@dataclass(frozen=True)
class RunData:
    """The dataset of a run: the path as it was given, that of the file with the rows, and the hash of its content."""

    given: str
    path: str
    sha256: str


@dataclass(frozen=True)
class RunFigures:
    """What tuning came to. The loss is in nats a token of the answer.

    Attributes:
        steps, best_step: steps done, and the one whose weights were kept.
        validation_micro_f1: None where it was not measured.
        seconds: spent in steps.
    """

    steps: int
    best_step: int
    validation_loss: float
    validation_micro_f1: float | None
    seconds: float


@dataclass(frozen=True)
class RunRecord:
    """run.json: what a run was asked for, with what it was done, and what came out.

    Attributes:
        status: "begun", "tuned" or, with its bundle made, "done".
        versions: package -> version.
        base: what was tuned.
        processes: of `accelerate launch`; 1 without it.
        token_budget: tokens of an issue's text in a prompt; describe: whether labels come with their descriptions.
        mlflow_run: MLflow's id of it, "" for none.
        result: None until it is tuned.
    """

    status: Literal["begun", "tuned", "done"]
    versions: dict[str, str]
    base: Base
    data: RunData
    backend: str
    device: str
    processes: int
    precision: str
    optimizer: str
    token_budget: int
    describe: bool
    plan: Plan
    settings: TuningSettings
    mlflow_run: str = ""
    result: RunFigures | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the file holds it: without what there is not yet."""
        found = {key: value for key, value in asdict(self).items() if key not in ("mlflow_run", "result") or value}
        return found | {"plan": self.plan.to_dict()}

    @classmethod
    def from_dict(cls, given: Any, path: Path) -> RunRecord:
        """What the file at `path` holds; a setting that came later is at its default.

        Raises:
            InputError: a key is missing or unknown, or a value cannot be; names file and key.
        """
        source = Source(lambda key: str(path), compare=_ANEW)
        if isinstance(given, Mapping):
            given = dict(given)
            if "settings" in given:
                given["settings"] = _settings(source, given["settings"], path)
            if isinstance(given.get("plan"), Mapping):  # the sum is there for whoever reads the file
                given["plan"] = {key: value for key, value in given["plan"].items() if key != "memory_total"}
        record = source.whole(cls, given)
        if record.status != "begun" and record.result is None:
            raise InputError(f"{path}: missing: result, while status is {record.status!r}", _ANEW)
        return record


@dataclass(frozen=True)
class RunResult:
    """What a run made. The loss is in nats a token of the answer; `bundle` is None until there is one."""

    folder: Path
    adapter: Path
    bundle: Path | None
    steps: int
    best_step: int
    validation_loss: float
    validation_micro_f1: float | None
    seconds: float


def read_record(folder: Path) -> RunRecord:
    """The run.json of a run. Raises InputError where there is none, or it is damaged."""
    path = folder / RECORD
    try:
        given = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: missing", "Give the folder of a run: python -m training run --out.") from error
    except ValueError as error:
        raise InputError(f"{path}: damaged: {error}", _ANEW) from error
    return RunRecord.from_dict(given, path)


def write_record(folder: Path, record: RunRecord) -> None:
    write_text(folder / RECORD, json.dumps(record.to_dict(), indent=1, ensure_ascii=False) + "\n")


def write_preset(folder: Path, settings: TuningSettings) -> None:
    write_text(folder / "preset.toml", as_toml(settings, f"The settings of the run {folder.name}"))


def read_result(folder: Path) -> RunResult:
    """What a tuned run made."""
    return result_of(folder, read_record(folder))


def result_of(folder: Path, record: RunRecord) -> RunResult:
    """What the record of a tuned run says that it made. Raises InputError where tuning is not finished."""
    if record.result is None:
        raise InputError(f"{folder}: tuning is not finished", "Go on with it: python -m training run --resume")
    bundle = folder / "bundle"
    whole = (bundle / "bundle.json").is_file()
    return RunResult(folder, folder / "adapter", bundle if whole else None, **asdict(record.result))


def begin(folder: Path, asked: RunRecord, resume: bool) -> RunRecord:
    """The record of a new run, written, or that of the run to resume.

    Raises:
        UsageError: the folder holds a run and `resume` is off, or one that was asked for something else.
    """
    if (folder / RECORD).is_file():
        record = read_record(folder)
        if not resume:
            raise UsageError(f"{folder}: holds a run already", "Add --resume to go on with it, or give another folder.")
        refuse_other(folder, _held(record), _held(asked), UsageError)
        return record
    # The preset is written first: a run that was killed right after it has not begun.
    own = ("dataset", "base", "teacher.safetensors", "preset.toml")
    if folder.is_dir() and any(
        path.name not in own and not path.name.endswith(".partial") for path in folder.iterdir()
    ):
        raise UsageError(f"{folder}: not empty and no run", "Give a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_preset(folder, asked.settings)
    write_record(folder, asked)
    return asked


def _settings(source: Source, given: Any, path: Path) -> TuningSettings:
    found = source.some(TuningSettings, given, "settings")
    try:
        return replace(read_settings(), **found)
    except UsageError as error:  # nobody gave it on the command line
        raise InputError(f"{path}: settings: {error.what}", error.remedy) from error


def _held(record: RunRecord) -> dict[str, Any]:
    """What a run that goes on must have been begun with."""
    named = {"base": record.base.name, "data": record.data.sha256, "backend": record.backend}
    return asdict(record.settings) | named


def versions() -> dict[str, str]:
    """Those of this package, of Python, and of what tuning rests on, as far as it is installed."""
    found = {"issue-labeler": __version__, "python": platform.python_version()}
    for name in _VERSIONS:
        if importlib.util.find_spec(name) is not None:
            found[name] = importlib.metadata.version(name)
    return found
