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
