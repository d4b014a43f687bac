"""What the raw answers of systems are worth: every figure of `eval score`, with n.

*Pooled* figures (micro precision, recall, F1; pooled Jaccard) are counts over all issues, as the reference project
reports them: once over all rows, where of a malformed answer counts what can be read, and once over the well-formed
rows only. There are two usual rules for a name outside the list: it is a predicted label that is never true, or it is
ignored. The figures are given by both; the reference project's published table is of well-formed rows, by the second.
Such a name has no row in the table of labels and no part in macro-F1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.intervals import Difference, Interval, bootstrap, interval, paired_difference
from eval.metrics.measures import (
    brier,
    calibration_error,
    extra_labels,
    labels_an_issue,
    mean_average_precision,
    missing_labels,
)
from eval.metrics.predictions import Answer
from eval.metrics.raw_answers import Fault, format_fault, labels_of, outside, strict_fault
from labeler.base.f1 import LabelFigures, label_table
from labeler.labels.label_set import LabelSet

Array = np.ndarray
POOLED = ("micro_precision", "micro_recall", "micro_f1", "jaccard_pooled")
AN_ISSUE = ("jaccard_mean", "exact_match")
PAIRED = ("micro_f1", "macro_f1", "jaccard_pooled", "exact_match")


@dataclass(frozen=True)
class Malformed:
    """How many of n answers are malformed, in both notions (`eval.metrics.raw_answers`), and how.

    Attributes:
        empty: are among the `format` ones; `empty_unlabelled` of them stand on issues without a true label.
        outside: different names outside the list, summed over the answers of good form.
    """

    n: int
    format: int
    strict: int
    empty: int
    empty_unlabelled: int
    outside: int


@dataclass(frozen=True)
class Probabilities:
    """Figures on the n answers that came with probabilities; cells without one count nowhere."""

    n: int
    mean_average_precision: Interval
    calibration_error: float
    brier: float


@dataclass(frozen=True)
class Score:
    """One system's figures.

    Attributes:
        all_rows: metric -> interval, the `POOLED`, the `AN_ISSUE` and macro_f1.
        well_formed: the `POOLED` over the answers without a format fault.
        all_rows_listed, well_formed_listed: the same but macro_f1, with names outside the list ignored.
        true_an_issue, labels_an_issue, extra_an_issue, missing_an_issue: mean numbers of labels.
    """

    system: str
    n: int
    all_rows: dict[str, Interval]
    well_formed: dict[str, Interval]
    all_rows_listed: dict[str, Interval]
    well_formed_listed: dict[str, Interval]
    malformed: Malformed
    true_an_issue: float
    labels_an_issue: float
    extra_an_issue: float
    missing_an_issue: float
    probabilities: Probabilities | None
    labels: tuple[LabelFigures, ...]


@dataclass(frozen=True)
class Paired:
    """A system minus the first one, on the issues that both answered: metric -> difference."""

    system: str
    against: str
    n: int
    differences: dict[str, Difference]


def score(system: str, answers: Sequence[Answer], labels: LabelSet) -> Score:
    """Every figure of one system; `answers` is not empty."""
    truth, predicted = _arrays(answers, labels)
    listed = truth[:, : len(labels)], predicted[:, : len(labels)]
    faults = [format_fault(answer.prediction, labels) for answer in answers]
    well = np.array([fault is None for fault in faults])
    return Score(
        system,
        len(answers),
        {name: interval(name, truth, predicted) for name in (*POOLED, *AN_ISSUE)}
        | {"macro_f1": interval("macro_f1", *listed)},
        {name: interval(name, truth[well], predicted[well]) for name in POOLED},
        {name: interval(name, *listed) for name in (*POOLED, *AN_ISSUE)},
        {name: interval(name, listed[0][well], listed[1][well]) for name in POOLED},
        _malformed(answers, faults, labels),
        labels_an_issue(truth),
        labels_an_issue(predicted),
        extra_labels(truth, predicted),
        missing_labels(truth, predicted),
        _probabilities(answers, listed[0]),
        label_table(*listed, None, labels.names),
    )


def paired(first: Sequence[Answer], second: Sequence[Answer], labels: LabelSet) -> Paired | None:
    """`second` minus `first` on the issues whose ids both have; None where there is none."""
    one, other = ({answer.id: answer for answer in answers if answer.id} for answers in (first, second))
    shared = [key for key in one if key in other]
    if not shared:
        return None
    both = [one[key] for key in shared] + [other[key] for key in shared]
    truth, predicted = _arrays(both, labels)
    truth, before, after = truth[: len(shared)], *np.split(predicted, 2)
    differences = {}
    for name in PAIRED:
        columns = slice(len(labels) if name == "macro_f1" else None)
        differences[name] = paired_difference(name, truth[:, columns], after[:, columns], before[:, columns])
    return Paired(second[0].system, first[0].system, len(shared), differences)


def _arrays(answers: Sequence[Answer], labels: LabelSet) -> tuple[Array, Array]:
    """Truth and prediction, bool (answers, labels + the most names outside the list that one answer has)."""
    strangers = np.array([outside(answer.prediction, labels) for answer in answers])
    truth = np.array([[name in answer.labels for name in labels.names] for answer in answers])
    chosen = [labels_of(answer.prediction, labels) for answer in answers]
    predicted = np.array([[name in names for name in labels.names] for names in chosen])
    beyond = np.arange(strangers.max()) < strangers[:, None]
    return np.hstack([truth, np.zeros_like(beyond)]), np.hstack([predicted, beyond])


def _malformed(answers: Sequence[Answer], faults: Sequence[Fault | None], labels: LabelSet) -> Malformed:
    empty = [answer for answer, fault in zip(answers, faults, strict=True) if fault is Fault.EMPTY]
    return Malformed(
        len(answers),
        sum(fault is not None for fault in faults),
        sum(strict_fault(answer.prediction, labels) is not None for answer in answers),
        len(empty),
        sum(not answer.labels for answer in empty),
        sum(outside(answer.prediction, labels) for answer in answers),
    )


def _probabilities(answers: Sequence[Answer], truth: Array) -> Probabilities | None:
    rows = [row for row, answer in enumerate(answers) if answer.probabilities is not None]
    if not rows:
        return None
    given, true = np.array([answers[row].probabilities for row in rows]), truth[rows]
    known = ~np.isnan(given)
    return Probabilities(
        len(rows),
        bootstrap(lambda drawn: mean_average_precision(true[drawn], given[drawn], known[drawn]), len(rows), draws=300),
        calibration_error(true, given, known),
        brier(true, given, known),
    )
