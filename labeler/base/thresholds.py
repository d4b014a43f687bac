"""The probability from which a label is set, fitted on validation rows."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
FEW = 20
NEVER = 1.0  # a calibrated probability does not reach it


def fit_thresholds(
    truth: Array,
    probabilities: Array,
    known: Array,
    few: int = FEW,
    target_precision: float | None = None,
    floor: Array | None = None,
    calibrated: bool = False,
) -> list[float]:
    """A threshold for every label, drawn toward the common one where it has few examples.

    Args:
        truth, known: bool (issues, labels); probabilities: float (issues, labels).
        few: with so many examples a label's own threshold and the common one weigh the same; with fewer
            its threshold is at least 0.5, its `floor`, and the precision aimed at.
        target_precision: in 0..1. None: each label's threshold is that of its best F1. A number: the lowest that has
            this precision; a label of `few` examples or more that has it nowhere is never set (`NEVER`).
        floor: (labels,), for labels of few examples. None: 0.5.
        calibrated: a probability is the share of issues that have the label. Then the threshold of the best F1 is half
            of that F1 (Lipton, Elkan and Naryanaswamy 2014, arXiv:1402.1892), which is estimated more steadily than
            the place of a maximum.
    """

    def fit(true: Array, given: Array) -> float:
        if target_precision is None:
            threshold, f1 = best_threshold(true, given)
            return f1 / 2 if calibrated and f1 else threshold
        return precise_threshold(true, given, target_precision)

    common = fit(truth[known], probabilities[known])
    thresholds = []
    for label in range(truth.shape[1]):
        cells = known[:, label]
        own = fit(truth[cells, label], probabilities[cells, label])
        count = int(truth[cells, label].sum())
        drawn = (own * count + common * few) / (count + few)
        if count < few:
            # What a handful of examples says of a threshold is noise: then only what is likelier than not is set.
            thresholds.append(max(drawn, 0.5, target_precision or 0.0, 0.0 if floor is None else float(floor[label])))
        else:
            thresholds.append(NEVER if own >= NEVER else drawn)
    return thresholds


def best_threshold(truth: Array, probabilities: Array) -> tuple[float, float]:
    """The threshold with the best F1 for one label, and that F1.

    Args:
        truth: bool (issues,).
        probabilities: float (issues,).

    Returns:
        The middle between the two probabilities that it parts; (0.5, 0.0) where the label is never true.
    """
    if not truth.any():
        return 0.5, 0.0
    ranked, hits, is_place = _ranked(truth, probabilities)
    scores = 2 * hits / (np.arange(1, len(ranked) + 1) + truth.sum())
    best = int(np.where(is_place, scores, -1.0).argmax())
    return _middle(ranked, best), float(scores[best])


def precise_threshold(truth: Array, probabilities: Array, target: float) -> float:
    """The lowest threshold for one label whose precision is at least `target`; `NEVER` where none has it.

    Arguments as `best_threshold`; the threshold is the middle between the two probabilities that it parts.
    """
    if not truth.any():
        return NEVER
    ranked, hits, is_place = _ranked(truth, probabilities)
    enough = np.flatnonzero(is_place & (hits + 1e-9 >= target * np.arange(1, len(ranked) + 1)))
    return _middle(ranked, int(enough[-1])) if len(enough) else NEVER


def _ranked(truth: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """Probabilities, falling; true ones among the first i + 1; whether one can cut after i."""
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    # Equal probabilities cannot be parted: only the last of a run of equals is a place to cut.
    return ranked, truth[order].cumsum(), np.append(ranked[:-1] != ranked[1:], True)


def _middle(ranked: Array, last: int) -> float:
    following = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + following) / 2)
