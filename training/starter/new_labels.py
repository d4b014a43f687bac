"""Fits from which probability a bundle sets labels that are none of its own, on the lists kept for validation.

Each issue is asked under its list, as in use; cells of labels that the model was tuned on, by name or alias, are left
out, since those have thresholds of their own. Lists are small and many, so all have one threshold in common. The
scoreboard measures on these lists too: what it says of them has this one number from them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from labeler.base.f1 import micro_f1
from labeler.console.progress import counted
from labeler.model.bundle import Manifest, read_manifest, write_manifest
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler, as_tuned
from labeler.text.issue import Issue
from training.starter.material import Example, ListExamples, Material

Array = np.ndarray
METRIC = "new labels"
_GRID = tuple(step / 100 for step in range(20, 61))
_LEAST = 0.3  # a rare wrong label says more than a missing one


def fit_new_labels(
    bundle: Path, material: Material, issues: int, seed: int, progress: Callable[[str], None] = print
) -> Manifest:
    """Writes `new_label_threshold` and its figures into the manifest of a bundle that is calibrated already.

    Args:
        issues: of each list, drawn by the seed; all, where it has no more.

    Raises:
        InputError: the material lacks something.
    """
    manifest = read_manifest(bundle)
    lists = [one for one in (*material.label_lists, *material.project_lists) if not one.is_train]
    drawn = [replace(one, examples=_drawn(one, issues, seed)) for one in lists]
    truth, p = new_cells(bundle, manifest, drawn)
    if not truth.any():
        progress("new labels: no list for validation has any, and they keep the threshold they had")
        return manifest
    threshold = best_threshold(truth, p)
    before, after = (round(micro_f1(truth, p >= limit), 4) for limit in (0.5, threshold))
    count = sum(len(one.examples) for one in drawn)
    progress(f"{METRIC}: {count:,} issues, micro-F1 {before:.3f} at 0.5, {after:.3f} at {threshold:g}")
    figures = {
        "lists": len(drawn),
        "issues": count,
        "cells": len(truth),
        "true": int(truth.sum()),
        "threshold": threshold,
        "micro_f1": after,
        "micro_f1 at 0.5": before,
    }
    metrics = manifest.metrics | {METRIC: figures}
    return write_manifest(bundle, replace(manifest, new_label_threshold=threshold, metrics=metrics))


def best_threshold(truth: Array, p: Array) -> float:
    """The hundredth with the best micro-F1 over all cells, the highest of equals, and at least `_LEAST`.

    Args:
        truth: bool (cells, 1); p: calibrated probabilities, float64 (cells, 1).
    """
    return max(_LEAST, max(_GRID, key=lambda limit: (micro_f1(truth, p >= limit), limit)))


def new_cells(bundle: Path, manifest: Manifest, lists: list[ListExamples]) -> tuple[Array, Array]:
    """Truth, bool (cells, 1), and calibrated probability, float64 (cells, 1), of the labels new to the model."""
    truth: list[bool] = []
    p: list[float] = []
    with counted(sum(len(one.examples) for one in lists), "label lists") as done:
        for one in lists:
            asked = as_tuned(one.labels, manifest.labels)
            names = [
                label.name
                for label, tuned in zip(one.labels, asked, strict=True)
                if manifest.labels.find(tuned.name) is None
            ]
            labeler = Labeler(bundle, one.labels, threads=1, workers=available_cores())
            issues = [Issue(example.title, example.body) for example in one.examples]
            for example, said in zip(one.examples, labeler.predict_many(issues, done), strict=True):
                truth += [name in example.labels for name in names]
                p += [said.probabilities[name] for name in names]
    return np.array(truth, dtype=bool)[:, None], np.array(p)[:, None]


def _drawn(one: ListExamples, count: int, seed: int) -> tuple[Example, ...]:
    examples = one.examples
    return examples if len(examples) <= count else tuple(random.Random(seed).sample(examples, count))
