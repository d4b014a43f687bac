from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn import metrics as sklearn
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score

from eval.metrics.measures import (
    at_thresholds,
    average_precision,
    brier,
    calibration_error,
    coverage_precision,
    exact_match,
    extra_labels,
    jaccard_mean,
    jaccard_pooled,
    labels_an_issue,
    mean_average_precision,
    missing_labels,
    reliability,
)
from labeler.base.f1 import PRF, LabelFigures, f1_scores, label_table, macro_f1, micro_f1, precision_recall_f1
from labeler.base.thresholds import best_threshold, fit_thresholds

PAIRS = array_shapes(min_dims=2, max_dims=2, max_side=12).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)
SEVERAL = PAIRS.filter(lambda pair: pair[0].shape[1] > 1)  # scikit-learn takes one label for a list of classes
SHARES = st.sampled_from([0.0, 0.05, 0.25, 0.5, 0.55, 0.9, 1.0])
GRADED = array_shapes(min_dims=2, max_dims=2, max_side=12).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(float, shape, elements=SHARES), arrays(bool, shape))
)
Graded = tuple[np.ndarray, np.ndarray, np.ndarray]  # truth, probabilities, known
# Everything that is a function of truth, prediction and what is known.
OF_LABELS = {
    "micro": lambda *given: precision_recall_f1(*given, "micro"),
    "macro": lambda *given: precision_recall_f1(*given, "macro"),
    "weighted": lambda *given: precision_recall_f1(*given, "weighted"),
    "macro_f1": macro_f1,
    "jaccard_mean": jaccard_mean,
    "jaccard_pooled": jaccard_pooled,
    "exact_match": exact_match,
    "extra_labels": extra_labels,
    "missing_labels": missing_labels,
    "coverage": lambda *given: at_thresholds(*given)[0],
    "labels_an_issue": lambda truth, predicted, known: labels_an_issue(predicted, known),
}
OF_PROBABILITIES = {
    "mean_average_precision": mean_average_precision,
    "calibration_error": calibration_error,
    "brier": brier,
}


def figures(value: object) -> list[float]:
    return [value.precision, value.recall, value.f1] if isinstance(value, PRF) else [value]


@given(PAIRS)
def test_f1_equals_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = pair
    if truth.shape[1] > 1:
        expected = f1_score(truth, predicted, average=None, zero_division=0)
        np.testing.assert_allclose(f1_scores(truth, predicted), expected)
        assert micro_f1(truth, predicted) == pytest.approx(f1_score(truth, predicted, average="micro", zero_division=0))


def test_unknown_cells_count_nowhere() -> None:
    truth = np.array([[True, False], [True, True]])
    predicted = np.array([[True, True], [False, True]])
    known = np.array([[True, False], [False, True]])
    assert micro_f1(truth, predicted, known) == 1.0
    np.testing.assert_array_equal(f1_scores(truth, predicted, known), [1.0, 1.0])


def test_a_label_that_never_occurs_scores_zero() -> None:
    nothing = np.zeros((3, 1), bool)
    assert micro_f1(nothing, nothing) == 0.0
    assert f1_scores(nothing, nothing).tolist() == [0.0]


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])), min_size=1, max_size=20
    ).filter(lambda rows: any(true for true, _ in rows))
)
def test_no_threshold_scores_better_than_the_best(rows: list[tuple[bool, float]]) -> None:
    truth, probabilities = (np.array(column) for column in zip(*rows, strict=True))
    threshold, score = best_threshold(truth, probabilities)
    tried = [f1_scores(truth[:, None], (probabilities >= t)[:, None])[0] for t in [*probabilities, 0.0, 1.1]]
    assert score == pytest.approx(max(tried))
    assert f1_scores(truth[:, None], (probabilities >= threshold)[:, None])[0] == pytest.approx(score)


def test_with_calibrated_probabilities_the_threshold_is_half_of_the_best_f1() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((4000, 1))
    truth = rng.random((4000, 1)) < probabilities
    known = np.ones_like(truth)
    best = best_threshold(truth[:, 0], probabilities[:, 0])[1]
    (threshold,) = fit_thresholds(truth, probabilities, known, calibrated=True)
    assert threshold == pytest.approx(best / 2, abs=1e-9)
    # Truly the best: 0.382 for evenly spread probabilities, the root of t^2 - 3t + 1.
    assert threshold == pytest.approx((3 - 5**0.5) / 2, abs=0.02)
    never = fit_thresholds(np.zeros_like(truth), probabilities, known, calibrated=True)
    assert never == [0.5]


def test_a_label_never_true_has_no_best_threshold() -> None:
    assert best_threshold(np.zeros(3, bool), np.array([0.1, 0.2, 0.3])) == (0.5, 0.0)


