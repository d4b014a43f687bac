"""What a comparison found: every system's answers on the same test issues, and what it costs to run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labeler.base.examples import Examples
from labeler.labels.label_set import LabelSet

Array = np.ndarray


@dataclass(frozen=True)
class Result:
    """One system on the test issues.

    Attributes:
        predicted: bool (n, labels).
        probabilities: float64 (n, labels); None where the system only decides.
        answers: the raw text it wrote, (n,); None where it writes none.
        thresholds: (labels,), chosen on validation or the model's own; None where there are none.
        cold_seconds, memory_megabytes: a fresh process that labels one issue; None where not measured.
        size_megabytes: what has to be fetched to run it.
        note: what a reader of the table should know, one short sentence.
    """

    key: str
    name: str
    predicted: Array
    probabilities: Array | None
    answers: tuple[str, ...] | None
    thresholds: tuple[float, ...] | None
    fit_seconds: float
    seconds_an_issue: float
    cold_seconds: float | None = None
    size_megabytes: float | None = None
    memory_megabytes: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """Several systems on identical test issues; `main` is the key of the one that the comparison is about."""

    title: str
    labels: LabelSet
    test: Examples
    train_size: int
    validation_size: int
    results: tuple[Result, ...]
    main: str

    def result(self, key: str) -> Result:
        return next(result for result in self.results if result.key == key)
