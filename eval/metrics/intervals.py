"""How far a figure would move with other issues: bootstrap and Wilson intervals, and the paired test of two systems.

A bootstrap draw takes n of the n issues, with replacement. Most figures are functions of sums over issues, so a draw is
a vector of how often each issue was taken, and a thousand draws are one matrix product with the counts of each issue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from eval.metrics.measures import issue_jaccard
from labeler.base.f1 import prf, ratio

Array = np.ndarray
_CELLS_AT_ONCE = 4_000_000  # of the matrix of draws and issues: 32 MB


@dataclass(frozen=True)
class Interval:
    """A figure on n issues (or trials) with the ends of its interval; nan where n is 0."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.cell}, n = {self.n:,}"

    @property
    def cell(self) -> str:
        """Without n, for a table that states it elsewhere."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if self.n else "–"


@dataclass(frozen=True)
class Difference:
    """First system minus second on the same n issues, with its interval and a two-sided p."""

    value: float
    low: float
    high: float
    p: float
    n: int

    def __str__(self) -> str:
        return f"{self.cell}, p = {self.p:.3f}, n = {self.n:,}"

    @property
    def cell(self) -> str:
        """Without p and n, for a table that states them elsewhere."""
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]" if self.n else "–"


def interval(
    metric: str,
    truth: Array,
    predicted: Array,
    known: Array | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    clusters: Array | None = None,
) -> Interval:
    """A figure of `eval.metrics.measures` with its percentile bootstrap interval over issues, or over clusters of them.

    Args:
        metric: one of `METRICS`. For one label's F1 give its column alone, shape (issues, 1), and micro_f1.
        truth, predicted, known: bool (issues, labels). Issues without a known cell are left out, also of n.
        clusters: (issues,), what is drawn as a whole, such as each issue's repository: issues of one are alike, and
            another sample would hold others. With fewer than some 20 of them such an interval is too narrow (Cameron,
            Gelbach and Miller 2008). None: each issue by itself.

    Raises:
        KeyError: no such metric.
    """
    counts, figure, n = _counted(metric, truth, predicted, known, clusters)
    if not n:
        return Interval(np.nan, np.nan, np.nan, 0)
    drawn = np.concatenate([figure(taken @ counts) for taken in _draws(len(counts), draws, seed)])
    return Interval(float(figure(counts.sum(0))), *_ends(drawn, level), n)


def paired_difference(
    metric: str,
    truth: Array,
    first: Array,
    second: Array,
    known: Array | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    clusters: Array | None = None,
) -> Difference:
    """The figure of `first` minus that of `second`, both on the same draws of issues (paired bootstrap).

    p is two-sided: twice the rarer of the draws at or below, and at or above zero, one added to count and draws
    (Davison and Hinkley 1997, ch. 4), so that it is never 0, and 1 where the two systems never differ. Nor is it below
    2^(1 - m), the least that a sign test of the m issues (or clusters) where they differ could say: draws of one issue
    all agree.
    Arguments as `interval`.
    """
    counts, figure, n = _counted(metric, truth, first, known, clusters)
    others, _, _ = _counted(metric, truth, second, known, clusters)
    if not n:
        return Difference(np.nan, np.nan, np.nan, np.nan, 0)
    both = np.hstack([counts, others])
    half = counts.shape[1]
    drawn = np.concatenate(
        [
            figure(sums[:, :half]) - figure(sums[:, half:])
            for sums in (taken @ both for taken in _draws(len(both), draws, seed))
        ]
    )
    value = float(figure(counts.sum(0)) - figure(others.sum(0)))
    rarer = min((drawn <= 0).sum(), (drawn >= 0).sum())
    least = 0.5 ** (float((counts != others).any(1).sum()) - 1)
    p = min(1.0, max(least, float(2 * (rarer + 1) / (draws + 1))))
    return Difference(value, *_ends(drawn, level), p, n)


def bootstrap(
    figure: Callable[[Array], float], n: int, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval:
    """The percentile interval of any figure, slower than `interval`.

    A figure that repeated rows push up (average precision, calibration error) has its interval pushed up, too.

    Args:
        figure: from row indices (n,), each in 0..n-1 and repeated where a row was drawn again, to a number. Draws where
            it is nan (a label that was not drawn) are passed over.
    """
    if not n:
        return Interval(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(seed)
    drawn = np.array([figure(rng.integers(0, n, n)) for _ in range(draws)])
    return Interval(float(figure(np.arange(n))), *_ends(drawn, level), n)


def wilson(hits: float, n: float, level: float = 0.95) -> Interval:
    """A share with Wilson's score interval (Wilson 1927), which holds for few trials and shares near 0 or 1."""
    if not n:
        return Interval(np.nan, np.nan, np.nan, 0)
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    share = hits / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return Interval(share, max(0.0, float(middle - reach)), min(1.0, float(middle + reach)), round(n))


