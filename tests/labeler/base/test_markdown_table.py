"""Tables in Markdown."""

from __future__ import annotations

import pytest

from labeler.base.markdown_table import markdown_table


def test_headings_rules_and_rows() -> None:
    table = markdown_table(("", "n", "F1", "why"), [("bug", "3", "0.5", ""), ("docs", "4", "1.0", "x")], "crrl")
    assert table == "| | n | F1 | why |\n|:-:|---:|---:|---|\n| bug | 3 | 0.5 | |\n| docs | 4 | 1.0 | x |"


def test_the_last_alignment_is_that_of_all_columns_after_it() -> None:
    assert markdown_table(("a", "b", "c"), [], "lr").splitlines()[1] == "|---|---:|---:|"
    assert markdown_table(("a", "b"), [], "lrrr").splitlines()[1] == "|---|---:|"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("a|b", r"a\|b"), (r"a\|b", r"a\|b"), (r"a\\|b", r"a\\\|b"), ("||", r"\|\|"), ("a\r\nb\nc", "a b c")],
)
def test_no_cell_ends_early(cell: str, shown: str) -> None:
    assert markdown_table(("x",), [(cell,)]).splitlines()[2:] == [f"| {shown} |"]


def test_a_row_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        markdown_table(("a", "b"), [("c",)])
