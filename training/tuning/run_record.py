"""run.json of a tuning run's folder (`training.tuning.tuning_run`), and what can be read off it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from labeler import __version__
from labeler.errors import InputError, UsageError
from labeler.files import write_text
from training.tuning.settings import TuningSettings, as_toml, read_settings

RECORD = "run.json"
_VERSIONS = ("torch", "transformers", "peft", "trl", "accelerate", "tokenizers", "unsloth", "bitsandbytes")


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


def read_record(folder: Path) -> dict[str, Any]:
    """The run.json of a run. Raises InputError where there is none."""
    path = folder / RECORD
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: missing", "Give the folder of a run: python -m training run --out.") from error
    except ValueError as error:
        raise InputError(f"{path}: damaged", "Start the run anew in another folder.") from error
    return record


def write_record(folder: Path, record: dict[str, Any]) -> None:
    write_text(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def write_preset(folder: Path, settings: TuningSettings) -> None:
    write_text(folder / "preset.toml", as_toml(settings, f"The settings of the run {folder.name}"))


def read_result(folder: Path) -> RunResult:
    """What a tuned run made."""
    return result_of(folder, read_record(folder))


def result_of(folder: Path, record: dict[str, Any]) -> RunResult:
    """What the record of a tuned run says that it made."""
    bundle = folder / "bundle"
    whole = (bundle / "bundle.json").is_file()
    return RunResult(folder, folder / "adapter", bundle if whole else None, **record["result"])


def recorded_settings(record: dict[str, Any]) -> TuningSettings:
    """The settings of a run; one that came later is at its default."""
    given = record["settings"]
    return replace(read_settings(), **given | {"targets": tuple(given["targets"])})


def begin(folder: Path, asked: dict[str, Any], settings: TuningSettings, resume: bool) -> dict[str, Any]:
    """The record of a new run, written, or that of the run to resume.

    Raises:
        UsageError: the folder holds a run and `resume` is off, or one that was asked for something else.
    """
    asked = json.loads(json.dumps(asked | {"settings": asdict(settings)}))
    if (folder / RECORD).is_file():
        record = read_record(folder)
        if not resume:
            raise UsageError(f"{folder}: holds a run already", "Add --resume to go on with it, or give another folder.")
        changed = _changed(record, asked)
        if changed:
            raise UsageError(f"{folder}: was begun with other values: {changed}", "Give those, or another folder.")
        return record
    # The preset is written first: a run that was killed right after it has not begun.
    own = ("dataset", "base", "teacher.safetensors", "preset.toml")
    if folder.is_dir() and any(
        path.name not in own and not path.name.endswith(".partial") for path in folder.iterdir()
    ):
        raise UsageError(f"{folder}: not empty and no run", "Give a new folder.")
    record = {"status": "begun", "versions": _versions(), **asked}
    folder.mkdir(parents=True, exist_ok=True)
    write_preset(folder, settings)
    write_record(folder, record)
    return record


def _changed(record: dict[str, Any], asked: dict[str, Any]) -> str:
    before = {**record["settings"], "base": record["base"]["name"], "data": record["data"]["sha256"]}
    now = {**asked["settings"], "base": asked["base"]["name"], "data": asked["data"]["sha256"]}
    before["backend"], now["backend"] = record["backend"], asked["backend"]
    return ", ".join(f"{key} {before[key]} → {now[key]}" for key in before if before[key] != now[key])


def _versions() -> dict[str, str]:
    found = {"issue-labeler": __version__, "python": platform.python_version()}
    for name in _VERSIONS:
        if importlib.util.find_spec(name) is not None:
            found[name] = importlib.metadata.version(name)
    return found
