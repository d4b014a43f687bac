"""A tuning run from dataset and base to adapter and bundle, in a folder from which it can be resumed and redone.

RUN/run.json      what was asked for and what came out: status ("begun", "tuned", "done"), settings, base, data,
                  backend, device, precision, versions, plan, result
RUN/preset.toml   the settings, for --preset
RUN/log.jsonl     a line for every step and evaluation (`training.logs.RunLog`)
RUN/loss.svg      training and validation loss and micro-F1
RUN/adapter/      adapter_model.safetensors and adapter_config.json as peft loads them, and, where base weights were
                  trained whole, whole.safetensors with them (`training.backends.save_trained`)
RUN/checkpoints/  while training: the last two checkpoints and the best
RUN/tensorboard/  with --report-to tensorboard
RUN/dataset/      the dataset with its splits, where it came without
RUN/base/         the weights of a bundle or of a GGUF file, or the language model of a base that also reads images
RUN/base/trimmed/ the base with the vocabulary that the settings ask for (`training.vocabulary`)
RUN/teacher.safetensors  what the linear model thinks of the training rows, where the settings ask for it
RUN/merged/       the merged model in Hugging Face form (`training.bundle_run`)
RUN/bundle/       what the action loads (`training.bundle_run`)
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler import __version__
from labeler.errors import InputError, UsageError
from labeler.files import write_text
from training.settings import TuningSettings, as_toml, read_settings

if TYPE_CHECKING:
    from training.prepare import Prepared
    from training.tracking import Tracking

Watcher = Callable[[int, dict[str, float]], bool]
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


def run(
    settings: TuningSettings,
    dataset: Path,
    base: str,
    out: Path,
    *,
    backend: str = "auto",
    report_to: str = "none",
    resume: bool = False,
    bundle: bool = True,
    watch: Watcher | None = None,
) -> RunResult:
    """Tunes `base` on `dataset`, writes `out` as above and makes its bundle.

    Args:
        base: what `training.base.find_base` takes: a folder, a GGUF file, or one of either on the Hugging Face Hub.
        backend: "auto", "unsloth" or "peft". Unsloth patches transformers for the whole process.
        resume: go on with what `out` holds.
        bundle: merge and export at the end.
        watch: called after every evaluation with step and metrics ("eval_loss", "eval_micro_f1"); True stops the run.

    Raises:
        LabelerError: something is missing or wrong, or cannot fit; nothing is trained then.
    """
    from training.plan import print_plan, refuse_what_cannot_fit
    from training.prepare import prepare
    from training.tracking import Tracking

    prepared = prepare(settings, dataset, base, out, backend)
    is_main = prepared.processes.is_main
    refuse_what_cannot_fit(prepared.plan, prepared.batches, prepared.device, settings)
    with prepared.processes.main_first():
        record = begin(out, prepared.asked(dataset), settings, resume=resume or not is_main)
    tracking = Tracking(report_to if is_main else "none", record.get("mlflow_run", ""))
    try:
        about = {key: record[key] for key in ("backend", "precision", "device")} | {"base": record["base"]["name"]}
        if run_id := tracking.begin(out.name, settings, prepared.plan, about):
            record["mlflow_run"] = run_id
            write_record(out, record)
        if record["status"] == "begun":
            if is_main:
                print_plan(prepared.plan, prepared.device, prepared.numerics, prepared.backend)
            record = _tune(prepared, out, record, tracking, watch)
        if is_main:
            if bundle and not (record["status"] == "done" and (out / "bundle").is_dir()):
                from training.bundle_run import make_bundle

                make_bundle(out, progress=lambda step: say(f"{step} …"))
            for name in ("log.jsonl", "loss.svg", RECORD, "bundle"):
                tracking.artifacts(out / name)
    finally:
        tracking.end()
    return _result(out, record)


def _tune(
    prepared: Prepared, out: Path, record: dict[str, Any], tracking: Tracking, watch: Watcher | None
) -> dict[str, Any]:
    """Trains and records the result; the checkpoints go then, since nothing needs them any more."""
    from training.fit import fit

    result = fit(prepared, out, tracking, say, watch)
    record |= {"status": "tuned", "result": result}
    prepared.processes.wait()  # until every one has read the best checkpoint
    if prepared.processes.is_main:
        write_record(out, record)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        tracking.result(result)
    return record


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
    return _result(folder, read_record(folder))


def _result(folder: Path, record: dict[str, Any]) -> RunResult:
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


def say(text: str) -> None:
    """A note on stderr."""
    print(text, file=sys.stderr, flush=True)
