"""Tables in GitHub Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_RULES = {"l": "---", "r": "---:", "c": ":-:"}
_BARE_BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], align: str = "l") -> str:
    r"""The table's lines, without a newline after the last.

    Args:
        columns: headings in Markdown.
        rows: cells in Markdown, as many as headings. Foreign text is escaped before; what would end a cell, a bar or
            a newline, never does.
        align: "l", "r" or "c" for each column; the last letter stands for all columns after it.

    Raises:
        ValueError: a row is longer or shorter than the headings.

    >>> print(markdown_table(("label", "n"), [("a|b", "3")], "lr"))
    | label | n |
    |---|---:|
    | a\|b | 3 |
    """
    rules = [_RULES[letter] for letter in align.ljust(len(columns), align[-1])[: len(columns)]]
    lines = [_line(columns), f"|{'|'.join(rules)}|"]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(row)} cells under {len(columns)} headings: {row}")
        lines.append(_line(row))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    texts = (_BARE_BAR.sub(r"\1\\|", " ".join(cell.splitlines())) for cell in cells)
    return "|" + "".join(f" {text} |" if text else " |" for text in texts)