def _ends(drawn: Array, level: float) -> tuple[float, float]:
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return np.nan, np.nan
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draws(n: int, draws: int, seed: int) -> Iterator[Array]:
    """How often each issue is taken in each draw, float64 (some draws, n), until all draws are made."""
    if n * draws <= _CELLS_AT_ONCE:
        yield _kept_draws(n, draws, seed)
        return
    rng = np.random.default_rng(seed)
    while draws > 0:
        some = min(draws, max(1, _CELLS_AT_ONCE // n))
        yield _taken(rng, n, some)
        draws -= some


@lru_cache(maxsize=2)
def _kept_draws(n: int, draws: int, seed: int) -> Array:
    """Drawing costs more than the figures, and a report asks for many figures on the same issues."""
    taken = _taken(np.random.default_rng(seed), n, draws)
    taken.flags.writeable = False
    return taken


def _taken(rng: np.random.Generator, n: int, draws: int) -> Array:
    taken = rng.integers(0, n, (draws, n)) + np.arange(draws)[:, None] * n
    return np.bincount(taken.ravel(), minlength=draws * n).reshape(draws, n).astype(float)


_Figure = Callable[[Array], Array]  # from sums (..., columns) to figures (...)


def _counted(
    metric: str, truth: Array, predicted: Array, known: Array | None, clusters: Array | None
) -> tuple[Array, _Figure, int]:
    """Counts of each issue or cluster, float64 (units, columns), the figure of their sums, the number of issues."""
    known = np.ones(truth.shape, dtype=bool) if known is None else known
    rows = known.any(1)
    count, figure = METRICS[metric]
    counts = count((truth & known)[rows], (predicted & known)[rows]).astype(float)
    if clusters is None:
        return counts, figure, len(counts)
    found, unit = np.unique(np.asarray(clusters)[rows], return_inverse=True)
    summed = np.zeros((len(found), counts.shape[1]))
    np.add.at(summed, unit, counts)
    return summed, figure, len(counts)


def _cells(truth: Array, predicted: Array) -> Array:
    """Hits, predicted and true cells."""
    return np.stack([(truth & predicted).sum(1), predicted.sum(1), truth.sum(1)], 1)


def _label_cells(truth: Array, predicted: Array) -> Array:
    """The same of each label: all hits, then all predicted, then all true."""
    return np.hstack([truth & predicted, predicted, truth])


def _once(of_issue: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """A figure that each issue has, and 1: the mean is the ratio of the sums."""
    return lambda truth, predicted: np.stack([of_issue(truth, predicted), np.ones(len(truth))], 1)


def _mean(sums: Array) -> Array:
    return ratio(sums[..., 0], sums[..., 1])


def _micro(sums: Array) -> tuple[Array, Array, Array]:
    return prf(sums[..., 0], sums[..., 1], sums[..., 2])


def _macro_f1(sums: Array) -> Array:
    hits, said, true = np.split(sums, 3, axis=-1)
    mean: Array = prf(hits, said, true)[2].mean(-1)
    return mean


METRICS: dict[str, tuple[Callable[[Array, Array], Array], _Figure]] = {
    "micro_precision": (_cells, lambda sums: _micro(sums)[0]),
    "micro_recall": (_cells, lambda sums: _micro(sums)[1]),
    "micro_f1": (_cells, lambda sums: _micro(sums)[2]),
    "macro_f1": (_label_cells, _macro_f1),
    "jaccard_pooled": (_cells, lambda sums: ratio(sums[..., 0], sums[..., 1] + sums[..., 2] - sums[..., 0])),
    "jaccard_mean": (_once(issue_jaccard), _mean),
    "exact_match": (_once(lambda truth, predicted: (truth == predicted).all(1)), _mean),
    "coverage": (_once(lambda truth, predicted: np.any(predicted, axis=1)), _mean),
}
