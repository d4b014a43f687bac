"""Figures on (issues x labels) arrays of truth and prediction.

Everywhere: `truth`, `predicted` and `known` are bool (issues, labels), `probabilities` float (issues, labels). A cell
that is not known (the source of that issue does not use that label) counts nowhere; `known=None` means that all are. An
issue without a known cell is no issue. A ratio of nothing to nothing is 0, as in scikit-learn with `zero_division=0`,
unless the function says otherwise; so is every figure over no issue at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labeler.base.f1 import known_cells, known_or_all, ratio

Array = np.ndarray


@dataclass(frozen=True)
class Curve:
    """Coverage against precision, from strict thresholds to lax ones; all float64 (points,).

    Attributes:
        coverage: share of issues that get at least one label, rising.
        precision: share of the set labels that are true.
        scale: by how much every threshold is raised, in log-odds, falling; 0 is the thresholds as they are.
    """

    coverage: Array
    precision: Array
    scale: Array


def issue_jaccard(truth: Array, predicted: Array, known: Array | None = None) -> Array:
    """Shared labels / all labels of each issue's two sets, float64 (issues,); 1 where both are empty."""
    truth, predicted, _ = known_cells(truth, predicted, known)
    union = (truth | predicted).sum(1)
    return np.where(union > 0, ratio((truth & predicted).sum(1), union), 1.0)


def jaccard_mean(truth: Array, predicted: Array, known: Array | None = None) -> float:
    """Mean of `issue_jaccard`, best 1: an issue with neither a true nor a predicted label counts 1."""
    return _mean(issue_jaccard(truth, predicted, known), truth, known)


def jaccard_pooled(truth: Array, predicted: Array, known: Array | None = None) -> float:
    """Shared labels of all issues / labels of either set of all issues, best 1; issues without any add nothing."""
    truth, predicted, _ = known_cells(truth, predicted, known)
    return float(ratio((truth & predicted).sum(), (truth | predicted).sum()))


def exact_match(truth: Array, predicted: Array, known: Array | None = None) -> float:
    """Share of issues whose label set is right in every known cell, best 1; two empty sets match."""
    truth, predicted, _ = known_cells(truth, predicted, known)
    return _mean((truth == predicted).all(1), truth, known)


def labels_an_issue(labels: Array, known: Array | None = None) -> float:
    """Mean number of labels that an issue has, by `labels` bool (issues, labels), be it truth or prediction."""
    return _mean((labels & known_or_all(labels, known)).sum(1), labels, known)


def extra_labels(truth: Array, predicted: Array, known: Array | None = None) -> float:
    """Mean number of predicted labels an issue that are not true, best 0."""
    return labels_an_issue(predicted & ~truth, known)


def missing_labels(truth: Array, predicted: Array, known: Array | None = None) -> float:
    """Mean number of true labels an issue that are not predicted, best 0."""
    return labels_an_issue(truth & ~predicted, known)


def at_thresholds(truth: Array, predicted: Array, known: Array | None = None) -> tuple[float, float]:
    """Coverage, the share of issues that get at least one label, and the precision of the labels set.

    Both in 0..1. A label set in an unknown cell covers nothing: where little is known, coverage is understated.
    """
    truth, predicted, known = known_cells(truth, predicted, known)
    coverage = _mean(np.any(predicted, axis=1), truth, known)
    return coverage, float(ratio((truth & predicted).sum(), predicted.sum()))


