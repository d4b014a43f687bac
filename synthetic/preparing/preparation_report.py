"""What came of preparing, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labeler.data.textfile import one_line
from labeler.labels.label_set import LabelSet
from synthetic.preparing.label_map import alias_lines, alias_list
from synthetic.preparing.preparation import Report

if TYPE_CHECKING:
    from rich.table import Table

MOST_SHOWN = 15  # unmapped labels in the table; prepare.json has all
LARGE_SHARE = 0.1  # of the issues in one group, from which a split comes out uneven


def show(report: Report, labels: LabelSet) -> None:
    """Prints what became of the issues, and lines for labels.yml where the repository has labels that it lacks."""
    from rich.text import Text

    from labeler.console.terminal import console

    output = console()
    output.print(_counts("issues", _what_became(report)))
    if report.redaction:
        with_any = f"redacted in {report.redacted_issues:,} issues" if report.redacted else "redacted: nothing found"
        output.print(_counts(with_any, report.redacted.items()))
    output.print(_counts("labels that people set", [*report.labels.items(), ("none of these", report.unlabelled)]))
    if not report.unmapped:
        return
    rows = [(one.name, one.issues) for one in report.unmapped[:MOST_SHOWN]]
    rest = len(report.unmapped) - len(rows)
    output.print(_counts("not in labels.yml", [*rows, *([(f"and {rest:,} more", None)] if rest else [])]))
    output.print(Text("Paste under a label in labels.yml what means the same, for instance:", "dim"))
    for line in _pasteable(report, labels):
        output.print(Text(line), soft_wrap=True)


def notes(report: Report) -> list[str]:
    """What a user should know of the outcome."""
    found = []
    if not report.redaction:
        found.append("Not redacted: secrets and addresses, if there are any, go to whoever gets these texts.")
    if report.without_events and any(report.labels.values()):
        found.append(
            f"Of {report.without_events:,} issues it is not known who set the labels, so a bot's count as people's. "
            "fetch --events finds out."
        )
    if report.largest_group > max(2, LARGE_SHARE * report.kept):
        found.append(f"{report.largest_group:,} issues are linked with each other, and will be in one split.")
    return found


def _what_became(report: Report) -> Iterable[tuple[str, int]]:
    yield "read", report.issues
    yield from ((f"dropped: {reason}", -count) for reason, count in report.dropped.items() if count)
    yield "kept", report.kept
    if report.groups:
        yield f"groups of linked or similar ones, up to {report.largest_group:,}", report.groups
    yield from ((f"template: {kind}s stripped", count) for kind, count in report.stripped.items())
    if report.bot_labels:
        yield "labels that bots set, passed over", report.bot_labels


def _pasteable(report: Report, labels: LabelSet) -> list[str]:
    """The label's line and the one to paste for the labels whose meaning shows; for others their own alias line."""
    shown = report.unmapped[:MOST_SHOWN]
    lines = [text for name, line in alias_lines(shown, labels).items() for text in (f"- name: {one_line(name)}", line)]
    if lines:
        return lines
    return [f"  aliases: {alias_list([shown[0].name])}"]


def _counts(title: str, rows: Iterable[tuple[str, int | None]]) -> Table:
    from rich.table import Column

    from labeler.console.tables import right, styled, table

    cells = (("" if count else "dim", (name, "" if count is None else f"{count:,}")) for name, count in rows)
    return table((Column(title, min_width=40), *right("", no_wrap=True)), (styled(*row) for row in cells))
