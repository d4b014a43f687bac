"""A tuning run from dataset and base to adapter and bundle, in a folder from which it can be resumed and redone.

RUN/run.json      what was asked for and what came out: status ("begun", "tuned", "done"), settings, base, data,
                  backend, device, precision, versions, plan, result
RUN/preset.toml   the settings, for --preset
RUN/log.jsonl     a line for every step and evaluation (`training.tuning.logs.RunLog`)
RUN/loss.svg      training and validation loss and micro-F1
RUN/adapter/      adapter_model.safetensors and adapter_config.json as peft loads them, and, where base weights were
                  trained whole, whole.safetensors with them (`training.model.adapter_files.save_trained`)
RUN/checkpoints/  while training: the last two checkpoints and the best
RUN/tensorboard/  with --report-to tensorboard
RUN/dataset/      the dataset with its splits, where it came without
RUN/base/         the weights of a bundle or of a GGUF file, or the language model of a base that also reads images
RUN/base/trimmed/ the base with the vocabulary that the settings ask for (`training.vocabulary`)
RUN/teacher.safetensors  what the linear model thinks of the training rows, where the settings ask for it
RUN/merged/       the merged model in Hugging Face form (`training.fitting.bundle_run`)
RUN/bundle/       what the action loads (`training.fitting.bundle_run`)
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from training.tuning.run_record import RECORD, RunRecord, RunResult, begin, result_of, write_record
from training.tuning.settings import TuningSettings

if TYPE_CHECKING:
    from training.tuning.prepare import Prepared
    from training.tuning.tracking import Tracking
    from training.tuning.trainer import Watcher


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
        base: what `training.model.base.find_base` takes: a folder, a GGUF file, or one of either on the Hugging Face
        Hub. backend: "auto", "unsloth", "fast" or "peft". Unsloth patches transformers for the whole process.
        resume: go on with what `out` holds.
        bundle: merge and export at the end.
        watch: called after every evaluation with step and metrics ("eval_loss", "eval_micro_f1"); True stops the run.

    Raises:
        LabelerError: something is missing or wrong, or cannot fit; nothing is trained then.
    """
    from training.tuning.plan import print_plan, refuse_what_cannot_fit
    from training.tuning.prepare import prepare
    from training.tuning.tracking import Tracking

    prepared = prepare(settings, dataset, base, out, backend)
    is_main = prepared.processes.is_main
    refuse_what_cannot_fit(prepared.plan, prepared.batches, prepared.device, settings)
    with prepared.processes.main_first():
        record = begin(out, prepared.record(dataset), resume=resume or not is_main)
    tracking = Tracking(report_to if is_main else "none", record.mlflow_run)
    try:
        about = {
            "backend": record.backend, "precision": record.precision, "device": record.device, "base": record.base.name
        }  # fmt: skip
        if run_id := tracking.begin(out.name, settings, prepared.plan, about):
            record = replace(record, mlflow_run=run_id)
            write_record(out, record)
        if record.status == "begun":
            if is_main:
                print_plan(prepared.plan, prepared.device, prepared.numerics, prepared.backend)
            record = _tune(prepared, out, record, tracking, watch)
        if is_main:
            if bundle and not (record.status == "done" and (out / "bundle").is_dir()):
                from training.fitting.bundle_run import make_bundle

                make_bundle(out, progress=lambda step: say(f"{step} …"))
            for name in ("log.jsonl", "loss.svg", RECORD, "bundle"):
                tracking.artifacts(out / name)
    finally:
        tracking.end()
    return result_of(out, record)


def _tune(prepared: Prepared, out: Path, record: RunRecord, tracking: Tracking, watch: Watcher | None) -> RunRecord:
    """Trains and records the result; the checkpoints go then, since nothing needs them any more."""
    from training.tuning.fit import fit

    result = fit(prepared, out, tracking, say, watch)
    record = replace(record, status="tuned", result=result)
    prepared.processes.wait()  # until every one has read the best checkpoint
    if prepared.processes.is_main:
        write_record(out, record)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        tracking.result(asdict(result))
    return record


def say(text: str) -> None:
    """A note on stderr."""
    print(text, file=sys.stderr, flush=True)