def coverage_precision(
    truth: Array, probabilities: Array, thresholds: Sequence[float], known: Array | None = None, points: int = 50
) -> Curve:
    """Coverage and precision while all thresholds move together in log-odds, as far as coverage goes.

    The points part the issues evenly by how far their likeliest label is from its threshold, so that coverage rises in
    even steps to 1; one more point is the thresholds as they are (`at_thresholds` of `probabilities >= thresholds`).
    Equal issues share a point. Without any issue the curve has no point.
    """
    truth, known = known_cells(truth, truth, known)[::2]
    above = np.where(known, _log_odds(probabilities) - _log_odds(np.asarray(thresholds)), -np.inf)
    best = above.max(1)[known.any(1)]
    if not len(best):
        return Curve(np.zeros(0), np.zeros(0), np.zeros(0))
    ranks = np.ceil(np.arange(1, points + 1) / points * len(best)).astype(int) - 1
    scale = np.unique([*np.sort(best)[::-1][ranks], 0.0])[::-1]
    # Where no label reaches its threshold there is no precision to show.
    scale = scale[scale <= best.max()]
    pairs = np.array([at_thresholds(truth, above >= shift, known) for shift in scale])
    return Curve(pairs[:, 0], pairs[:, 1], scale)


def average_precision(truth: Array, probabilities: Array, known: Array | None = None) -> Array:
    """Mean precision over the recall steps of each label's ranking, float64 (labels,), best 1.

    sum of (R_k - R_k-1) P_k, not interpolated; equal probabilities are one step. nan where a label is never true.
    """
    known = known_or_all(truth, known)
    figures = np.full(truth.shape[1], np.nan)
    for label in np.flatnonzero((truth & known).any(0)):
        cells = known[:, label]
        scores, order = probabilities[cells, label], np.argsort(-probabilities[cells, label], kind="stable")
        hits = truth[cells, label][order].cumsum()
        ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
        figures[label] = np.diff(hits[ends], prepend=0) @ (hits[ends] / (ends + 1)) / hits[-1]
    return figures


def mean_average_precision(truth: Array, probabilities: Array, known: Array | None = None) -> float:
    """Mean of `average_precision` over the labels that are true somewhere; nan where none is."""
    figures = average_precision(truth, probabilities, known)
    return float(np.nanmean(figures)) if not np.isnan(figures).all() else float("nan")


def reliability(
    truth: Array, probabilities: Array, known: Array | None = None, bins: int = 10
) -> tuple[Array, Array, Array]:
    """What a probability is worth: cells of all labels in `bins` of equal width, [0, 0.1), …, [0.9, 1].

    Returns:
        Mean probability and share true, float64 (bins,), nan in an empty bin; number of cells, int (bins,).
    """
    known = known_or_all(truth, known)
    given, true = probabilities[known], truth[known]
    # A little more than nothing, since 0.3 * 10 may fall short of 3.
    place = np.minimum((given * bins + 1e-9).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means, shares = (np.bincount(place, weights, bins) / counts for weights in (given, true))
    return means, shares, counts


def calibration_error(truth: Array, probabilities: Array, known: Array | None = None, bins: int = 10) -> float:
    """Expected calibration error over the cells of all labels, best 0, worst 1; 0 without a cell.

    Mean distance of `reliability`'s mean probability and share true, by the bins' cells (Naeini 2015, Guo 2017). With
    few cells a bin it is too large even for perfect probabilities.
    """
    means, shares, counts = reliability(truth, probabilities, known, bins)
    return float(ratio(np.nansum(np.abs(means - shares) * counts), counts.sum()))


def brier(truth: Array, probabilities: Array, known: Array | None = None) -> float:
    """Mean squared distance of probability and truth (1 or 0) over the cells of all labels, best 0, worst 1."""
    known = known_or_all(truth, known)
    return float(ratio(((probabilities - truth)[known] ** 2).sum(), known.sum()))


def _mean(figures: Array, truth: Array, known: Array | None) -> float:
    """Mean over the issues that have a known cell."""
    counted = known_or_all(truth, known).any(1)
    return float(figures[counted].mean()) if counted.any() else 0.0


def _log_odds(probabilities: Array) -> Array:
    clipped = np.clip(probabilities, 1e-15, 1 - 1e-15)
    found: Array = np.log(clipped) - np.log1p(-clipped)
    return found
