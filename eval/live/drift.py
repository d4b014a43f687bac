"""Do issues, or the model's sureness, change over time? The first half of the issues beside the second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.intervals import Interval, wilson
from labeler.labels.label_set import LabelSet
from labeler.verdicts.judging import Judged

Array = np.ndarray
FEWEST = 20  # issues in all; with fewer, halves say nothing
PERMUTATIONS = 1000


@dataclass(frozen=True)
class ShareDrift:
    """The share of issues that got a label, before and after, and after minus before with its interval."""

    name: str
    before: Interval
    after: Interval
    low: float
    high: float

    @property
    def difference(self) -> float:
        return self.after.value - self.before.value

    @property
    def is_clear(self) -> bool:
        """The interval leaves out 0; with many labels, one of twenty does so by chance."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Drift:
    """Two halves of n issues, parted at the time `parted` (ISO 8601).

    Attributes:
        labels: each label that was set at all.
        divergence: Jensen–Shannon divergence of the two distributions of labels, in bits, 0..1.
        p: how often halves drawn at random differ as much: the one test of all labels together.
    """

    n: int
    parted: str
    labels: tuple[ShareDrift, ...]
    divergence: float
    p: float


@dataclass(frozen=True)
class ConfidenceDrift:
    """Mean probability of the likeliest label, before and after, and the difference with its 95 % interval."""

    before: float
    after: float
    low: float
    high: float
    n: int

    @property
    def difference(self) -> float:
        return self.after - self.before


def share_drift(judged: Sequence[Judged], labels: LabelSet, seed: int = 0) -> Drift | None:
    """Drift of the labels that the action set, over the issues where it set any; None with fewer than FEWEST."""
    rows = [(one, one.applied()) for one in judged]
    rows = [(one, applied) for one, applied in rows if any(applied)]
    if len(rows) < FEWEST:
        return None
    applied = np.array([of_issue for _, of_issue in rows])
    second = np.arange(len(rows)) >= len(rows) // 2
    found = _divergence(applied, second[None, :])[0]
    rng = np.random.default_rng(seed)
    drawn = _divergence(applied, rng.permuted(np.tile(second, (PERMUTATIONS, 1)), axis=1))
    shares = []
    for i, name in enumerate(labels.names):
        if applied[:, i].any():
            before, after = (wilson(int(applied[half, i].sum()), int(half.sum())) for half in (~second, second))
            shares.append(ShareDrift(name, before, after, *difference_ends(before, after)))
    p = (int((drawn >= found - 1e-12).sum()) + 1) / (PERMUTATIONS + 1)
    parted = rows[len(rows) // 2][0].at.isoformat()
    return Drift(len(rows), parted, tuple(shares), float(found), p)


def confidence_drift(probabilities: Array) -> ConfidenceDrift | None:
    """Drift of the highest probability of each issue, float (issues, labels) in the order of time.

    The interval is Welch's with the normal quantile. None with fewer than FEWEST issues.
    """
    if len(probabilities) < FEWEST:
        return None
    highest = probabilities.max(1)
    before, after = highest[: len(highest) // 2], highest[len(highest) // 2 :]
    reach = 1.959964 * float(np.sqrt(before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after)))
    difference = float(after.mean() - before.mean())
    return ConfidenceDrift(
        float(before.mean()), float(after.mean()), difference - reach, difference + reach, len(highest)
    )


def difference_ends(before: Interval, after: Interval) -> tuple[float, float]:
    """The ends of an interval for after - before, from the two Wilson intervals (Newcombe 1998, method 10)."""
    difference = after.value - before.value
    low = difference - float(np.hypot(after.value - after.low, before.high - before.value))
    return low, difference + float(np.hypot(after.high - after.value, before.value - before.low))


def _divergence(applied: Array, second: Array) -> Array:
    """Jensen–Shannon divergence in bits for each way to part the issues.

    Args:
        applied: bool (issues, labels); second: bool (ways, issues), True for the issues of the second half.
    """
    counts = applied.astype(float)
    after = second.astype(float) @ counts
    before = counts.sum(0) - after
    p, q = (half / np.maximum(half.sum(1, keepdims=True), 1) for half in (before, after))
    middle = (p + q) / 2

    def part(x: Array) -> Array:
        logs = np.log2(np.divide(x, middle, out=np.ones_like(x), where=x > 0))
        found: Array = (x * logs).sum(1)
        return found

    divergence: Array = (part(p) + part(q)) / 2
    return divergence
