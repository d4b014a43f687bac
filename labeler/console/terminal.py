"""Tables for a terminal; rich drops colours by itself where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from labeler.console.tables import right, table
from labeler.data.textfile import one_line
from labeler.decision.decide import ADDED, Decision, Row, Verdict
from labeler.decision.outcome import Outcome
from labeler.model.predict import Card, Prediction
from labeler.text.issue import Issue

BAR_WIDTH = 24


class Result(Protocol):
    @property
    def issue(self) -> Issue: ...
    @property
    def file(self) -> str: ...
    @property
    def prediction(self) -> Prediction: ...
    @property
    def decision(self) -> Decision: ...


def console() -> Console:
    return Console(highlight=False)


def print_explanation(result: Result, card: Card) -> None:
    """One issue: every label with its probability as a bar, its threshold as a mark, and what became of it."""
    output = console()
    if result.file:
        output.print(Text(one_line(result.file), "dim"), overflow="ellipsis", no_wrap=True)
    output.print(Text(one_line(result.issue.title), "bold"), overflow="ellipsis", no_wrap=True)
    output.print(_table(result.decision))
    _print_left_alone(result.decision)
    quality = f"; {card.quality}" if card.quality else ""
    output.print(Text(f"{card.name} {card.version}, {result.prediction.seconds:.3f} s{quality}\n", "dim"))


def _print_left_alone(decision: Decision) -> None:
    if decision.left_alone:
        console().print(Text(f"left alone: {decision.left_alone}", "yellow"))


def _table(decision: Decision) -> Table:
    bars = Column("probability", no_wrap=True, min_width=BAR_WIDTH)
    return table(("label", bars, *right("", "threshold"), ""), map(_cells, decision.rows))


def _cells(row: Row) -> tuple[Text, ...]:
    chosen = row.verdict in ADDED
    style = "bold green" if chosen else ""
    probability, threshold = row.probability, row.threshold
    numbers = ("", "") if probability is None or threshold is None else (f"{probability:.2f}", f"{threshold:.2f}")
    reason = "" if row.verdict in (Verdict.ADD, Verdict.BELOW) else row.reason
    return (
        Text(row.label, style),
        _bar(probability or 0.0, threshold, style),
        Text(numbers[0], style),
        Text(numbers[1], "dim"),
        Text("✓ " + reason if chosen else reason, style or "dim"),
    )


def print_list(results: Iterable[Result]) -> None:
    """Many issues: labels beside titles, and beside both which of several files they are from."""
    shown = list(results)
    several = any(result.file for result in shown)
    columns = (
        *[Column("file", no_wrap=True, max_width=20)] * several,
        Column("issue", no_wrap=True, max_width=20),
        Column("labels", style="green", no_wrap=True, max_width=36),
        Column("title", no_wrap=True, overflow="ellipsis"),
    )
    rows = (
        (
            *[one_line(result.file)] * several,
            f"#{result.issue.number}" if result.issue.number else result.issue.id,
            ", ".join(result.decision.add) or "–",
            result.issue.title,
        )
        for result in shown
    )
    console().print(table(columns, rows))


def _bar(probability: float, threshold: float | None, style: str) -> Text:
    filled = round(probability * BAR_WIDTH)
    bar = Text("█" * filled, style or "blue")
    bar.append("·" * (BAR_WIDTH - filled), "dim")
    if threshold is not None:
        at = min(round(threshold * BAR_WIDTH), BAR_WIDTH - 1)
        bar = bar[:at] + Text("│", "yellow") + bar[at + 1 :]
    return bar


def print_decision(outcome: Outcome) -> None:
    """What became of one issue on GitHub, label by label."""
    assert outcome.decision is not None
    output = console()
    done = "would add" if outcome.dry_run else "added"
    output.print(Text(f"{outcome.repository}#{outcome.number}  {one_line(outcome.title)}", "bold"), soft_wrap=True)
    output.print(_table(outcome.decision))
    _print_left_alone(outcome.decision)
    output.print(Text(f"{done}: {', '.join(outcome.decision.add) or 'nothing'}"))
