"""Tables for a terminal: one look, and cells that show literally whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rich.table import Column, Table
from rich.text import Text

from labeler.data.textfile import one_line


def table(
    columns: Iterable[str | Column], rows: Iterable[Iterable[str | Text]], *, title: str = "", heads: bool = True
) -> Table:
    """A table to print on `labeler.console.terminal.console()`.

    Args:
        columns: headings, or rich's columns where one needs more than to stand on the left.
        rows: a cell a column. A string is no markup ("[bug]" shows as such) and keeps off the terminal's controls.
        title: a line above, in bold.
        heads: whether the headings show.
    """
    made = Table(
        *(replace(column, header=_literal(column.header)) for column in map(_column, columns)),
        title=Text(one_line(title), "bold") if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
        show_header=heads,
    )
    for row in rows:
        made.add_row(*map(_literal, row))
    return made


def right(*names: str, no_wrap: bool = False) -> list[Column]:
    """Columns of numbers."""
    return [Column(name, justify="right", no_wrap=no_wrap) for name in names]


def styled(style: str, cells: Iterable[str | Text]) -> list[Text]:
    """The row with all its cells in a style of rich, such as "bold"."""
    row = [_literal(cell).copy() for cell in cells]
    for cell in row:
        cell.stylize(style)
    return row


def _column(column: str | Column) -> Column:
    return Column(column) if isinstance(column, str) else column


def _literal(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text(one_line(str(cell)))
