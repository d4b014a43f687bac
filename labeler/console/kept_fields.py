"""What each issue's file had beside it: the columns of a table, the keys of an object, for results that keep them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from labeler.data.columns import column_name
from labeler.data.issue_table import Kept

Fields = list[tuple[str, Any]]  # names, of which a table may have one several times, with texts or JSON values
Key = tuple[str, int]  # a name in the form in which two spellings are equal, and how many of that form stand before it

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[\d.,:]+%?")


def fields_of(kept: Sequence[Kept]) -> Iterator[Fields]:
    """The fields of every issue, file by file; none for one from a file of which nothing is kept (one issue a file)."""
    for file in kept:
        if file.header:
            yield from ([*zip(file.header, row, strict=True)] for row in file.rows)
        elif file.objects:
            yield from ([*item.items()] for item in file.objects)
        else:
            yield []


def keys_of(names: Iterable[str]) -> list[Key]:
    seen: Counter[str] = Counter()
    keys = []
    for name in map(column_name, names):
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def columns_of(rows: Iterable[Fields]) -> dict[Key, str]:
    """The columns that all rows need, in the order in which they first appear, with their names as first spelt."""
    columns: dict[Key, str] = {}
    for row in rows:
        for key, (name, _) in zip(keys_of(name for name, _ in row), row, strict=True):
            columns.setdefault(key, name)
    return columns


def free_name(name: str, other: str, taken: Iterable[str]) -> str:
    """`name`, or where a column has it in any case `other`, or that with the first number that is free."""
    found = {column_name(one) for one in taken}
    if column_name(name) not in found:
        return name
    number, free = 1, other
    while column_name(free) in found:
        number += 1
        free = f"{other} {number}"
    return free


def object_of(fields: Fields) -> dict[str, Any]:
    """One value a name; of a column that is there several times, the list of its texts."""
    many = Counter(name for name, _ in fields)
    return {
        name: [value for one, value in fields if one == name] if many[name] > 1 else value for name, value in fields
    }


def cell(value: Any) -> str:
    """A value as a cell: text that no spreadsheet takes for a formula and no terminal for a command; else JSON."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return "'" + text if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
