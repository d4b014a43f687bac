"""Figures as words: what a maintainer reads before any table, and numbers at a length that one can take in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eval.metrics.intervals import Difference, Interval
from eval.reports.figures import LINEAR, Row, Worth, difference, linear_result, main_result
from eval.systems.results import Comparison

DASH = "–"
FEW = 30  # issues; with fewer, bootstrap intervals are too narrow
DIFFERS = 0.05  # a p below it counts as a difference, beside an interval that leaves out 0


def parts(share: float) -> tuple[int, int] | None:
    """A share as a count of 10, else of 20, else of 100; None where it is (all but) none or all.

    >>> parts(0.71), parts(0.96), parts(0.985), parts(0.999)
    ((7, 10), (19, 20), (98, 100), None)
    """
    for whole in (10, 20, 100):
        part = round(share * whole)
        if 0 < part < whole:
            return part, whole
    return None


def sentence(worth: Worth) -> str:
    """ "Labels 7 of 10 new issues by itself, and is right 9 times of 10." """
    if not worth.coverage.n:
        return "There was no issue to test on."
    if not worth.coverage.value:
        return "Labels no new issue."
    if of := parts(worth.coverage.value):
        issues = f"{of[0]} of {of[1]} new issues"
    elif worth.coverage.value < 0.5:
        issues = "hardly any new issue"
    else:
        issues = "every new issue" if worth.coverage.value == 1 else "nearly every new issue"
    if of := parts(worth.precision.value):
        right = f"is right {of[0]} {'time' if of[0] == 1 else 'times'} of {of[1]}"
    elif worth.precision.value < 0.5:
        right = "is hardly ever right" if worth.precision.value else "is never right"
    else:
        right = "is always right" if worth.precision.value == 1 else "is nearly always right"
    return f"Labels {issues} by itself, and {right}."


def caveat(worth: Worth) -> str:
    """What the sentence rests on."""
    warning = few(worth.coverage.n)
    return (
        f"Measured on n = {worth.coverage.n:,} test issues: {span(worth.coverage)} of them get at least one label, "
        f"{span(worth.precision)} of the labels set are right, and {span(worth.recall)} of the labels that "
        "belong there are set (in brackets: 95% intervals). "
        f"{warning}{' ' if warning else ''}Another project, or another year, may go differently."
    )


def few(n: int) -> str:
    """A warning, where there are so few issues that the intervals promise too much; else nothing."""
    return f"With so few test issues (n = {n}) the intervals are too narrow." if 0 < n < FEW else ""


def verdicts(comparison: Comparison, table: Sequence[Row], show: Callable[[str], str] = str) -> list[str]:
    """The main system beside the linear baseline, and the systems ahead of it; `show` is applied to their names."""
    main, linear = main_result(comparison), linear_result(comparison)
    first = ""
    if linear is not None:
        first = verdict(difference(comparison, main, linear), show(linear.name))
    elif main.key != LINEAR:
        first = "No linear baseline was measured beside it: how much of this is the model's merit is unknown."
    return [line for line in (first, better(table, show)) if line]


def verdict(difference: Difference, baseline: str) -> str:
    """Whether the main system (first) is worth more than the baseline (second)."""
    figures = f"micro-F1 {minus(difference.cell)}, p {probability(difference.p)}, n = {difference.n:,}"
    if _above(difference):
        return f"Better than {baseline}, the simplest thing that works: {figures}."
    if difference.high < 0 and difference.p < DIFFERS:
        return f"Worse than {baseline}, which is simpler and cheaper: {figures}."
    return f"No clear difference from {baseline}, the simplest thing that works: {figures}."


def better(table: Sequence[Row], show: Callable[[str], str] = str) -> str:
    """The systems that do clearly better than the main one, or nothing."""
    ahead = [(row.worth.result.name, row.difference) for row in table if row.difference]
    named = [
        f"{show(name)} ({minus(f'{less.value:+.3f}')}, p {probability(less.p)})" for name, less in ahead if _above(less)
    ]
    return f"Ahead of this system on these issues, by micro-F1: {', '.join(named)}." if named else ""


def _above(difference: Difference) -> bool:
    return difference.low > 0 and difference.p < DIFFERS


def span(interval: Interval) -> str:
    """ "71% [69, 73]" """
    if not interval.n:
        return DASH
    return f"{interval.value:.0%} [{100 * interval.low:.0f}, {100 * interval.high:.0f}]"


def figure(value: float | None, digits: int = 3) -> str:
    return DASH if value is None or value != value else minus(f"{value:.{digits}f}")


def percent(value: float) -> str:
    return DASH if value != value else f"{value:.0%}"


def probability(p: float) -> str:
    """ "= 0.034", or "< 0.005" where the draws say no more."""
    if p != p:
        return DASH
    return "< 0.005" if p < 0.005 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"


def seconds(value: float | None) -> str:
    """ "0.4 ms", "35 ms", "1.2 s", "3 min" """
    if not value or value != value:
        return DASH
    if value < 0.00005:
        return "< 0.1 ms"
    if value < 0.01:
        return f"{1000 * value:.1f} ms"
    if value < 0.995:
        return f"{1000 * value:.0f} ms"
    return f"{value:.1f} s" if value < 90 else f"{value / 60:.0f} min"


def megabytes(value: float | None) -> str:
    if value is None or value != value:
        return DASH
    if value < 0.05:
        return "< 0.1 MB"
    return f"{value:.1f} MB" if value < 9.95 else f"{value:,.0f} MB"


def minus(text: str) -> str:
    """With the minus sign that stands as high as the plus."""
    return text.replace("-", "\N{MINUS SIGN}")
