from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eval.benchmarks import few_label_study
from eval.benchmarks.few_label_study import LABELS, SHARES, map_issues, read_mapped, split, stratified
from eval.cli import main
from labeler.errors import InputError
from labeler.labels.label_set import read_labels
from labeler.text.issue import Issue

FIXTURE = Path(__file__).parents[2] / "fixtures" / "transformers_issues.jsonl"  # written for this test
NINE = read_labels(LABELS)


def test_the_nine_labels_are_found_by_what_the_repository_calls_them() -> None:
    mapped = read_mapped(FIXTURE, NINE)
    assert len(NINE) == 9
    assert mapped.examples.truth.any(0).all()
    assert mapped.examples.truth[3].tolist() == [name in ("tokenization", "usage") for name in NINE.names]


def test_issues_without_a_label_of_the_list_and_repeated_ones_are_left_out_and_counted() -> None:
    mapped = read_mapped(FIXTURE, NINE)
    assert (len(mapped.examples), mapped.unlabelled, mapped.duplicates) == (37, 2, 1)
    assert mapped.examples.truth.any(1).all()


def test_a_pull_request_and_an_empty_body_are_issues_like_others() -> None:
    examples = read_mapped(FIXTURE, NINE).examples
    assert examples.issues[-1].title == "Fix the padding of the fast tokenizer"
    assert examples.issues[-1].body == ""


def test_the_truth_does_not_reach_a_system_by_way_of_the_issue() -> None:
    assert all(issue.labels == () for issue in read_mapped(FIXTURE, NINE).examples.issues)


def test_a_file_without_any_label_of_the_list_names_the_way_out() -> None:
    with pytest.raises(InputError, match="aliases"):
        map_issues([Issue("Crash", labels=("other",))], NINE, "issues.jsonl")


def test_too_few_issues_to_split_are_refused() -> None:
    mapped = map_issues([Issue("Crash", labels=("usage",))], NINE, "issues.jsonl")
    with pytest.raises(InputError, match="too few"):
        split(mapped, NINE, "issues.jsonl", seed=0)


def test_the_split_is_half_and_two_quarters_and_has_every_label_in_train_and_test() -> None:
    splits = split(read_mapped(FIXTURE, NINE), NINE, "fixture", seed=0)
    sizes = [len(part) for part in (splits.train, splits.validation, splits.test)]
    assert sum(sizes) == 37
    np.testing.assert_allclose(sizes, np.array(SHARES) * 37, atol=4)  # its aim are the labels, not the sizes
    assert splits.train.truth.any(0).all()
    assert splits.test.truth.any(0).all()
    assert len({*splits.train.ids, *splits.validation.ids, *splits.test.ids}) == 37


def test_the_same_issues_split_otherwise_are_another_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = read_mapped(FIXTURE, NINE)
    before = split(mapped, NINE, "x", seed=0).sha256
    monkeypatch.setattr(few_label_study, "SHARES", (0.25, 0.5, 0.25))
    assert split(mapped, NINE, "x", seed=0).sha256 != before


def test_another_seed_or_other_labels_make_another_dataset() -> None:
    mapped = read_mapped(FIXTURE, NINE)
    hashes = {split(mapped, NINE, "x", seed=0).sha256, split(mapped, NINE, "x", seed=1).sha256}
    assert len(hashes) == 2
    assert split(mapped, NINE, "y", seed=0).sha256 in hashes


@given(
    arrays(bool, st.tuples(st.integers(4, 60), st.integers(1, 5))).map(lambda truth: truth[truth.any(1)]),
    st.integers(0, 5),
)
def test_every_label_is_spread_over_the_parts_by_their_shares(truth: np.ndarray, seed: int) -> None:
    part = stratified(truth, SHARES, seed)
    assert len(part) == len(truth)
    assert set(part.tolist()) <= {0, 1, 2}
    if truth.shape[1] == 1:
        np.testing.assert_allclose(np.bincount(part, minlength=3), np.array(SHARES) * len(truth), atol=1)
    np.testing.assert_array_equal(part, stratified(truth, SHARES, seed))


def test_rare_labels_are_spread_better_than_by_chance() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((400, 9)) < np.array([0.02, 0.03, 0.04, 0.05, 0.1, 0.1, 0.2, 0.3, 0.4])
    truth = truth[truth.any(1)]

    def worst(part: np.ndarray) -> float:
        shares = np.array([truth[part == i].sum(0) for i in range(3)]) / truth.sum(0)
        return float(np.abs(shares - np.array(SHARES)[:, None]).max())

    by_chance = rng.choice(3, len(truth), p=SHARES)
    assert worst(stratified(truth, SHARES, seed=0)) < 0.1 < worst(by_chance)


def test_the_command_measures_no_labels_and_growing_slices(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path))
    asked = ["few-labels", "--issues", str(FIXTURE), "--model", str(taught), "--draws", "2"]
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    sizes = {(point["system"], point["size"]) for point in found["points"]}
    whole = found["train"]
    assert sizes >= {("zero-shot", 0), ("bayes", 8), ("bayes", 16), ("bayes", whole), ("neighbours", whole)}
    assert len([point for point in found["points"] if point["size"] == 8]) == 2 * 2
    assert main(asked) == 0
    printed = capsys.readouterr().out
    assert f"test n = {whole}, {found['validation']}, {found['test']}" in printed
    assert "2 without a label of the list, 1 duplicates" in printed


def test_the_command_refuses_no_draws(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["few-labels", "--issues", str(FIXTURE), "--model", "starter", "--draws", "0"]) == 2
    assert "--draws" in capsys.readouterr().err
