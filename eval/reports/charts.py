"""The page's charts, from a Comparison to SVG."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from eval.metrics.intervals import wilson
from eval.metrics.measures import at_thresholds, coverage_precision, reliability
from eval.reports.figures import confusion, linear_result, main_result, word_bins
from eval.reports.scale import Axis
from eval.reports.svg import Bar, Series, bar_chart, line_chart, matrix
from eval.systems.results import Comparison, Result
from labeler.base.f1 import label_table

F1 = Axis("F1", (0.0, 0.5, 1.0), (0.0, 1.0))
MATRIX_LABELS = 14  # as many as stay readable on a phone
MICRO_F1 = replace(F1, label="micro-F1")


def label_chart(comparison: Comparison) -> str:
    """F1 of each label, with the linear baseline as a mark."""
    test, linear = comparison.test, linear_result(comparison)
    names = comparison.labels.names
    main = label_table(test.truth, main_result(comparison).predicted, test.known, names)
    marks: list[float | None] = [None] * len(names)
    if linear is not None:
        marks = [row.f1 for row in label_table(test.truth, linear.predicted, test.known, names)]
    bars = [
        Bar(row.name, row.f1, mark=mark, note=f"n = {row.support:,}") for row, mark in zip(main, marks, strict=True)
    ]
    return bar_chart(
        bars,
        F1,
        legend=_legend(comparison),
        title="F1 of each label",
        description="; ".join(f"{row.name} {row.f1:.2f}, true on {row.support} issues" for row in main),
    )


def coverage_chart(comparison: Comparison) -> str | None:
    """Coverage against precision for the main system and the linear baseline; None without probabilities."""
    test, lines = comparison.test, []
    for result, color in _shown(comparison):
        if result.probabilities is None:
            continue
        thresholds = result.thresholds or (0.5,) * len(comparison.labels)
        curve = coverage_precision(test.truth, result.probabilities, thresholds, test.known)
        points = tuple(zip(curve.coverage.tolist(), curve.precision.tolist(), strict=True))
        chosen = at_thresholds(test.truth, result.predicted, test.known)
        lines.append(Series(result.name, points, mark=chosen, dots=False, color=color))
    if not lines:
        return None
    lowest = min((y for line in lines for _, y in (*line.points, line.mark or (0, 1))), default=0.0)
    return line_chart(
        lines,
        Axis("issues that get a label", span=(0.0, 1.0), percent=True),
        Axis("labels set that are right", span=(min(0.6, math.floor(lowest * 5) / 5), 1.0), percent=True),
        title="Coverage and precision",
        description="; ".join(
            f"{line.name}: {line.mark[0]:.0%} labelled, {line.mark[1]:.0%} right" for line in lines if line.mark
        ),
    )


def reliability_chart(comparison: Comparison) -> str | None:
    """What a probability is worth, with Wilson's intervals; None without probabilities."""
    main, test = main_result(comparison), comparison.test
    if main.probabilities is None:
        return None
    means, shares, counts = reliability(test.truth, main.probabilities, test.known)
    filled = np.flatnonzero(counts)
    ends = [wilson(round(shares[i] * counts[i]), int(counts[i])) for i in filled]
    sizes = tuple(2.5 + 6 * math.sqrt(counts[i] / counts.sum()) for i in filled)
    points = tuple((float(means[i]), float(shares[i])) for i in filled)
    found = Series(main.name, points, tuple((end.low, end.high) for end in ends), sizes, color=0)
    perfect = Series("as it should be", ((0.0, 0.0), (1.0, 1.0)), dashed=True, dots=False, color=7)
    return line_chart(
        [found, perfect],
        Axis("probability given", span=(0.0, 1.0), percent=True),
        Axis("share that is true", span=(0.0, 1.0), percent=True),
        title="What a probability is worth",
        description="; ".join(f"given {x:.0%}, true {y:.0%}" for x, y in points),
    )


def confusion_chart(comparison: Comparison) -> str:
    """Label pairs; of many labels those that are mixed up most, in listed order."""
    counts = confusion(comparison)
    most = np.sort(np.argsort(-(counts.sum(0) + counts.sum(1)), kind="stable")[:MATRIX_LABELS])
    return matrix(
        [comparison.labels.names[i] for i in most],
        counts[np.ix_(most, most)],
        title="Missed labels and what was set instead",
        description="Rows: the true label that was missed. Columns: the label that was set and is not true.",
    )


def words_chart(comparison: Comparison) -> str:
    """Micro-F1 by the length of the issue."""
    bins = word_bins(comparison)
    bars = [
        Bar(
            f"{one.low}–{one.high}" if one.high else f"{one.low} or more",
            one.main.value,
            one.main.low,
            one.main.high,
            one.linear,
            f"n = {one.main.n:,}",
        )
        for one in bins
    ]
    said = "; ".join(f"{bar.name} words: {bar.value:.2f}, {bar.note}" for bar in bars)
    return bar_chart(bars, MICRO_F1, legend=_legend(comparison), title="Quality by words an issue", description=said)


def _shown(comparison: Comparison) -> list[tuple[Result, int]]:
    linear = linear_result(comparison)
    return [(main_result(comparison), 0), *([(linear, 1)] if linear else [])]


def _legend(comparison: Comparison) -> list[str]:
    return [result.name for result, _ in _shown(comparison)]
