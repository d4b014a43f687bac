from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import binomtest

from eval.metrics import intervals
from eval.metrics import measures as metrics
from eval.metrics.intervals import METRICS, Difference, Interval, bootstrap, interval, paired_difference, wilson
from labeler.base import f1

FUNCTIONS: dict[str, Callable[..., float]] = {
    "micro_precision": lambda *given: f1.precision_recall_f1(*given).precision,
    "micro_recall": lambda *given: f1.precision_recall_f1(*given).recall,
    "micro_f1": f1.micro_f1,
    "macro_f1": f1.macro_f1,
    "jaccard_pooled": metrics.jaccard_pooled,
    "jaccard_mean": metrics.jaccard_mean,
    "exact_match": metrics.exact_match,
    "coverage": lambda *given: metrics.at_thresholds(*given)[0],
}


def case(n: int = 300, labels: int = 5, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, a prediction with that share of wrong cells, and what is known."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, labels)) < 0.2
    return truth, truth ^ (rng.random(truth.shape) < noise), rng.random(truth.shape) < 0.8


@pytest.mark.parametrize("metric", METRICS)
def test_the_fast_way_finds_what_the_slow_one_finds(metric: str) -> None:
    truth, predicted, known = case(80)
    known[:, 0] = True  # an issue of which nothing is known is left out by the fast way only
    fast = interval(metric, truth, predicted, known, draws=50, seed=3)
    slow = bootstrap(lambda rows: FUNCTIONS[metric](truth[rows], predicted[rows], known[rows]), 80, draws=50, seed=3)
    np.testing.assert_allclose((fast.value, fast.low, fast.high), (slow.value, slow.low, slow.high))
    assert fast.low < fast.value < fast.high
    assert fast.n == slow.n == 80


@pytest.mark.parametrize("metric", METRICS)
def test_a_difference_is_that_of_the_figures_on_the_same_draws(metric: str) -> None:
    truth, first, known = case(80)
    second, known[:, 0] = case(80, noise=0.3, seed=1)[1], True

    def difference(rows: np.ndarray) -> float:
        one, other = (FUNCTIONS[metric](truth[rows], system[rows], known[rows]) for system in (first, second))
        return one - other

    slow = bootstrap(difference, 80, draws=50, seed=3)
    fast = paired_difference(metric, truth, first, second, known, draws=50, seed=3)
    np.testing.assert_allclose((fast.value, fast.low, fast.high), (slow.value, slow.low, slow.high), atol=1e-12)
    swapped = paired_difference(metric, truth, second, first, known, draws=50, seed=3)
    assert (swapped.value, swapped.p, swapped.n) == (-fast.value, fast.p, 80)


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(300):
        matched = rng.random((150, 1)) < 0.3
        found = interval("exact_match", np.ones_like(matched), matched, draws=200, seed=seed)
        inside += found.low <= 0.3 <= found.high
    assert 0.91 <= inside / 300 <= 0.98


def test_p_is_evenly_spread_where_two_systems_are_equally_good() -> None:
    truth = np.zeros((150, 3), bool)
    truth[:, 0] = True
    ps = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        first, second = (truth ^ (rng.random(truth.shape) < 0.2) for _ in range(2))
        ps.append(paired_difference("micro_f1", truth, first, second, draws=200, seed=seed).p)
    assert 0.02 <= np.mean(np.array(ps) < 0.05) <= 0.09
    assert 0.4 <= np.mean(ps) <= 0.6


def test_pairing_sees_what_two_separate_intervals_do_not() -> None:
    truth, first, _ = case(400, noise=0.2)
    second = first.copy()
    second[:15] = ~truth[:15]
    one, other = interval("micro_f1", truth, first), interval("micro_f1", truth, second)
    assert one.low < other.high
    found = paired_difference("micro_f1", truth, first, second)
    assert found.low > 0
    assert found.p < 0.01


def test_systems_that_never_differ_have_no_difference() -> None:
    truth, first, _ = case()
    assert paired_difference("macro_f1", truth, first, first) == Difference(0.0, 0.0, 0.0, 1.0, 300)


def test_p_is_never_zero() -> None:
    truth, _, _ = case()
    assert paired_difference("micro_f1", truth, truth, ~truth, draws=999).p == 2 / 1000


def test_a_handful_of_issues_proves_nothing_however_much_they_agree() -> None:
    truth = np.eye(4, dtype=bool)
    assert [paired_difference("micro_f1", truth[:n], truth[:n], ~truth[:n]).p for n in (1, 2, 4)] == [1.0, 0.5, 0.125]


def test_issues_of_which_nothing_is_known_are_not_counted() -> None:
    truth, predicted, known = case(100)
    known[60:] = False
    known[:60, 0] = True
    part = truth[:60], predicted[:60], known[:60]
    assert interval("exact_match", truth, predicted, known) == interval("exact_match", *part)
    assert paired_difference("micro_f1", truth, truth, predicted, known).n == 60


def test_draws_made_a_few_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, predicted, known = case()
    at_once = interval("macro_f1", truth, predicted, known, draws=100)
    monkeypatch.setattr(intervals, "_CELLS_AT_ONCE", 1000)
    assert interval("macro_f1", truth, predicted, known, draws=100) == at_once


def test_another_level_is_narrower_and_another_seed_moves_little() -> None:
    truth, predicted, known = case(1000)
    wide, narrow = (interval("micro_f1", truth, predicted, known, level=level) for level in (0.95, 0.5))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    other = interval("micro_f1", truth, predicted, known, seed=1)
    assert other != wide
    assert other.low == pytest.approx(wide.low, abs=0.005)


def test_two_thousand_issues_take_less_than_a_second() -> None:
    truth, predicted, known = case(2000, 12)
    start = time.process_time()
    interval("macro_f1", truth, predicted, known)
    assert time.process_time() - start < 1.0


def test_draws_without_a_figure_are_passed_over() -> None:
    found = bootstrap(lambda rows: float("nan") if 0 in rows else 1.0, 3)
    assert (found.low, found.high) == (1.0, 1.0)
    assert np.isnan(bootstrap(lambda rows: float("nan"), 3).low)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 40), (40, 40), (8, 10), (1, 1000)])
