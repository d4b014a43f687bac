"""A comparison in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from eval.benchmarks.refitting import Refitted
from eval.reports.figures import Row, rows
from eval.reports.snippet import snippet, told
from eval.reports.wording import few, figure, megabytes, percent, seconds
from eval.systems.results import Comparison
from labeler.console.tables import right, styled, table
from labeler.console.terminal import console

# Columns of the table, in parts that fit a terminal of 80 columns.
PARTS = (
    ("micro-F1 [95 %]", "less main", "macro-F1"),
    ("gets", "right", "mAP", "ECE"),
    ("fit", "an issue", "cold", "size", "memory"),
)
WIDE = 140  # columns of a terminal that holds them beside each other


def show_comparison(comparison: Comparison, refitted: Refitted | None = None) -> None:
    """Prints a row for each system, the main one first, and the refitted thresholds as a labels.yml to paste."""
    output, made = console(), rows(comparison)
    sizes = f"train {comparison.train_size:,}, validation {comparison.validation_size:,}"
    output.print(Text(f"{comparison.title}: n = {len(comparison.test):,} test issues ({sizes})"), soft_wrap=True)
    if warning := few(len(comparison.test)):
        output.print(Text(warning, "bold"))
    groups = (sum(PARTS, ()),) if output.width >= WIDE else PARTS
    for columns in groups:
        output.print(_table(made, columns, comparison.main))
    output.print(
        "less main: micro-F1 less that of the main system; * p < 0.05, paired bootstrap over issues", style="dim"
    )
    output.print("gets: issues that get a label; right: of the labels set", style="dim")
    notes: dict[str, list[str]] = {}
    for row in made:
        notes.setdefault(row.worth.result.note, []).append(row.worth.result.name)
    for note, names in notes.items():
        if note:
            output.print(Text(f"{'; '.join(names)}: {note}", "dim"))
    if refitted is not None:
        output.print(Text(f"\n{told(refitted)}\n"))
        output.print(Text(snippet(refitted)), soft_wrap=True)


def _table(made: Sequence[Row], columns: Sequence[str], main: str) -> Table:
    def cells(row: Row) -> list[Text]:
        style, found = "bold" if row.worth.result.key == main else "", _cells(row)
        return styled(style, [row.worth.result.name]) + styled("", [found[heading] for heading in columns])

    return table(("system", *right(*columns, no_wrap=True)), map(cells, made))


def _cells(row: Row) -> dict[str, str]:
    """The row's cells by heading."""
    result, less = row.worth.result, row.difference
    return {
        "micro-F1 [95 %]": row.micro_f1.cell,
        "less main": f"{less.value:+.3f}{'*' if less.p < 0.05 else ' '}" if less else "main ",
        "macro-F1": figure(row.macro_f1.value),
        "mAP": figure(row.mean_average_precision),
        "gets": percent(row.worth.coverage.value),
        "right": percent(row.worth.precision.value),
        "ECE": figure(row.calibration_error),
        "fit": seconds(result.fit_seconds),
        "an issue": seconds(result.seconds_an_issue),
        "cold": seconds(result.cold_seconds),
        "size": megabytes(result.size_megabytes),
        "memory": megabytes(result.memory_megabytes),
    }
