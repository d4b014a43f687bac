"""What is fitted on validation issues once the weights are final, calibration and thresholds, and how good that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eval.metrics.intervals import Interval, interval
from eval.metrics.measures import calibration_error
from labeler.base.f1 import label_table
from labeler.base.thresholds import fit_thresholds
from labeler.model.calibration import Calibration
from training.fitting.calibrate import FEWEST, FOLDS, Choice, choose, folds, out_of_fold

Array = np.ndarray
# Metric of `eval.metrics.intervals` -> what figures call it.
METRICS = {
    "micro_f1": "micro_f1",
    "macro_f1": "macro_f1",
    "micro_precision": "precision",
    "micro_recall": "recall",
    "coverage": "coverage",
    "exact_match": "exact_match",
}


@dataclass(frozen=True)
class Fitted:
    """Calibration and thresholds from all validation issues, ready for the manifest.

    Attributes:
        thresholds: label name -> calibrated probability from which it is set.
        figures: `measure` on the validation issues, each judged by what was fitted on the other folds; empty on fewer
            than `FEWEST` issues.
    """

    choice: Choice
    thresholds: dict[str, float]
    figures: dict[str, Any]

    @property
    def calibration(self) -> Calibration | None:
        return self.choice.calibration

    @property
    def calibration_figures(self) -> dict[str, Any]:
        """The method, and log loss and calibration error by method, all out of fold."""
        return {"method": self.choice.method} | {key: asdict(found) for key, found in self.choice.qualities.items()}


def fit_all(
    names: Sequence[str], truth: Array, q: Array, known: Array, target_precision: float | None = None, seed: int = 0
) -> Fitted:
    """Chooses and fits the calibration, then the thresholds on calibrated probabilities.

    Args:
        truth, known: bool (issues, labels); q: the model's probabilities, float64 (issues, labels).
        target_precision: see `fit_thresholds`.
    """
    choice = choose(names, truth, q, known, seed)
    p = q if choice.calibration is None else choice.calibration(names, q)
    # Calibration from a handful of examples must not lift over 0.5 what the model itself thinks unlikely.
    even = np.full((1, len(names)), 0.5)
    floor = (even if choice.calibration is None else choice.calibration(names, even))[0]
    how = {"target_precision": target_precision, "floor": floor, "calibrated": choice.calibration is not None}
    found = fit_thresholds(truth, p, known, **how)
    thresholds = {name: round(threshold, 4) for name, threshold in zip(names, found, strict=True)}
    if len(truth) < FEWEST:
        return Fitted(choice, thresholds, {})
    fold = folds(len(truth), seed)
    p = out_of_fold(choice.method, names, truth, q, known, fold)
    predicted = np.zeros_like(truth)
    for part in range(FOLDS):
        here = fold == part
        predicted[here] = p[here] >= fit_thresholds(truth[~here], p[~here], known[~here], **how)
    return Fitted(choice, thresholds, measure(names, truth, predicted, p, known))


def measure(names: Sequence[str], truth: Array, predicted: Array, p: Array, known: Array) -> dict[str, Any]:
    """Figures for manifest and card: [value, low, high] with 95 % bootstrap intervals; labels by name.

    Args:
        truth, predicted, known: bool (issues, labels); p: probabilities, float64 (issues, labels).
    """
    figures: dict[str, Any] = {"issues": int(known.any(1).sum())}
    for metric, name in METRICS.items():
        figures[name] = _triple(interval(metric, truth, predicted, known))
    figures["calibration_error"] = round(calibration_error(truth, p, known), 4)
    labels = {}
    for column, row in enumerate(label_table(truth, predicted, known, names)):
        its = [column]
        labels[row.name] = {
            "issues": row.support,
            "predicted": row.predicted,
            "precision": round(row.precision, 4),
            "recall": round(row.recall, 4),
            "f1": _triple(interval("micro_f1", truth[:, its], predicted[:, its], known[:, its])),
        }
    return figures | {"labels": labels}


def _triple(found: Interval) -> list[float] | None:
    """None where there is nothing to measure: JSON has no nan."""
    return [round(float(value), 4) for value in (found.value, found.low, found.high)] if found.n else None
