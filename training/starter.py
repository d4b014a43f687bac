"""From a pretrained base to the starter bundle: tune, merge, export, fit calibration and thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labeler.bundle import write_manifest
from labeler.decoder import available_cores
from labeler.labels import LabelSet, read_labels
from labeler.predict import Labeler
from training.export import export
from training.fitted import Fitted, fit_all
from training.rows import Labelled, training_rows, truth_and_known


def make_starter(recipe: dict[str, Any], data: Path, out: Path, *, compile: bool = True) -> Path:
    """Writes `out/merged` (kept if it is there already) and `out/bundle`; returns the bundle."""
    settings = recipe["tune"]
    labels = read_labels(Path(settings["labels"]))
    rows, validation = training_rows(data, labels.names, settings, recipe["seed"])
    merged, bundle = out / "merged", out / "bundle"
    if not (merged / "config.json").exists():
        from training.tune import tune

        tune(out / "base", rows, labels, settings, merged, seed=recipe["seed"], compile=compile)
    manifest = export(
        merged,
        labels,
        bundle,
        name="starter",
        version=recipe["version"],
        base_model="made from nothing by training/recipes/starter.toml",
        token_budget=settings["token_budget"],
        describe=settings["describe"],
        provenance={
            "training rows": len(rows),
            "pretraining tokens": recipe["pretrain"]["tokens"],
            "seed": recipe["seed"],
            "sources": sorted({row.source for row in rows}),
        },
    )
    fitted = _fit(bundle, labels, validation)
    metrics = {"calibration": fitted.calibration_figures}
    write_manifest(
        bundle, replace(manifest, calibration=fitted.calibration, thresholds=fitted.thresholds, metrics=metrics)
    )
    return bundle


def _fit(bundle: Path, labels: LabelSet, rows: list[Labelled]) -> Fitted:
    """Calibration and thresholds from validation rows, with the exported weights and the runtime's own engine."""
    labeler = Labeler(bundle, threads=1, workers=available_cores())
    said = labeler.predict_many(row.issue for row in rows)
    q = np.array([[p.probabilities[name] for name in labels.names] for p in said])
    truth, known = truth_and_known(rows, labels.names)
    return fit_all(labels.names, truth, q, known)
