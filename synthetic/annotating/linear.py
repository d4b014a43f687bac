"""Logistic regression, one for each label, on any features of the issues; what it leaves open is chosen on validation.

A label that all training rows have, or none, has weights of 0 and a bias of ± infinity: probability 1, or 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from labeler.base.examples import Examples
from labeler.base.f1 import micro_f1
from labeler.base.thresholds import fit_thresholds

Array = np.ndarray
Weights = tuple[Array, Array]  # float32 (F, labels), float64 (labels,)
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # scikit-learn's C that a head on embeddings chooses among


class Learning(Protocol):
    """What there is to learn from: `labeler.base.examples.Splits`, for one."""

    @property
    def train(self) -> Examples: ...

    @property
    def validation(self) -> Examples: ...


def logistic_weights(features: Any, train: Examples, strength: float, **options: Any) -> Weights:
    """One logistic regression a label, on the rows where the label is known: weights (F, L), biases (L,).

    Args:
        features: (n, F), dense or sparse.
        strength: scikit-learn's C, the inverse of the regularisation.
        options: how scikit-learn is to solve it.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    yes, no = (train.truth & train.known).sum(0), (~train.truth & train.known).sum(0)
    weights, biases = np.zeros((features.shape[1], len(yes))), np.zeros(len(yes))
    for label in np.flatnonzero((yes > 0) & (no > 0)):
        rows = np.flatnonzero(train.known[:, label])
        model = LogisticRegression(C=strength, max_iter=1000, random_state=0, **options)
        # Products this small are not worth sharing: threads that waited for each other took forty times as long.
        with threadpool_limits(1):
            model.fit(features[rows], train.truth[rows, label])
        weights[:, label], biases[label] = model.coef_[0], model.intercept_[0]
    return settled(weights, biases, yes, no)


def head_weights(embeddings: Array, train: Examples, strengths: Sequence[float] = STRENGTHS) -> Iterator[Weights]:
    """Logistic regression on the embeddings (n, H), each dimension to mean 0 and variance 1: weights of each strength.

    They are for embeddings as they are.
    """
    mean, spread = embeddings.mean(0), np.maximum(embeddings.std(0), 1e-6)
    for strength in strengths:
        weights, biases = logistic_weights((embeddings - mean) / spread, train, strength)
        weights = weights / spread[:, None]
        yield weights, biases - mean @ weights


def settled(weights: Array, biases: Array, yes: Array, no: Array) -> Weights:
    """The weights, but for labels that no row has (`yes`, its rows, is 0), or that none is without (`no`)."""
    one_sided = (yes == 0) | (no == 0)
    constant = np.where(yes > 0, np.inf, -np.inf)
    return np.where(one_sided, 0.0, weights).astype(np.float32), np.where(one_sided, constant, biases)


def probabilities(features: Any, weights: Array, biases: Array) -> Array:
    """Sigmoid of the linear scores: float64 (n, L)."""
    from scipy.special import expit

    if not features.shape[0]:  # then F, too, may be 0
        return np.zeros((0, len(biases)))
    found: Array = expit(np.asarray(features @ weights, dtype=np.float64) + biases)
    return found


def best_weights(
    features: Any, candidates: Iterable[Weights], learning: Learning
) -> tuple[Array, Array, tuple[float, ...]]:
    """Weights, biases and thresholds with the best micro-F1 on validation; the first of equals.

    Args:
        features: of the validation issues, (n, F).
    """
    kept = list(candidates)
    best, thresholds = best_on_validation([probabilities(features, *one) for one in kept], learning)
    return *kept[best], thresholds


def best_on_validation(found: Sequence[Array], learning: Learning) -> tuple[int, tuple[float, ...]]:
    """Which of several probabilities (n, L) of the validation issues is best by micro-F1, and its thresholds."""
    truth, known = learning.validation.truth, learning.validation.known
    fitted = [_thresholds(given, learning) for given in found]
    scores = [
        micro_f1(truth, given >= np.array(thresholds), known) for given, thresholds in zip(found, fitted, strict=True)
    ]
    best = int(np.argmax(scores))
    return best, fitted[best]


def _thresholds(found: Array, learning: Learning) -> tuple[float, ...]:
    """Thresholds on validation. A label that no training row has is never set, however frequent it is there."""
    fitted = np.array(fit_thresholds(learning.validation.truth, found, learning.validation.known))
    met = (learning.train.truth & learning.train.known).any(0)
    return tuple(np.where(met, fitted, 1.0).tolist())
