"""Fits the map from the model's probabilities to ones that can be taken at their word (`labeler/model/calibration.py`).

Each method makes logit p = a * logit q + b by maximum likelihood over the known cells of validation issues:

none         a = 1, b = 0
temperature  one a, b = 0 (Guo et al. 2017, on the log-odds of every label)
common       one a and one b: too few or too many labels overall is not a matter of temperature
labels       a and b for every label (Platt 1999), each with a penalty of `_PULL` / 2 times its squared distance from
             the common pair, so that a label with few examples keeps to that

The method is chosen by its log loss on issues that it was not fitted on. One that needs more numbers must be better by
more than a standard error of the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.measures import calibration_error
from labeler.model.calibration import Calibration, Line, logit

Array = np.ndarray
METHODS = ("none", "temperature", "common", "labels")
FOLDS = 5
FEWEST = 50  # issues; a fold of fewer than ten says nothing
# On 1,500 validation issues of the starter, cross-validated log loss was flat from 3 to 30, and worse at 0.
_PULL = 10.0
_STEPS, _LONGEST_STEP, _CLOSE = 100, 1.0, 1e-8


@dataclass(frozen=True)
class Quality:
    """Out-of-fold figures of one method: log loss a known cell (nats), expected calibration error; both best 0."""

    log_loss: float
    calibration_error: float


@dataclass(frozen=True)
class Choice:
    """The method with its map, fitted on all issues; and every method's quality on issues it was not fitted on."""

    method: str
    calibration: Calibration | None
    qualities: dict[str, Quality]


def choose(names: Sequence[str], truth: Array, q: Array, known: Array, seed: int = 0) -> Choice:
    """The method that helps, if any does; "none", without figures, on fewer than `FEWEST` issues.

    Args:
        truth, known: bool (issues, labels); q: the model's probabilities, float64 (issues, labels).
    """
    if len(truth) < FEWEST:
        return Choice("none", None, {})
    fold = folds(len(truth), seed)
    chosen, best, qualities = "none", np.zeros(0), {}
    for method in METHODS:
        p = out_of_fold(method, names, truth, q, known, fold)
        losses = _losses(truth, p, known)
        qualities[method] = Quality(float(losses.sum() / max(1, known.sum())), calibration_error(truth, p, known))
        issues = losses.sum(1)
        if method == "none":
            best = issues
            continue
        gain = best - issues
        if gain.mean() > gain.std(ddof=1) / len(gain) ** 0.5:
            chosen, best = method, issues
    return Choice(chosen, fit(chosen, names, truth, q, known), qualities)


def fit(method: str, names: Sequence[str], truth: Array, q: Array, known: Array) -> Calibration | None:
    """The map of one method, its numbers rounded as the manifest holds them; None for "none".

    Arguments as `choose`. A method whose slope would not be positive gives None, too: such probabilities rank nothing.
    """
    if method == "none":
        return None
    scores = logit(q)
    common = _fit(scores[known], truth[known], with_offset=method != "temperature")
    if common is None:
        return None
    if method != "labels":
        return Calibration(common)
    lines = {}
    for label, name in enumerate(names):
        cells = known[:, label]
        own = _fit(scores[cells, label], truth[cells, label], toward=common, pull=_PULL)
        if own is not None:
            lines[name] = own
    return Calibration(common, lines)


def folds(issues: int, seed: int = 0) -> Array:
    """Which of `FOLDS` parts of about equal size each issue belongs to, int (issues,)."""
    return np.random.default_rng(seed).permutation(issues) % FOLDS


def out_of_fold(method: str, names: Sequence[str], truth: Array, q: Array, known: Array, fold: Array) -> Array:
    """Every issue's probabilities by a map that was fitted on the other folds, float64 (issues, labels)."""
    p = q.copy()
    for part in range(FOLDS):
        here = fold == part
        calibration = fit(method, names, truth[~here], q[~here], known[~here])
        if calibration is not None:
            p[here] = calibration(names, q[here])
    return p


def _fit(
    scores: Array, truth: Array, *, with_offset: bool = True, toward: Line | None = None, pull: float = 0.0
) -> Line | None:
    """Newton's method on the (penalised) log loss, which is convex; None where the slope comes out not positive.

    Args:
        scores: log-odds of q, float64 (cells,); truth: bool (cells,).
    """
    start = toward or Line()
    origin = np.array([start.a, start.b])
    pair = origin.copy()
    inputs = np.stack([scores, np.ones_like(scores) if with_offset else np.zeros_like(scores)], axis=1)
    ridge = max(pull, 1e-6) * np.eye(2)  # never quite nothing: cells that can be parted have no best slope
    for _ in range(_STEPS):
        p = 0.5 + 0.5 * np.tanh(inputs @ pair / 2)
        slope = inputs.T @ (p - truth) + ridge @ (pair - origin)
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + ridge
        step = np.linalg.solve(curvature, slope)
        step *= min(1.0, _LONGEST_STEP / max(np.abs(step).max(), _CLOSE))
        pair -= step
        if np.abs(step).max() < _CLOSE:
            break
    a, b = pair.round(4).tolist()
    return Line(a, b) if a > 0 else None


def _losses(truth: Array, p: Array, known: Array) -> Array:
    """Log loss of every cell in nats, 0 where it is not known, float64 (issues, labels)."""
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    return np.where(known, -np.log(np.where(truth, clipped, 1 - clipped)), 0.0)
