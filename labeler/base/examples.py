"""A dataset as arrays: issues with their truth, split into train, validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeler.data.dataset import Row
from labeler.data.dataset_folder import DatasetFolder, dataset_sha256, open_dataset
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue

Array = np.ndarray
VALIDATION_SHARE = 0.1  # of the training rows, where a dataset keeps none for validation


@dataclass(frozen=True)
class Examples:
    """Issues with their truth.

    Attributes:
        ids, issues: (n,).
        truth: bool (n, labels).
        known: bool (n, labels); a cell that is False counts nowhere: the issue's source does not use the label.
    """

    ids: tuple[str, ...]
    issues: tuple[Issue, ...]
    truth: Array
    known: Array

    def __len__(self) -> int:
        return len(self.issues)

    def take(self, rows: Sequence[int] | Array) -> Examples:
        """Those rows, in that order."""
        index = np.asarray(rows, dtype=int)
        ids, issues = (tuple(all_of[i] for i in index) for all_of in (self.ids, self.issues))
        return Examples(ids, issues, self.truth[index], self.known[index])


@dataclass(frozen=True)
class Splits:
    """A dataset as it is learned from and judged on. `sha256` is that of the data, labels and sources together."""

    name: str
    labels: LabelSet
    train: Examples
    validation: Examples
    test: Examples
    sha256: str


def read_splits(path: Path) -> Splits:
    """Reads a CSV-label dataset with its splits; without validation rows a tenth of the training rows stand in.

    Raises:
        InputError: the dataset is wrong, or has no training or no test rows.
    """
    dataset = open_dataset(path)
    rows: dict[str, list[Row]] = {}
    for row in dataset.rows():
        rows.setdefault(row.split, []).append(row)
    for split in ("train", "test"):
        if split not in rows:
            remedy = "Write train, validation or test into the column split of every row."
            raise InputError(f"{dataset.file}: no row of split {split}", remedy)
    train, test = (_examples(dataset, rows[split]) for split in ("train", "test"))
    if "validation" in rows:
        validation = _examples(dataset, rows["validation"])
    else:
        train, validation = carve(train, VALIDATION_SHARE, seed=0)
    name = dataset.file.parent.name if path.is_dir() else dataset.file.stem
    return Splits(name, dataset.labels, train, validation, test, dataset_sha256(dataset.file))


def carve(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """(the rest, about `share` of the rows), at least one row each where there are two."""
    count = min(max(1, round(len(examples) * share)), len(examples) - 1)
    taken = slices(examples, [count], seed)[count]
    rest = np.setdiff1d(np.arange(len(examples)), taken)
    return examples.take(rest), examples.take(np.sort(taken))


def slices(examples: Examples, sizes: Sequence[int], seed: int) -> dict[int, Array]:
    """Nested row indices for each size: every slice holds the smaller ones, with the labels in about equal shares.

    Rows are taken one by one, each time a random one of the label that the slice so far has least of, relative to
    its share of all rows (the order of Sechidis et al. 2011, iterative stratification, run as one long draw).
    An issue without labels counts as a label of its own.
    """
    rng = np.random.default_rng(seed)
    kinds = np.column_stack([examples.truth, ~examples.truth.any(axis=1)])
    wanted = kinds.sum(0) / max(1, len(examples))
    pools = [list(rng.permutation(np.flatnonzero(kinds[:, kind]))) for kind in range(kinds.shape[1])]
    given, taken = np.zeros(kinds.shape[1]), np.zeros(len(examples), dtype=bool)
    order: list[int] = []
    most = min(max(sizes, default=0), len(examples))
    while len(order) < most:
        lack = np.where([bool(pool) for pool in pools], wanted * (len(order) + 1) - given, -np.inf)
        row = int(pools[int(lack.argmax())].pop())
        if not taken[row]:
            taken[row] = True
            given += kinds[row]
            order.append(row)
    return {size: np.array(order[:size], dtype=int) for size in sizes}


def _examples(dataset: DatasetFolder, rows: Sequence[Row]) -> Examples:
    names = dataset.labels.names
    truth = np.array([[name in row.labels for name in names] for row in rows])
    spaces = map(dataset.space, rows)
    known = np.array([[name in space for name in names] for space in spaces])
    # The truth must not reach a system by way of the issue.
    issues = tuple(Issue(row.title, row.body, row.number, row.repo, id=row.id) for row in rows)
    return Examples(tuple(row.id for row in rows), issues, truth, known)
