"""What the report shows, as numbers: pure functions of a Comparison. Only known cells count, as in
`eval.metrics.measures`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.metrics.intervals import Difference, Interval, interval, paired_difference
from eval.metrics.measures import calibration_error, mean_average_precision
from eval.systems.results import Comparison, Result
from labeler.base.f1 import micro_f1

Array = np.ndarray
LINEAR = "linear"  # the system that every model has to beat
WORD_EDGES = (0, 20, 50, 100, 200, 400)
PAIRS = 10
MISTAKES = 20


@dataclass(frozen=True)
class Worth:
    """What one system does for a maintainer; shares in 0..1.

    coverage: issues that get at least one label; precision: of the labels set, those that are right; recall: of the
    labels that belong on the issues, those that are set.
    """

    result: Result
    coverage: Interval
    precision: Interval
    recall: Interval


@dataclass(frozen=True)
class Row:
    """A line of the main table. `difference` is the system's micro-F1 less that of the main one; None for itself."""

    worth: Worth
    micro_f1: Interval
    macro_f1: Interval
    difference: Difference | None
    mean_average_precision: float | None
    calibration_error: float | None


@dataclass(frozen=True)
class Pair:
    """`count` issues where the true label `missed` was not set, and `instead`, which is not true, was."""

    missed: str
    instead: str
    count: int
    support: int


@dataclass(frozen=True)
class WordBin:
    """Issues of `low` to `high` words (None: no end): micro-F1 of the main system, and of the linear one if there."""

    low: int
    high: int | None
    main: Interval
    linear: float | None


@dataclass(frozen=True)
class Cell:
    """One label of one issue: whether it is true and set, and its probability where there is one."""

    name: str
    true: bool
    set: bool
    probability: float | None


@dataclass(frozen=True)
class Mistake:
    """An issue that the main system got wrong: its cells that are true or set, in listed order."""

    row: int
    cells: tuple[Cell, ...]


def main_result(comparison: Comparison) -> Result:
    return comparison.result(comparison.main)


def linear_result(comparison: Comparison) -> Result | None:
    """The linear baseline, where it is there and not the system that the page is about."""
    found = [result for result in comparison.results if result.key == LINEAR != comparison.main]
    return found[0] if found else None


def worth(comparison: Comparison, result: Result) -> Worth:
    test = comparison.test
    metrics = ("coverage", "micro_precision", "micro_recall")
    return Worth(result, *(interval(metric, test.truth, result.predicted, test.known) for metric in metrics))


def difference(comparison: Comparison, first: Result, second: Result) -> Difference:
    """Micro-F1 of `first` less that of `second`."""
    test = comparison.test
    return paired_difference("micro_f1", test.truth, first.predicted, second.predicted, test.known)


def rows(comparison: Comparison) -> list[Row]:
    """The main system, then every other, best micro-F1 first."""
    main = main_result(comparison)
    made = [_row(comparison, result, main) for result in comparison.results]
    return sorted(made, key=lambda row: (row.worth.result is not main, -row.micro_f1.value))


def _row(comparison: Comparison, result: Result, main: Result) -> Row:
    test, chances = comparison.test, result.probabilities
    ranked = calibrated = None
    if chances is not None:
        ranked = mean_average_precision(test.truth, chances, test.known)
        calibrated = calibration_error(test.truth, chances, test.known)
    micro, macro = (interval(metric, test.truth, result.predicted, test.known) for metric in ("micro_f1", "macro_f1"))
    less = None if result is main else difference(comparison, result, main)
    return Row(worth(comparison, result), micro, macro, less, ranked, calibrated)


def confusion(comparison: Comparison) -> Array:
    """int (labels, labels): in how many issues the row's label was missed while the column's was set wrongly."""
    test, predicted = comparison.test, main_result(comparison).predicted
    missed = (test.truth & ~predicted & test.known).astype(int)
    extra = (predicted & ~test.truth & test.known).astype(int)
    found: Array = missed.T @ extra
    return found


def pairs(comparison: Comparison) -> list[Pair]:
    """The most frequent cells of `confusion`."""
    counts, names = confusion(comparison), comparison.labels.names
    support = (comparison.test.truth & comparison.test.known).sum(0)
    order = np.argsort(-counts, axis=None, kind="stable")[:PAIRS]
    cells = (np.unravel_index(place, counts.shape) for place in order)
    return [Pair(names[i], names[j], int(counts[i, j]), int(support[i])) for i, j in cells if counts[i, j]]


def silent(comparison: Comparison) -> int:
    """Issues with a true label that get no label at all."""
    test, predicted = comparison.test, main_result(comparison).predicted
    return int(((test.truth & test.known).any(1) & ~(predicted & test.known).any(1)).sum())


def word_bins(comparison: Comparison) -> list[WordBin]:
    """Quality by the words of title and body; bins without an issue are left out."""
    test, main, linear = comparison.test, main_result(comparison), linear_result(comparison)
    words = np.array([len(f"{issue.title} {issue.body}".split()) for issue in test.issues])
    made: list[WordBin] = []
    for low, high in zip(WORD_EDGES, (*WORD_EDGES[1:], None), strict=True):
        inside = np.flatnonzero((words >= low) & (words < (high or np.inf)) & test.known.any(1))
        if not len(inside):
            continue
        truth, known = test.truth[inside], test.known[inside]
        baseline = None
        if linear is not None:
            baseline = micro_f1(truth, linear.predicted[inside], known)
        found = interval("micro_f1", truth, main.predicted[inside], known)
        made.append(WordBin(low, high and high - 1, found, baseline))
    return made


def mistakes(comparison: Comparison, count: int = MISTAKES) -> list[Mistake]:
    """The worst issues: by the distance of probability and truth over wrong cells; without any, by their number."""
    test, main = comparison.test, main_result(comparison)
    wrong = (test.truth != main.predicted) & test.known
    many = wrong.sum(1)
    far = many if main.probabilities is None else (np.abs(test.truth - main.probabilities) * wrong).sum(1)
    order = np.argsort(-far, kind="stable")
    worst = [int(row) for row in order if many[row]][:count]
    return [Mistake(row, _cells(comparison, main, row)) for row in worst]


def _cells(comparison: Comparison, main: Result, row: int) -> tuple[Cell, ...]:
    truth, predicted = comparison.test.truth[row], main.predicted[row]
    chances = [None] * len(truth) if main.probabilities is None else main.probabilities[row].tolist()
    shown = np.flatnonzero((truth | predicted) & comparison.test.known[row])
    names = comparison.labels.names
    return tuple(Cell(names[i], bool(truth[i]), bool(predicted[i]), chances[i]) for i in shown)
