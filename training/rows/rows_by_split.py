"""A CSV-label dataset as tuning uses it: rows by split, checked for what would spoil a run."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eval.data.overlap import apart, overlapping
from eval.data.rows import Labelled
from labeler.data.dataset import Row, write_dataset
from labeler.data.dataset_folder import DATASET, LABELS, SOURCES, DatasetFolder, dataset_sha256, open_dataset
from labeler.data.textfile import one_line
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue

SHARE = 0.1  # of the rows, for validation and for test each, where a dataset has no splits
SPLITS = ("train", "validation", "test")
_NAMED = 5  # pairs that an error names


@dataclass(frozen=True)
class TuningData:
    """Rows by split. `sha256` is that of data, labels and sources together, as `labeler.base.examples` counts it."""

    file: Path
    labels: LabelSet
    train: list[Labelled]
    validation: list[Labelled]
    test: list[Labelled]
    sha256: str

    @property
    def splits(self) -> dict[str, list[Labelled]]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def with_rows(self, count: int, seed: int) -> TuningData:
        """The same with `count` training rows, drawn by the seed; with all where `count` is 0 or there are no more."""
        if not 0 < count < len(self.train):
            return self
        return replace(self, train=random.Random(seed).sample(self.train, count))


def read_tuning_data(path: Path) -> TuningData:
    """The rows of a dataset with splits.

    Raises:
        InputError: a row is wrong, a split has no rows, or a test row also stands in another split.
    """
    dataset = open_dataset(path)
    rows = list(dataset.rows())
    unsplit = [row.id for row in rows if not row.split]
    if unsplit:
        remedy = "Give every row a split, or none: then the rows are split here."
        raise InputError(f"{dataset.file}: {len(unsplit):,} rows without split, the first {unsplit[0]!r}", remedy)
    by_split = {split: [_labelled(dataset, row) for row in rows if row.split == split] for split in SPLITS}
    for split, found in by_split.items():
        if not found:
            remedy = "Mark some rows with it, or empty the column split everywhere: then the rows are split here."
            raise InputError(f"{dataset.file}: no row of split {split}", remedy)
    _refuse_overlap(dataset.file, by_split)
    return TuningData(dataset.file, dataset.labels, **by_split, sha256=dataset_sha256(dataset.file))


def has_splits(path: Path) -> bool:
    """Whether any row names its split."""
    return any(row.split for row in open_dataset(path).rows())


def write_splits(path: Path, out: Path, seed: int) -> Path:
    """Writes the folder `out`: the dataset with a tenth of the rows for test and a tenth for validation.

    Labels stand in the three in about equal shares (`labeler.base.examples.slices`). A training row that is nearly a
    test or validation row is left out.
    """
    from labeler.base.examples import Examples, slices

    dataset = open_dataset(path)
    rows = list(dataset.rows())
    labelled = [_labelled(dataset, row) for row in rows]
    truth = np.array([[name in row.labels for name in dataset.labels.names] for row in rows])
    examples = Examples(tuple(row.id for row in rows), tuple(row.issue for row in labelled), truth, truth | True)
    each = max(1, round(len(rows) * SHARE))
    order = slices(examples, [2 * each], seed)[2 * each]
    splits = ["train"] * len(rows)
    for split, taken in (("test", order[:each]), ("validation", order[each:])):
        for place in taken:
            splits[place] = split
    kept = _without_twins(labelled, splits)
    out.mkdir(parents=True, exist_ok=True)
    for name in (LABELS, SOURCES):
        if (dataset.file.parent / name).is_file():
            shutil.copyfile(dataset.file.parent / name, out / name)
    write_dataset(out / DATASET, (replace(rows[i], split=splits[i]) for i in kept), dataset.labels)
    return out


def _without_twins(rows: Sequence[Labelled], splits: Sequence[str]) -> list[int]:
    """Positions of the rows that stay: those of test, of validation unless in test, of training unless in either."""
    kept = [i for i, split in enumerate(splits) if split == "test"]
    for split in ("validation", "train"):
        places = [i for i, given in enumerate(splits) if given == split]
        kept += [places[place] for place in apart([rows[i] for i in places], [rows[i] for i in kept])]
    return sorted(kept)


def _labelled(dataset: DatasetFolder, row: Row) -> Labelled:
    # The truth must not reach the model by way of the issue.
    issue = Issue(row.title, row.body, row.number, row.repo, id=row.id)
    return Labelled(issue, frozenset(row.labels), dataset.space(row), row.source)


def _refuse_overlap(file: Path, by_split: dict[str, list[Labelled]]) -> None:
    for split in ("train", "validation"):
        pairs = overlapping(by_split[split], by_split["test"])
        if pairs:
            first = [(by_split[split][i].issue.id, by_split["test"][j].issue.id) for i, j in pairs[:_NAMED]]
            named = ", ".join(one_line(f"{row} = {other}") for row, other in first)
            raise InputError(
                f"{file}: {len(pairs):,} test rows also stand in {split}, word for word or nearly: {named}"
                f"{' …' if len(pairs) > _NAMED else ''}",
                f"Drop them from {split}, or split anew: python -m synthetic split.",
            )
