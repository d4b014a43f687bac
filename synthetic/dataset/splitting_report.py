"""What came of splitting, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labeler.data.textfile import one_line
from synthetic.dataset.splitting import FEW, SPLITS, Report


def show(report: Report) -> None:
    """Prints the rows by label and split, whose labels they are, and what is left out."""
    from rich.table import Column
    from rich.text import Text

    from labeler.console.tables import right, styled, table
    from labeler.console.terminal import console

    few = report.few()
    output = console()
    rows: list[list[str | Text]] = [
        [label, *(Text(f"{counts[part]:,}", "yellow" if part in few.get(label, ()) else "") for part in SPLITS)]
        for label, counts in report.labels.items()
    ]
    rows.append([*styled("bold", ("all rows", *(f"{report.rows[part]:,}" for part in SPLITS)))])
    output.print(table((Column("label", min_width=24, overflow="fold"), *right(*SPLITS, no_wrap=True)), rows))
    output.print(Text(f"labels of: {_listed(report.sources)}"), soft_wrap=True)
    if report.left_out:
        output.print(Text(f"left out: {_listed(report.left_out)}"), soft_wrap=True)


def notes(report: Report) -> Iterable[str]:
    """What a user should know of the outcome."""
    few = report.few()
    if few:
        listed = "; ".join(f"{one_line(label)} ({', '.join(parts)})" for label, parts in few.items())
        yield f"Fewer than {FEW} rows, so that little can be learnt or told of: {listed}."
    if report.kept_test:
        yield f"{report.kept_test:,} rows that were test rows before stay test rows (--no-keep-test draws anew)."
    if report.lost_test:
        gone = "not prepared any more, or without labels that count; if they come back, then as test rows"
        yield f"{report.lost_test:,} earlier test rows are missing: {gone}."
    if "annotators disagree" in report.left_out:
        yield "Issues whose annotators disagree come in when somebody decides: python -m synthetic review DIR"


def _listed(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{name} {count:,}" for name, count in counts.items())
