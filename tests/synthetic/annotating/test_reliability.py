from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from synthetic.annotating.agreement_report import markdown
from synthetic.annotating.coefficients import (
    MISSING,
    alpha_of_sets,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    masi_distance,
)
from synthetic.annotating.consensus import Rule, read_answers
from synthetic.annotating.plan import read_prepared
from synthetic.annotating.reliability import Agreement, measure
from synthetic.cli import main
from tests.working_folder import Given, issue_id, make_folder

NOMINAL = 1 - np.eye(5)


def _measured(folder: Path, answers: dict[int, Given], rule: Rule | None = None, **rest: object) -> Agreement:
    labels = make_folder(folder, answers, **rest)  # type: ignore[arg-type]
    return measure(read_prepared(folder), read_answers(folder, labels), labels, rule or Rule(), {})


def _looked_up(distance: np.ndarray) -> Callable[..., np.ndarray]:
    """A matrix as the krippendorff package takes distances."""
    return lambda *values, i1, i2, **rest: distance[i1, i2]


def test_cohens_kappa_is_that_of_a_hand_computed_example() -> None:
    # 20 both yes, 5 and 10 of one only, 15 both no: p_o = 0.7, p_e = 0.5, kappa = 0.4.
    one = np.array([1] * 20 + [1] * 5 + [0] * 10 + [0] * 15, bool)
    other = np.array([1] * 20 + [0] * 5 + [1] * 10 + [0] * 15, bool)
    assert cohen_kappa(one, other) == pytest.approx(0.4)


def test_cohens_kappa_is_scikit_learns() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        one, other = random.random((2, 30)) < random.random((2, 1)) * 0.6 + 0.2
        assert cohen_kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))


def test_fleiss_kappa_is_that_of_the_well_known_example() -> None:
    # 14 raters, 10 subjects, 5 categories: kappa = 0.210 (https://en.wikipedia.org/wiki/Fleiss%27_kappa).
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert fleiss_kappa(np.array(counts)) == pytest.approx(0.210, abs=5e-4)


def test_krippendorffs_alpha_is_that_of_his_binary_example() -> None:
    # Krippendorff 2011, section A: two observers, ten units, 0.095.
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha(np.array([meg, owen]).T, NOMINAL) == pytest.approx(0.095, abs=5e-4)


def test_krippendorffs_alpha_is_that_of_his_example_with_missing_data() -> None:
    # Krippendorff 2011, section C: four observers, twelve units, 0.743. 0 stands for a missing value.
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
    assert krippendorff_alpha(np.array(observers).T - 1, NOMINAL) == pytest.approx(0.743, abs=5e-4)


def test_the_masi_distance_grades_equal_contained_overlapping_and_disjoint_sets() -> None:
    sets = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
    found = masi_distance(sets)
    assert found[0, 0] == 0
    assert found[0, 1] == pytest.approx(1 - 1 / 2 * 2 / 3)
    assert found[0, 2] == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert found[0, 3] == 1
    assert found[4].tolist() == [1, 1, 1, 1, 0]


def test_the_alpha_of_label_sets_is_that_computed_by_hand() -> None:
    # Issue 1: {a} and {a, b}, distance 2/3. Issue 2: {b} twice. Issue 3 has one answer and doesn't count.
    votes = np.array([[[1, 0], [1, 1]], [[0, 1], [0, 1]], [[1, 0], [0, 0]]], bool)
    there = np.array([[1, 1], [1, 1], [1, 0]], bool)
    # D_o = (2·2/3) / 4 = 1/3. Of the 12 ordered pairs of {a}, {a, b}, {b}, {b}: {a}–{b} 4 at 1, {a, b}–{b} 4 at 2/3,
    # {a}–{a, b} 2 at 2/3, {b}–{b} 2 at 0: D_e = (4 + 8/3 + 4/3) / 12 = 2/3.
    assert alpha_of_sets(votes, there) == pytest.approx(1 / 2)


def test_alpha_is_that_of_another_implementation_also_where_answers_are_missing() -> None:
    random = np.random.default_rng(7)
    for _ in range(20):
        issues, annotators = random.integers(5, 30), random.integers(2, 5)
        there = random.random((issues, annotators)) < 0.8
        votes = np.repeat(random.random((issues, 1, 4)) < 0.4, annotators, 1) ^ (
            random.random((issues, annotators, 4)) < 0.1
        )
        cells = np.where(there, votes[:, :, 0], MISSING)
        oracle = krippendorff.alpha(np.where(there, cells, np.nan).T, level_of_measurement="nominal")
        assert krippendorff_alpha(cells, NOMINAL) == pytest.approx(oracle)
        values, codes = np.unique(votes.reshape(-1, 4), axis=0, return_inverse=True)
        coded = np.where(there, codes.reshape(there.shape), np.nan)
        oracle = krippendorff.alpha(
            coded.T, value_domain=range(len(values)), level_of_measurement=_looked_up(masi_distance(values))
        )
        assert alpha_of_sets(votes, there) == pytest.approx(oracle)


def test_coefficients_have_no_value_where_nothing_varies() -> None:
    same = np.zeros(4, bool)
    assert cohen_kappa(same, same) is None
    assert fleiss_kappa(np.array([[3, 0], [3, 0]])) is None
    assert krippendorff_alpha(np.zeros((4, 2), int), NOMINAL) is None
    assert cohen_kappa(same[:0], same[:0]) is None