def test_a_rare_labels_threshold_is_drawn_to_the_common_one() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((400, 2), bool)
    truth[:200, 0] = True
    truth[0, 1] = True
    probabilities = np.where(truth, 0.8, 0.2) + rng.normal(0, 0.01, truth.shape)
    probabilities[0, 1] = 0.99
    frequent, rare = fit_thresholds(truth, probabilities, np.ones_like(truth))
    assert frequent == pytest.approx(0.5, abs=0.05)
    assert abs(rare - frequent) < 0.1
    assert rare >= 0.5


@given(SEVERAL)
def test_precision_recall_and_f1_equal_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    for average in ("micro", "macro", "weighted"):
        expected = sklearn.precision_recall_fscore_support(*pair, average=average, zero_division=0)[:3]
        np.testing.assert_allclose(figures(precision_recall_f1(*pair, average=average)), expected)


@given(SEVERAL)
def test_jaccard_and_exact_match_equal_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert jaccard_mean(*pair) == pytest.approx(sklearn.jaccard_score(*pair, average="samples", zero_division=1))
    assert jaccard_pooled(*pair) == pytest.approx(sklearn.jaccard_score(*pair, average="micro", zero_division=0))
    assert exact_match(*pair) == pytest.approx(sklearn.accuracy_score(*pair))


@given(SEVERAL)
def test_the_table_of_labels_equals_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    precision, recall, f1, support = sklearn.precision_recall_fscore_support(*pair, zero_division=0)
    names = [f"label {number}" for number in range(len(support))]
    table = label_table(*pair, None, names)
    assert [row.name for row in table] == names
    assert [row.support for row in table] == support.tolist()
    assert [row.predicted for row in table] == pair[1].sum(0).tolist()
    np.testing.assert_allclose(
        [(row.precision, row.recall, row.f1) for row in table], np.stack([precision, recall, f1], 1)
    )


@given(GRADED)
def test_average_precision_equals_scikit_learns_with_ties_and_unknown_cells(
    case: Graded,
) -> None:
    truth, probabilities, known = case
    for label, figure in enumerate(average_precision(truth, probabilities, known)):
        true, graded = truth[known[:, label], label], probabilities[known[:, label], label]
        if true.any():
            assert figure == pytest.approx(sklearn.average_precision_score(true, graded))
        else:
            assert np.isnan(figure)


@given(GRADED)
def test_brier_equals_scikit_learns(case: Graded) -> None:
    truth, probabilities, known = case
    expected = sklearn.brier_score_loss(truth[known], probabilities[known], pos_label=True) if known.any() else 0.0
    assert brier(truth, probabilities, known) == pytest.approx(expected)


def test_reliability_equals_scikit_learns_calibration_curve() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((200, 3)) * 0.79
    truth = rng.random((200, 3)) < probabilities
    means, shares, counts = reliability(truth, probabilities)
    expected_shares, expected_means = calibration_curve(truth.ravel(), probabilities.ravel(), n_bins=10)
    np.testing.assert_allclose(means[counts > 0], expected_means)
    np.testing.assert_allclose(shares[counts > 0], expected_shares)
    assert counts.sum() == 600
    assert counts[8:].tolist() == [0, 0]
    assert np.isnan(means[8:]).all()


def test_the_edge_of_a_bin_belongs_to_the_upper_one_and_1_to_the_last() -> None:
    edges = np.arange(101)[None] / 100
    assert reliability(edges > 0.5, edges, bins=10)[2].tolist() == [10] * 9 + [11]
    assert reliability(edges > 0.5, edges, bins=100)[2].tolist() == [1] * 99 + [2]


def test_calibration_error_is_the_distance_of_what_is_said_and_what_is_so() -> None:
    truth = np.array([[True], [False], [False], [False], [True], [True]])
    probabilities = np.array([[0.25], [0.25], [0.25], [0.25], [0.7], [0.7]])
    assert calibration_error(truth, probabilities) == pytest.approx(2 / 6 * 0.3)
    assert calibration_error(truth, truth.astype(float)) == 0.0
    assert calibration_error(truth, 1.0 - truth) == 1.0


@given(GRADED)
def test_what_is_unknown_changes_no_figure(case: Graded) -> None:
    truth, probabilities, known = case
    predicted = probabilities >= 0.5
    other = np.where(known, truth, ~truth), np.where(known, predicted, ~predicted)
    for name, function in OF_LABELS.items():
        np.testing.assert_equal(figures(function(truth, predicted, known)), figures(function(*other, known)), name)
    for name, function in OF_PROBABILITIES.items():
        mirrored = np.where(known, probabilities, 1 - probabilities)
        np.testing.assert_equal(function(truth, probabilities, known), function(other[0], mirrored, known), name)


