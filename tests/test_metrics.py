from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.metrics import f1_score

from eval.metrics import f1_scores, micro_f1
from training.thresholds import best_threshold, fit_thresholds

PAIRS = array_shapes(min_dims=2, max_dims=2, max_side=12).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


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
