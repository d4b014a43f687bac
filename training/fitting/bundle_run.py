"""From a finished run to a bundle: merge, export, fit calibration and thresholds, measure, write the card.

Reads of the run's folder run.json, adapter/ and the data it names (`training/tuning/tuning_run.py`), and writes into it

merged/   the tuned model in 16 bits, for transformers, vLLM or llama.cpp's converter
bundle/   what the labeller runs; whole or absent
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from eval.data.rows import Labelled, truth_and_known
from eval.reports.sections import CARD, keep_sections
from labeler.console.progress import counted
from labeler.data.dataset_folder import DATASET
from labeler.decision.candidates import DEFAULT_THRESHOLD
from labeler.errors import InputError
from labeler.model.bundle import Manifest, read_manifest, write_manifest
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler
from training.export.bundle_export import export
from training.fitting.fitted import fit_all, measure
from training.model.base import Base
from training.model.card import card
from training.model.licence import licence_of, licence_of_bundle, write_licence, write_notice
from training.model.merge import merge
from training.rows.rows_by_split import TuningData, read_tuning_data
from training.tuning.run_record import RunRecord, read_record, write_preset, write_record
from training.tuning.settings import TuningSettings, read_settings

ADAPTER, MERGED, BUNDLE = "adapter", "merged", "bundle"
_METRICS = ("calibration", "target_precision", "validation", "test")  # what the manifest holds from here
Array = np.ndarray
Progress = Callable[[str], None]


def make_bundle(
    run: Path,
    *,
    name: str = "",
    version: str = "",
    base_model: str = "",
    command: str = "",
    target_precision: float | None = None,
    merge_share: float | None = None,
    progress: Progress = lambda step: None,
) -> Path:
    """The bundle of a finished run, in `run/bundle`, in place of an older one.

    Args:
        name: default: the folder's name; version: default: today's date.
        base_model: what the card calls the base; default: its name.
        command: what the card says to reproduce it by; default: the run with its settings.
        target_precision: see `fit_thresholds`.
        merge_share: takes the place of the run's own setting, in its record too.

    Raises:
        InputError: the run is not finished, or its data changed since.
    """
    record = read_record(run)
    if record.status == "begun":
        raise InputError(f"{run}: tuning is not finished", "Go on with it: python -m training run --resume")
    base, data = record.base, read_tuning_data(Path(record.data.path))
    if data.sha256 != record.data.sha256:
        remedy = "Restore the data, or run the tuning again."
        raise InputError(f"{data.file}: not the data that {run} was tuned on: its sha256 differs", remedy)
    if merge_share is not None:
        record = replace(record, settings=replace(record.settings, merge_share=merge_share))
    settings = record.settings
    merged = merge(Path(base.path), run / ADAPTER, run / MERGED, progress, settings.merge_share)
    write_licence(merged, licence_of(base.name, Path(base.path)))
    making = run / f"{BUNDLE}.making"
    shutil.rmtree(making, ignore_errors=True)
    try:
        manifest = export(
            merged,
            data.labels,
            making,
            name=name or run.resolve().name,
            version=version or date.today().isoformat(),
            base_model=base_model or _public_name(base),
            token_budget=record.token_budget,
            describe=record.describe,
            plain_text=settings.plain_serving,
            provenance=_provenance(
                record,
                base,
                data.with_rows(settings.rows, settings.seed),
                command or _command(record, base, target_precision),
            ),
            progress=progress,
        )
        finish(making, manifest, data, target_precision, settings.seed, progress, older=run / BUNDLE)
        shutil.rmtree(run / BUNDLE, ignore_errors=True)
        os.replace(making, run / BUNDLE)
        write_record(run, replace(record, status="done"))
        write_preset(run, settings)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return run / BUNDLE


def finish(
    bundle: Path,
    manifest: Manifest,
    data: TuningData,
    target_precision: float | None = None,
    seed: int = 0,
    progress: Progress = lambda step: None,
    older: Path | None = None,
) -> Manifest:
    """Fits on the validation rows, measures on the test rows, and writes both with the card into a fresh export.

    Args:
        older: a bundle that this one replaces: where its weights are the same, what others measured of it is kept.
    """
    names = data.labels.names
    progress("validation")
    truth, known = truth_and_known(data.validation, names)
    q = _read(bundle, data.validation, "validation")
    fitted = fit_all(names, truth, q, known, target_precision, seed)
    metrics: dict[str, Any] = {"calibration": fitted.calibration_figures}
    if target_precision is not None:
        metrics["target_precision"] = target_precision
    if fitted.figures:
        metrics["validation"] = fitted.figures
    manifest = replace(manifest, calibration=fitted.calibration, thresholds=fitted.thresholds)
    write_manifest(bundle, manifest)
    progress("test")
    truth, known = truth_and_known(data.test, names)
    p = _read(bundle, data.test, "test")
    thresholds = np.array([manifest.thresholds.get(name, DEFAULT_THRESHOLD) for name in names])
    metrics["test"] = measure(names, truth, p >= thresholds, p, known)
    return _write_card(bundle, replace(manifest, metrics=metrics), older)


def _read(bundle: Path, rows: Sequence[Labelled], what: str) -> Array:
    """Probabilities by the runtime, calibrated if the manifest says how: float64 (rows, labels)."""
    labeler = Labeler(bundle, threads=1, workers=available_cores())
    with counted(len(rows), what) as done:
        said = labeler.predict_many((row.issue for row in rows), done)
    return np.array([list(prediction.probabilities.values()) for prediction in said])


def _write_card(bundle: Path, manifest: Manifest, older: Path | None) -> Manifest:
    text = card(manifest)
    if older is not None and (older / CARD).is_file() and _same_weights(read_manifest(older), manifest):
        text = keep_sections(text, (older / CARD).read_text(encoding="utf-8"))
        others = {key: found for key, found in read_manifest(older).metrics.items() if key not in _METRICS}
        manifest = replace(manifest, metrics=others | manifest.metrics)
    write_notice(bundle, licence_of_bundle(manifest))
    (bundle / CARD).write_text(text, encoding="utf-8")
    return write_manifest(bundle, manifest)


def _same_weights(one: Manifest, other: Manifest) -> bool:
    return one.weights == other.weights


def _provenance(record: RunRecord, base: Base, data: TuningData, command: str) -> dict[str, Any]:
    sources = Counter(row.source or "unnamed" for row in data.train)
    found = {
        "made": date.today().isoformat(),
        "licence": licence_of(base.name, Path(base.path)),
        "base revision": base.revision,
        "data": _data_name(record),
        "data sha256": data.sha256,
        "rows": {split: len(rows) for split, rows in data.splits.items()},
        "sources": dict(sources.most_common()),
        "settings": _public_settings(record.settings),
        "backend": record.backend,
        "device": record.device,
        "precision": record.precision,
        "command": command,
        "versions": record.versions,
    }
    return {key: value for key, value in found.items() if value != ""}


def _command(record: RunRecord, base: Base, target_precision: float | None) -> str:
    """What makes the run again, whatever the default preset of a later version says."""
    given = base.reference if base.revision else _public_name(base)
    words = ["python -m training run", "--data", _data_name(record), "--base", given, "--out", "run"]
    words += ["--backend", record.backend]
    default = asdict(read_settings())
    for key, value in _public_settings(record.settings).items():
        if value != default[key]:
            words += ["--set", f"{key}={_word(value)}"]
    line = " ".join([words[0], *map(shlex.quote, words[1:])])
    if target_precision is not None:
        line += f"\npython -m training bundle --run run --target-precision {target_precision:g}"
    return line


def _public_settings(settings: TuningSettings) -> dict[str, Any]:
    """Without what leads to the one file that they may name: that is nobody's business."""
    return asdict(settings) | {"vocabulary_counts": Path(settings.vocabulary_counts).name}


def _word(value: Any) -> str:
    """A setting as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _public_name(base: Base) -> str:
    """The Hub's name, or the folder's without what leads to it: that is nobody's business."""
    return base.name if base.revision else Path(base.name).resolve().name


def _data_name(record: RunRecord) -> str:
    given = Path(record.data.given).resolve()
    return given.parent.name if given.name == DATASET else given.name