@given(GRADED, st.integers(0, 1000))
def test_the_order_of_issues_and_of_labels_changes_no_figure(case: Graded, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, probabilities, known = case
    rows, columns = (rng.permutation(length) for length in truth.shape)
    moved = [array[rows][:, columns] for array in case]
    for name, function in OF_LABELS.items():
        before, after = (figures(function(t, p >= 0.5, k)) for t, p, k in ((truth, probabilities, known), moved))
        np.testing.assert_allclose(after, before, err_msg=name)
    for name, function in OF_PROBABILITIES.items():
        np.testing.assert_allclose(function(*moved), function(truth, probabilities, known), err_msg=name)
    np.testing.assert_allclose(
        average_precision(*moved), average_precision(truth, probabilities, known)[columns], equal_nan=True
    )


def test_every_figure_of_one_small_case_by_hand() -> None:
    truth = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]], bool)
    predicted = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 0, 0]], bool)
    assert precision_recall_f1(truth, predicted) == PRF(2 / 4, 2 / 3, 4 / 7)
    assert jaccard_pooled(truth, predicted) == 2 / 5
    assert jaccard_mean(truth, predicted) == (1 / 3 + 1 + 1 + 0) / 4
    assert exact_match(truth, predicted) == 2 / 4
    assert (labels_an_issue(truth), labels_an_issue(predicted)) == (3 / 4, 4 / 4)
    assert (extra_labels(truth, predicted), missing_labels(truth, predicted)) == (2 / 4, 1 / 4)
    assert at_thresholds(truth, predicted) == (3 / 4, 2 / 4)
    assert label_table(truth, predicted, None, ["a", "b", "c"]) == (
        LabelFigures("a", 1, 2, 0.5, 1.0, 2 / 3),
        LabelFigures("b", 2, 1, 1.0, 0.5, 2 / 3),
        LabelFigures("c", 0, 1, 0.0, 0.0, 0.0),
    )


def test_one_issue_without_a_label_is_matched_by_no_label() -> None:
    nothing = np.zeros((1, 2), bool)
    assert (exact_match(nothing, nothing), jaccard_mean(nothing, nothing)) == (1.0, 1.0)
    assert jaccard_pooled(nothing, nothing) == 0.0
    assert precision_recall_f1(nothing, nothing, average="weighted") == PRF(0.0, 0.0, 0.0)
    assert np.isnan(mean_average_precision(nothing, np.zeros((1, 2))))


def test_no_issue_at_all_scores_zero() -> None:
    nothing = np.zeros((0, 2), bool)
    for function in OF_LABELS.values():
        assert set(figures(function(nothing, nothing, nothing))) == {0.0}
    assert calibration_error(nothing, np.zeros((0, 2))) == brier(nothing, np.zeros((0, 2))) == 0.0
    assert len(coverage_precision(nothing, np.zeros((0, 2)), [0.5, 0.5]).scale) == 0


def test_an_issue_of_which_nothing_is_known_is_no_issue() -> None:
    truth = np.array([[True, False], [True, True]])
    known = np.array([[True, True], [False, False]])
    assert exact_match(truth, ~truth, known) == 0.0
    assert jaccard_mean(truth, truth & False, known) == 0.0
    assert labels_an_issue(truth, known) == 1.0
    assert at_thresholds(truth, truth, known) == (1.0, 1.0)


@given(GRADED)
def test_the_curve_goes_from_strict_to_full_coverage_by_the_thresholds(
    case: Graded,
) -> None:
    truth, probabilities, known = case
    thresholds = np.linspace(0.0, 1.0, truth.shape[1])
    curve = coverage_precision(truth, probabilities, thresholds, known)
    chosen = at_thresholds(truth, probabilities >= thresholds, known)
    assert (np.diff(curve.coverage) >= 0).all()
    assert (np.diff(curve.scale) < 0).all()
    assert (curve.coverage > 0).all()
    if known.any():
        assert curve.coverage[-1] == 1.0
    if chosen[0] > 0:
        here = np.flatnonzero(curve.scale == 0.0)
        assert [(curve.coverage[i], curve.precision[i]) for i in here] == [chosen]


def test_the_curve_has_a_point_for_each_fiftieth_of_the_issues() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((500, 4))
    truth = rng.random((500, 4)) < probabilities
    curve = coverage_precision(truth, probabilities, [0.6, 0.7, 0.8, 0.9])
    steps = curve.coverage[curve.scale != 0.0]
    np.testing.assert_allclose(steps, np.arange(1, 51) / 50)
    assert curve.precision[0] > curve.precision[-1]
