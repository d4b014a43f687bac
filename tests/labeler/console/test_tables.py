"""Tables on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from labeler.console.tables import right, styled, table


def printed(made: Table, color: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=60, force_terminal=bool(color), color_system=color, highlight=False)  # type: ignore[arg-type]
    console.print(made)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_headings_stand_above_rows_and_numbers_on_the_right() -> None:
    made = table(("label", *right("n", "F1")), [("bug", "3", "0.50"), ("documentation", "1,234", "1.00")], title="All")
    assert [line.rstrip() for line in printed(made).splitlines()] == [
        "All",
        "label              n    F1",
        "bug                3  0.50",
        "documentation  1,234  1.00",
    ]


@pytest.mark.parametrize("foreign", ["[bold]bug[/bold]", "[/]", ":bug:", "[link=https://example.org]x[/link]"])
def test_foreign_text_is_no_markup_in_cells_headings_and_titles(foreign: str) -> None:
    lines = printed(table((foreign,), [(foreign,)], title=foreign)).splitlines()
    assert [line.rstrip() for line in lines] == [foreign] * 3


def test_controls_do_not_reach_the_terminal() -> None:
    text = printed(table(("a\x1b[2J",), [("b\x1b]0;x\x07\nc",)], title="d\x9b1m"))
    assert not {"\x1b", "\x07", "\x9b"} & set(text)
    assert len(text.splitlines()) == 3


def test_headings_may_be_left_out_and_columns_be_of_rich() -> None:
    made = table((Column(style="dim"), ""), [("name", "value")], heads=False)
    assert printed(made).split() == ["name", "value"]
    assert made.columns[0].style == "dim"


def test_a_row_has_its_style_and_shares_no_cell() -> None:
    cell = Text("b")
    assert "\x1b[1ma" in printed(table(("", ""), [styled("bold", ("a", cell))]), "standard")
    assert cell.spans == []
