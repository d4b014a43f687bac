"""What a system is: something that learns from labelled issues and then answers new ones, whatever is inside.

A system is fitted on the training issues, chooses what it has to choose (thresholds, strength of regularisation) on
the validation issues, and never sees a test issue before it answers it. Systems are frozen dataclasses, so that `repr`
names all their parameters; what `fit` returns can be pickled and then answers in a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from labeler.base.examples import Examples
from labeler.base.reader import Reader
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue

Array = np.ndarray
Needs = Literal["", "model", "base"]


@dataclass(frozen=True)
class Output:
    """What a system says of n issues with L labels.

    Attributes:
        predicted: bool (n, L), the labels set.
        probabilities: float64 (n, L) in 0..1; None where the system has none.
        answers: the n texts that a generating system wrote; None for others.
    """

    predicted: Array
    probabilities: Array | None = None
    answers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Task:
    """What a system may look at while it is fitted: `reader` reads by the tuned model, `base` by the untuned one."""

    train: Examples
    validation: Examples
    labels: LabelSet
    reader: Reader | None = None
    base: Reader | None = None


class Fitted(Protocol):
    """A fitted system. Pickles; `size_bytes` is None where the pickle itself is all there is to ship."""

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """The probability from which each label is set; None for a system without probabilities."""

    @property
    def size_bytes(self) -> int | None:
        """What it needs on disk beside its pickle, such as a model's folder; None for nothing."""

    def __call__(self, issues: Sequence[Issue]) -> Output:
        """Answers in the order of the issues, each the same as by itself."""


class System(Protocol):
    """A way to label issues."""

    @property
    def key(self) -> str:
        """What a command line calls it."""

    @property
    def name(self) -> str:
        """What a table calls it."""

    @property
    def needs(self) -> Needs:
        """Which reader the task must have: none, the tuned model's, or the untuned one's."""

    def fit(self, task: Task) -> Fitted:
        """Learns from `task.train`, chooses on `task.validation`. Neither is changed."""