def test_wilson_equals_scipys(hits: int, n: int) -> None:
    for level in (0.95, 0.8):
        expected = binomtest(hits, n).proportion_ci(level, method="wilson")
        found = wilson(hits, n, level)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
        assert (found.value, found.n) == (hits / n, n)


def test_issues_of_one_cluster_are_drawn_together() -> None:
    truth, predicted, _ = case(60)
    alone = interval("micro_f1", truth, predicted)
    numbered = interval("micro_f1", truth, predicted, clusters=np.arange(60))
    assert numbered == alone
    # Ten copies of each issue tell no more than the issue.
    copied = [np.repeat(cells, 10, axis=0) for cells in (truth, predicted)]
    together = interval("micro_f1", *copied, clusters=np.repeat(np.arange(60), 10))
    assert (together.value, together.low, together.high, together.n) == (alone.value, alone.low, alone.high, 600)
    assert interval("micro_f1", *copied).high - interval("micro_f1", *copied).low < 0.6 * (alone.high - alone.low)
    other = np.repeat(~truth, 10, axis=0)
    single = paired_difference("micro_f1", truth, predicted, ~truth)
    clustered = paired_difference("micro_f1", *copied, other, clusters=np.repeat(np.arange(60), 10))
    assert (clustered.value, clustered.low, clustered.p) == (single.value, single.low, single.p)


def test_no_issue_gives_no_figure() -> None:
    nothing = np.zeros((0, 2), bool)
    found = [
        interval("macro_f1", nothing, nothing),
        bootstrap(lambda rows: 1.0, 0),
        wilson(0, 0),
        paired_difference("micro_f1", nothing, nothing, nothing),
    ]
    assert all(np.isnan(one.value) and np.isnan(one.low) and one.n == 0 for one in found)
    assert str(found[0]) == "–, n = 0"


def test_a_figure_is_printed_with_its_interval_and_n() -> None:
    assert str(Interval(0.7591, 0.741, 0.7764, 2125)) == "0.759 [0.741, 0.776], n = 2,125"
    assert str(Difference(0.0123, -0.003, 0.027, 0.1239, 2125)) == "+0.012 [-0.003, +0.027], p = 0.124, n = 2,125"


@given(
    array_shapes(min_dims=2, max_dims=2, max_side=6).flatmap(
        lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape), arrays(bool, shape))
    )
)
def test_a_published_figure_is_the_tested_one_also_where_nothing_is_true_or_known(
    cells: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    if not cells[2].any():
        return  # no issue, no figure
    for metric, function in FUNCTIONS.items():
        assert interval(metric, *cells, draws=2).value == pytest.approx(function(*cells), abs=1e-12), metric
