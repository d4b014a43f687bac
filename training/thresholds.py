"""The probability from which a label is set, fitted on validation rows."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def fit_thresholds(truth: Array, probabilities: Array, known: Array, few: int = 20) -> list[float]:
    """A threshold for every label: its best F1, drawn toward the common one where it has few examples.

    Args:
        truth, known: bool (issues, labels); probabilities: float (issues, labels).
        few: with so many examples a label's own threshold and the common one weigh the same; with fewer
            its threshold is at least 0.5.
    """
    common, _ = best_threshold(truth[known], probabilities[known])
    thresholds = []
    for label in range(truth.shape[1]):
        cells = known[:, label]
        own, _ = best_threshold(truth[cells, label], probabilities[cells, label])
        count = int(truth[cells, label].sum())
        drawn = (own * count + common * few) / (count + few)
        # What a handful of examples says of a threshold is noise: then only what is likelier than not is set.
        thresholds.append(drawn if count >= few else max(drawn, 0.5))
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
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], truth[order].cumsum()
    scores = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
    # Equal probabilities cannot be parted: only the last of a run of equals is a place to cut.
    scores[:-1][ranked[:-1] == ranked[1:]] = -1.0
    best = int(scores.argmax())
    following = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + following) / 2), float(scores[best])
