"""Tables of issues: CSV as this project, spreadsheets and issue trackers write it. The one reader of such files.

What isn't said is detected: the encoding (`labeler.data.encodings`), the delimiter by which the header has the most
names that are known, and the columns (`labeler.data.columns`). A first line `sep=;`, as Excel has it, says the
delimiter.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from labeler.data.columns import Columns, choose_columns, listed, recognised
from labeler.data.dataset import COLUMNS
from labeler.data.encodings import encoding_of, text_lines
from labeler.data.label_names import names_of
from labeler.data.textfile import csv_rows, split_answer
from labeler.data.times import iso_time
from labeler.errors import InputError

ENDINGS = (".csv", ".tsv", ".tab")
DELIMITERS = (",", ";", "\t", "|")
_SEP = re.compile(r"sep=(.)\r?\n?\Z", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(?:#|[A-Za-z][A-Za-z0-9_]*-)?0*(\d{1,18})(?:\.0+)?\s*")
_MOST_HEADER_LINES = 100
TIMES = ("created_at", "updated_at", "closed_at")
_STATES = {
    "open": "open new opened reopened unconfirmed confirmed assigned in_progress in progress to do backlog offen neu "
    "in bearbeitung",
    "closed": "closed done resolved verified rejected erledigt gelöst geschlossen abgewiesen",
}


@dataclass(frozen=True)
class TableOptions:
    """What somebody says about a table; an empty text leaves it to be detected."""

    title: str = ""
    body: str = ""
    labels: str = ""
    delimiter: str = ""
    encoding: str = ""

    @property
    def columns(self) -> dict[str, str]:
        return {"title": self.title, "body": self.body, "labels": self.labels}


@dataclass
class Kept:
    """A file as it was, filled by the reader issue by issue, for who writes it again with columns more.

    A table has a header and rows; JSON has objects, of an event its issue. Of other files nothing is kept.
    """

    header: tuple[str, ...] = ()
    delimiter: str = ","
    marked: bool = False  # by a byte order mark, or not UTF-8: what Excel wrote and will want to read
    rows: list[list[str]] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)


def is_table(path: str | Path, options: TableOptions | None = None) -> bool:
    """Whether a file is read as a table: by its ending, or as .txt with a delimiter that is told."""
    ending = Path(path).suffix.lower()
    return ending in ENDINGS or (ending == ".txt" and options is not None and bool(options.delimiter))


def read_table(
    path: Path,
    options: TableOptions | None = None,
    *,
    say: Callable[[str], None] | None = None,
    kept: Kept | None = None,
) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows as objects for `labeler.text.issue.from_rest`, each with its place ("issues.csv:17: row 4").

    A row of nothing but empty fields is passed over. Labels are a list of names, from as many columns as there are.

    Args:
        say: is told what was guessed or is missing. Without it nothing is guessed.
        kept: gets the header and the texts of every row that is returned.

    Raises:
        InputError: on the way, at the first row that is wrong, naming line, row and column.
    """
    options = options or TableOptions()
    encoding = encoding_of(path, options.encoding, say)
    lines, delimiter = _delimited(text_lines(path, encoding), options, path)
    rows = csv_rows(lines, str(path), delimiter)
    where, header = next(rows, (f"{path}:1", []))
    columns = choose_columns(header, options.columns, where)
    if say and not columns.places["body"]:
        say(f"{path}: no column body or description: only titles are read. Columns: {listed(header)}. (--body-column)")
    if kept is not None:
        kept.header, kept.delimiter, kept.marked = columns.header, delimiter, encoding != "utf-8"
    own = list(header) == COLUMNS
    for where, texts in rows:
        if not any(text.strip() for text in texts):
            continue
        item = _item(columns, texts, where, own)
        if kept is not None:
            kept.rows.append(texts)
        yield item, where


def _delimited(lines: Iterator[str], options: TableOptions, path: Path) -> tuple[Iterator[str], str]:
    """The lines, a line `sep=;` made blank, and the delimiter."""
    first = next(lines, "")
    found = _SEP.match(first)
    start = ["\n"] if found else [first]
    if found:
        start.append(next(lines, ""))
    # A name in the header may hold newlines; its quotes are even where it ends.
    while sum(line.count('"') for line in start) % 2 and len(start) < _MOST_HEADER_LINES:
        if not (line := next(lines, "")):
            break
        start.append(line)
    delimiter = options.delimiter or (found[1] if found else _likeliest("".join(start).lstrip("\n"), options, path))
    return itertools.chain(start, lines), delimiter


def _likeliest(header: str, options: TableOptions, path: Path) -> str:
    def merit(delimiter: str) -> tuple[bool, int, int]:
        names = next(csv.reader(header.splitlines(keepends=True), delimiter=delimiter), [])
        return (*recognised(names, options.columns), len(names) if len(names) > 1 else 0)

    try:
        order = DELIMITERS if path.suffix.lower() == ".csv" else ("\t", *DELIMITERS)
        return max(order, key=merit)
    except csv.Error:
        return ","  # whose reader says what is wrong, and where


def _item(columns: Columns, texts: list[str], where: str, own: bool) -> dict[str, Any]:
    item: dict[str, Any] = {name: columns.text(name, texts) for name, places in columns.places.items() if places}
    if columns.places["labels"]:
        item["labels"] = _labels(columns, texts, where, own)
    if not item.get("number", "").strip() or own:
        item["number"] = item.get("number", "")
    elif found := _NUMBER.fullmatch(item["number"]):
        item["number"] = found[1]
    for name in TIMES:
        if item.get(name):
            item[name] = iso_time(item[name])
    if "state" in item:
        item["state"] = _state(item["state"])
    item.setdefault("body", "")
    return item


def _labels(columns: Columns, texts: list[str], where: str, own: bool) -> list[str]:
    names: dict[str, None] = {}
    for place in columns.places["labels"]:
        try:
            found = split_answer(texts[place]) if own else names_of(texts[place])
        except ValueError as error:
            _wrong(where, columns.header[place], texts[place], error)
        names.update(dict.fromkeys(found))
    return list(names)


def _wrong(where: str, column: str, text: str, error: ValueError) -> NoReturn:
    shown = text if len(text) <= 80 else text[:79] + "…"
    raise InputError(f"{where}: {column}: {shown!r} {error}", 'Write it like bug, ci/cd or ["bug", "ci/cd"].')


def _state(text: str) -> str:
    """ "open" or "closed" where a tracker's word is surely one of them; the word as it is otherwise."""
    for state, words in _STATES.items():
        if re.search(rf"(?:\A| ){re.escape(text.strip().lower())}(?: |\Z)", words):
            return state if text.strip() else ""
    return text
