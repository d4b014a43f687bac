"""Figures on (issues x labels) arrays of truth and prediction."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def f1_scores(truth: Array, predicted: Array, known: Array | None = None) -> Array:
    """F1 of each label; 0 where a label is neither true nor predicted anywhere.

    Args:
        truth, predicted: bool (issues, labels).
        known: bool (issues, labels); cells that are False count nowhere. None: all are known.

    Returns:
        float64 (labels,), best 1.
    """
    known = np.ones_like(truth, dtype=bool) if known is None else known
    hits = (truth & predicted & known).sum(0)
    total = (truth & known).sum(0) + (predicted & known).sum(0)
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), 0.0)


def micro_f1(truth: Array, predicted: Array, known: Array | None = None) -> float:
    """F1 over all cells at once; 0 where nothing is true and nothing predicted."""
    known = np.ones_like(truth, dtype=bool) if known is None else known
    hits = int((truth & predicted & known).sum())
    total = int((truth & known).sum() + (predicted & known).sum())
    return 2 * hits / total if total else 0.0


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
