from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labeler.base.examples import Examples, carve, read_splits, slices
from labeler.data.dataset import Row, write_dataset
from labeler.errors import InputError
from labeler.text.issue import Issue


def write(folder: Path, splits: str) -> Path:
    """A dataset with one row for each letter: r(train), v(alidation), t(est)."""
    (folder / "labels.yml").write_text("- bug\n- question\n")
    names = {"r": "train", "v": "validation", "t": "test"}
    labels = [("bug",), ("question",), ()]
    write_dataset(
        folder / "dataset.csv",
        (Row(f"{i}", title=f"Issue {i}", labels=labels[i % 3], split=names[s]) for i, s in enumerate(splits)),
    )
    return folder


def test_rows_come_by_split_with_truth_as_arrays(tmp_path: Path) -> None:
    splits = read_splits(write(tmp_path, "rrrvtt"))
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [3, 1, 2]
    assert splits.train.truth.tolist() == [[True, False], [False, True], [False, False]]
    assert splits.train.known.all()
    assert splits.test.ids == ("4", "5")


def test_an_issue_does_not_carry_its_own_truth(tmp_path: Path) -> None:
    assert all(issue.labels == () for issue in read_splits(write(tmp_path, "rrrvtt")).train.issues)


def test_without_validation_rows_a_tenth_of_training_stands_in(tmp_path: Path) -> None:
    splits = read_splits(write(tmp_path, "r" * 30 + "t"))
    assert (len(splits.train), len(splits.validation)) == (27, 3)
    assert not set(splits.train.ids) & set(splits.validation.ids)


def test_a_dataset_without_test_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row of split test"):
        read_splits(write(tmp_path, "rrv"))


def test_the_hash_changes_with_data_labels_and_sources(tmp_path: Path) -> None:
    hashes = [read_splits(write(tmp_path, "rrrt")).sha256]
    (tmp_path / "labels.yml").write_text("- bug\n- question\n- other\n")
    hashes.append(read_splits(tmp_path).sha256)
    (tmp_path / "sources.yml").write_text("a: [bug]\n")
    hashes.append(read_splits(tmp_path).sha256)
    assert len(set(hashes)) == 3


@pytest.fixture
def skewed() -> Examples:
    """100 issues: 60 of the first label, 30 of the second, 5 of the third, 5 of none."""
    truth = np.zeros((100, 3), dtype=bool)
    truth[:60, 0] = truth[60:90, 1] = truth[90:95, 2] = True
    issues = tuple(Issue(str(i)) for i in range(100))
    return Examples(tuple(map(str, range(100))), issues, truth, np.ones_like(truth))


def test_slices_are_nested_and_keep_the_shares_of_labels(skewed: Examples) -> None:
    found = slices(skewed, [10, 20, 50, 100], seed=3)
    assert [len(rows) for rows in found.values()] == [10, 20, 50, 100]
    assert set(found[10]) < set(found[20]) < set(found[50]) < set(found[100]) == set(range(100))
    np.testing.assert_allclose(skewed.truth[found[20]].sum(0), [12, 6, 1], atol=1)
    np.testing.assert_allclose(skewed.truth[found[50]].sum(0), [30, 15, 2.5], atol=1)


def test_slices_differ_by_seed_and_by_nothing_else(skewed: Examples) -> None:
    first, again, other = (slices(skewed, [20], seed=seed)[20] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert set(first) != set(other)


def test_carving_parts_the_rows_in_two(skewed: Examples) -> None:
    rest, held = carve(skewed, 0.2, seed=0)
    assert (len(rest), len(held)) == (80, 20)
    assert set(rest.ids) | set(held.ids) == set(skewed.ids)
