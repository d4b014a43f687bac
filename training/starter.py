"""From a pretrained base to the starter bundle: tune, merge, export, fit thresholds, write the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labeler.bundle import Manifest, write_manifest
from labeler.decoder import available_cores
from labeler.labels import LabelSet, read_labels
from labeler.predict import Labeler
from training.export import export
from training.rows import Labelled, training_rows, truth_and_known
from training.thresholds import fit_thresholds


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
    write_manifest(bundle, replace(manifest, thresholds=_thresholds(bundle, manifest, labels, validation)))
    return bundle


def _thresholds(bundle: Path, manifest: Manifest, labels: LabelSet, rows: list[Labelled]) -> dict[str, float]:
    """Thresholds fitted on validation rows, with the exported weights and the runtime's own engine."""
    labeler = Labeler(bundle, threads=1, workers=available_cores())
    said = labeler.predict_many(row.issue for row in rows)
    probabilities = np.array([[p.probabilities[name] for name in labels.names] for p in said])
    truth, known = truth_and_known(rows, labels.names)
    fitted = fit_thresholds(truth, probabilities, known)
    return {name: round(threshold, 3) for name, threshold in zip(labels.names, fitted, strict=True)}
