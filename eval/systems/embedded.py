"""Systems on a model's embeddings of the issues: nearest neighbours, and a logistic head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.systems.system import Array, Needs, Output, Task
from eval.systems.text import FittedLinear, best_linear
from labeler.base.examples import Examples
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.errors import UsageError
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue
from synthetic.annotating.linear import STRENGTHS, best_on_validation, head_weights

BLOCK = 256  # issues whose similarities to all training issues are held at once


class Embeddings:
    """Issues to the model's embeddings, float32 (n, H) of length 1.

    A pickle holds where the bundle is, not the loaded model; after loading, nothing is taken from a store.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def size_bytes(self) -> int:
        return self._reader.size_bytes

    def __call__(self, issues: Sequence[Issue]) -> Array:
        return self._reader.read(issues).embeddings

    def __reduce__(self) -> tuple[Any, tuple[Path, LabelSet]]:
        return _embeddings_of, (self._reader.folder, self._reader.labels)


def _embeddings_of(folder: Path, labels: LabelSet) -> Embeddings:
    return Embeddings(Reader(folder, labels, Store(None)))


@dataclass(frozen=True)
class Head:
    """Logistic regression on the embeddings, each dimension to mean 0 and variance 1; C by micro-F1 on validation."""

    key: str = "head"
    name: str = "logistic head on embeddings"
    needs: Needs = "model"
    strengths: tuple[float, ...] = STRENGTHS

    def fit(self, task: Task) -> FittedLinear:
        embeddings = Embeddings(_reader_of(task, self.key))
        given = embeddings(task.train.issues)
        return best_linear(embeddings, head_weights(given, task.train, self.strengths), task)


@dataclass(frozen=True)
class Neighbours:
    """The k most similar training issues (cosine) vote; k by micro-F1 on validation, thresholds of the votes there too.

    A label's probability is the share of those neighbours that have it, among those whose source uses it.
    """

    key: str = "neighbours"
    name: str = "nearest neighbours on embeddings"
    needs: Needs = "model"
    counts: tuple[int, ...] = (1, 3, 5, 9, 15, 25, 51)

    def fit(self, task: Task) -> FittedNeighbours:
        embeddings = Embeddings(_reader_of(task, self.key))
        train = embeddings(task.train.issues)
        given = embeddings(task.validation.issues)
        counts = [count for count in self.counts if count <= len(train)]
        found = votes(given, train, task.train, counts)
        best, thresholds = best_on_validation(found, task)
        return FittedNeighbours(embeddings, train, task.train.truth, task.train.known, counts[best], thresholds)


@dataclass(frozen=True)
class FittedNeighbours:
    """`train` float32 (n, H); `truth`, `known` bool (n, L)."""

    embeddings: Embeddings
    train: Array
    truth: Array
    known: Array
    count: int
    thresholds: tuple[float, ...]

    @property
    def size_bytes(self) -> int:
        return self.embeddings.size_bytes

    def __call__(self, issues: Sequence[Issue]) -> Output:
        (found,) = votes(self.embeddings(issues), self.train, self, [self.count])
        return Output(found >= np.array(self.thresholds), found)


def votes(given: Array, train: Array, said: Examples | FittedNeighbours, counts: Sequence[int]) -> list[Array]:
    """Shares of the nearest training issues that have each label, for each of `counts` neighbours.

    Args:
        given: (n, H); train: (m, H); rows of both have length 1.
        said: truth and known of the training issues, bool (m, L).
        counts: ascending, each at most m.

    Returns:
        float64 (n, L) for each count; 0 where none of the neighbours' sources uses the label.
    """
    yes = (said.truth & said.known).astype(np.float64)
    shares: list[list[Array]] = [[] for _ in counts]
    for start in range(0, len(given), BLOCK):
        similarity = given[start : start + BLOCK] @ train.T
        nearest = _largest(similarity, counts[-1])
        for place, count in enumerate(counts):
            have, use = yes[nearest[:, :count]].sum(1), said.known[nearest[:, :count]].sum(1)
            shares[place].append(have / np.maximum(use, 1))
    return [np.concatenate([np.zeros((0, yes.shape[1])), *parts]) for parts in shares]


def _largest(values: Array, count: int) -> Array:
    """Columns of the `count` largest values of each row, the largest first."""
    rows = np.arange(len(values))[:, None]
    columns = np.argpartition(-values, count - 1, axis=1)[:, :count]
    return columns[rows, np.argsort(-values[rows, columns], axis=1, kind="stable")]


def _reader_of(task: Task, key: str) -> Reader:
    if task.reader is None:
        raise UsageError(f"{key}: needs a model to read the issues with", "Give --model, or leave it out.")
    return task.reader