def test_two_annotators_are_compared_by_cohens_kappa_and_more_by_fleiss_on_whole_rows(tmp_path: Path) -> None:
    pair: dict[int, Given] = {
        1: {"a": ["bug"], "b": ["bug"]},
        2: {"a": ["bug"], "b": []},
        3: {"a": [], "b": []},
        4: {"a": ["bug"], "b": None},
    }
    two = _measured(tmp_path / "two", pair)
    assert two.labels[0].kappa == pytest.approx(cohen_kappa_score([1, 1, 0], [1, 0, 0]))
    answers: dict[int, Given] = {
        1: {"a": ["bug"], "b": ["bug"], "c": ["bug"]},
        2: {"a": ["bug"], "b": [], "c": []},
        3: {"a": ["bug"], "b": [], "c": None},
    }
    three = _measured(tmp_path / "three", answers)
    assert three.complete == 2
    assert three.labels[0].kappa == pytest.approx(fleiss_kappa(np.array([[3, 0], [1, 2]])))


def test_the_report_counts_what_annotators_said_and_how_near_they_are_to_the_consensus(tmp_path: Path) -> None:
    answers: dict[int, Given] = {
        1: {"a": ["bug"], "b": ["bug"], "c": ["bug", "docs"]},
        2: {"a": ["docs"], "b": ["docs"], "c": None},
    }
    found = _measured(tmp_path, answers, more=[3])
    assert (found.prepared, found.issues, found.complete, found.unanimous) == (3, 2, 1, 1)
    assert found.mean_jaccard == pytest.approx((2 / 3 + 1) / 2)
    a, _, c = found.annotators
    assert (a.answered, a.failed, a.labels_an_issue, a.with_consensus) == (2, 0, 1, 1)
    assert (c.answered, c.failed, c.labels_an_issue, c.with_consensus) == (1, 1, 2, 0.5)
    assert [(one.votes, one.issues) for one in found.labels] == [(3, 1), (0, 0), (3, 1), (0, 0)]


def test_the_consensus_is_compared_with_the_repository_where_that_set_labels(tmp_path: Path) -> None:
    answers: dict[int, Given] = {1: {"a": ["bug"]}, 2: {"a": ["bug"]}, 3: {"a": ["docs"]}}
    found = _measured(tmp_path, answers, own={1: ["bug", "docs"], 2: ["docs"]})
    assert (found.own_issues, found.own_jaccard) == (2, 0.25)
    bug, docs = found.labels[0], found.labels[2]
    assert (bug.own, bug.consensus, bug.both) == (1, 2, 1)
    assert (docs.own, docs.consensus, docs.both) == (2, 0, 0)


def test_disputed_issues_come_with_the_least_agreement_first(tmp_path: Path) -> None:
    answers: dict[int, Given] = {
        1: {"a": ["bug"], "b": ["bug", "docs", "feature"]},
        2: {"a": ["bug"], "b": None},
        3: {"a": ["bug"], "b": ["docs"]},
        4: {"a": ["bug"], "b": ["bug"]},
    }
    found = _measured(tmp_path, answers)
    assert found.disputed == (issue_id(3), issue_id(1), issue_id(2))


def test_names_in_the_markdown_report_show_literally(tmp_path: Path) -> None:
    found = _measured(tmp_path, {1: {"a|<b>@everyone": ["bug"], "c": ["bug"]}})
    assert "<b>" not in markdown(found)
    assert "@everyone" not in markdown(found)


def test_the_command_writes_its_rule_figures_and_queue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path, {1: {"a": ["bug"], "b": ["docs"]}, 2: {"a": ["bug"], "b": ["bug"]}})
    assert main(["agreement", str(tmp_path), "--votes", "1", "--min-agreement", "0.4", "--json"]) == 0
    shown, written = json.loads(capsys.readouterr().out), json.loads((tmp_path / "agreement.json").read_text())
    assert shown == written
    assert written["rule"] == {"votes": 1, "min_agreement": 0.4}
    assert written["disputed"] == [issue_id(1)]
    assert (tmp_path / "agreement.md").read_text().startswith("# Agreement\n")


def test_the_command_shows_tables_and_the_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path, {1: {"a": ["bug"], "b": ["docs"]}, 2: {"a": ["bug"], "b": ["bug"]}}, own={2: ["bug"]})
    assert main(["agreement", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "Cohen's κ" in shown.out
    assert "1 of 1" in shown.out
    assert f"next: python -m synthetic review {tmp_path}" in shown.err


def test_without_answers_the_command_says_so_and_counts_those_to_other_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(tmp_path, {1: {"a": ["bug"]}}, prompt="another")
    assert main(["agreement", str(tmp_path)]) == 1
    assert "no answers to these labels, only 1 to another instruction or label list" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--votes", "0"], ["--min-agreement", "2"], ["--min-agreement", "much"]])
def test_wrong_options_end_in_two(tmp_path: Path, wrong: list[str]) -> None:
    make_folder(tmp_path, {1: {"a": ["bug"]}})
    assert main(["agreement", str(tmp_path), *wrong]) == 2
