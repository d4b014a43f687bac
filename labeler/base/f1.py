"""Precision, recall and F1 on (issues x labels) arrays of truth and prediction.

Everywhere: `truth`, `predicted` and `known` are bool (issues, labels). A cell that is not known (the source of that
issue does not use that label) counts nowhere; `known=None` means that all are. An issue without a known cell is no
issue. A ratio of nothing to nothing is 0, as in scikit-learn with `zero_division=0`; so is every figure over no issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class PRF:
    """Precision, recall and F1, each in 0..1, best 1."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class LabelFigures:
    """One label: issues where it is true (`support`), where it is predicted, and how well the two agree."""

    name: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


def f1_scores(truth: Array, predicted: Array, known: Array | None = None) -> Array:
    """F1 of each label; 0 where a label is neither true nor predicted anywhere.

    Args:
        truth, predicted: bool (issues, labels).
        known: bool (issues, labels); cells that are False count nowhere. None: all are known.

    Returns:
        float64 (labels,), best 1.
    """
    return prf(*_sums(truth, predicted, known))[2]


def micro_f1(truth: Array, predicted: Array, known: Array | None = None) -> float:
    """F1 over all cells at once; 0 where nothing is true and nothing predicted."""
    return precision_recall_f1(truth, predicted, known).f1


def macro_f1(truth: Array, predicted: Array, known: Array | None = None) -> float:
    """Mean of `f1_scores`: every label weighs the same. A label that is never true nor predicted counts, as 0."""
    return precision_recall_f1(truth, predicted, known, "macro").f1


def precision_recall_f1(
    truth: Array,
    predicted: Array,
    known: Array | None = None,
    average: Literal["micro", "macro", "weighted"] = "micro",
) -> PRF:
    """Precision, recall and F1 over all labels.

    Args:
        average: micro, over all cells at once; macro, the mean of the labels' figures; weighted, their mean by the
            number of issues where each is true (0 where nothing is true).
    """
    hits, said, true = _sums(truth, predicted, known)
    if average == "micro":
        return PRF(*(float(figure) for figure in prf(hits.sum(), said.sum(), true.sum())))
    weights = true if average == "weighted" else np.ones(len(true))
    return PRF(*(float(ratio(figures @ weights, weights.sum())) for figures in prf(hits, said, true)))


def label_table(truth: Array, predicted: Array, known: Array | None, names: Sequence[str]) -> tuple[LabelFigures, ...]:
    """Every label's figures, in listed order; a label never predicted has precision 0, one never true recall 0."""
    sums = _sums(truth, predicted, known)
    columns = zip(names, *sums, *prf(*sums), strict=True)
    return tuple(
        LabelFigures(name, int(true), int(said), float(precision), float(recall), float(f1))
        for name, _, said, true, precision, recall, f1 in columns
    )


def known_or_all(truth: Array, known: Array | None) -> Array:
    """Which cells count, bool (issues, labels)."""
    return np.ones(truth.shape, dtype=bool) if known is None else known


def known_cells(truth: Array, predicted: Array, known: Array | None) -> tuple[Array, Array, Array]:
    """Truth and prediction, both False where nothing is known, and which cells count."""
    known = known_or_all(truth, known)
    return truth & known, predicted & known, known


def ratio(part: Array, whole: Array) -> Array:
    """part / whole, cell by cell; 0 where there is no whole."""
    found: Array = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
    return found


def prf(hits: Array, said: Array, true: Array) -> tuple[Array, Array, Array]:
    """Precision, recall and F1 from counts of cells that are hit, predicted, true."""
    return ratio(hits, said), ratio(hits, true), ratio(2 * hits, said + true)


def _sums(truth: Array, predicted: Array, known: Array | None) -> tuple[Array, Array, Array]:
    """Of each label the number of issues where it is hit, predicted, true."""
    truth, predicted, _ = known_cells(truth, predicted, known)
    return (truth & predicted).sum(0), predicted.sum(0), truth.sum(0)
