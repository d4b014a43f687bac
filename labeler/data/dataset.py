"""The CSV-label dataset: issues with their labels, one row each; standard CSV in UTF-8, newlines in fields are real.

Errors name file and line, then the row as a spreadsheet counts it (the header is row 1) and the column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from labeler.data.textfile import clean_text, csv_rows, decoded_lines, integer_of, split_answer
from labeler.errors import InputError
from labeler.files import replaced
from labeler.labels.label_set import LabelSet, fold

COLUMNS = ["id", "repo", "number", "title", "body", "labels", "split", "source", "annotator", "agreement", "created_at"]
SPLITS = ("train", "validation", "test", "")
OTHER_TABLES = (
    "Another table of issues becomes a dataset by python -m synthetic fetch --from FILE --repo owner/name --out data, "
    "then prepare and split (docs/csv-label.md)."
)
_UNFIT_IN_LABEL = re.compile(r"[,\r\n]|^\s|\s$|^$")


@dataclass(frozen=True)
class Row:
    """One issue of a dataset. `agreement` is in 0..1; `created_at` is ISO 8601; what is unknown is None or empty."""

    id: str
    repo: str = ""
    number: int | None = None
    title: str = ""
    body: str = ""
    labels: tuple[str, ...] = ()
    split: str = ""
    source: str = ""
    annotator: str = ""
    agreement: float | None = None
    created_at: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                object.__setattr__(self, field.name, clean_text(value))
        object.__setattr__(self, "labels", tuple(clean_text(name) for name in self.labels))


def read_dataset(path: str | Path, labels: LabelSet | None = None) -> Iterator[Row]:
    """The rows, one at a time. With `labels`, each row's labels take their spelling and order from there.

    Raises InputError, on the way, at the first row that is wrong.
    """
    lines = decoded_lines(path)
    rows = csv_rows(lines, str(path))
    header = next(rows, None)
    if header is None or header[1] != COLUMNS:
        found = "nothing" if header is None else ",".join(header[1])
        raise InputError(f"{path}:1: the header is {found}", f"It must be exactly {','.join(COLUMNS)}\n{OTHER_TABLES}")
    check = _Check(labels)
    for where, texts in rows:
        yield check(_row_of_texts(where, texts), where)


def write_dataset(path: str | Path, rows: Iterable[Row], labels: LabelSet | None = None) -> int:
    """Write the rows, checked as on reading, and return their number. The file appears whole or not at all."""
    check = _Check(labels)
    count = 0
    try:
        with replaced(Path(path)) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(COLUMNS) + "\n")
            # Everything is quoted because the writer otherwise leaves a lone carriage return bare.
            writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
            for count, row in enumerate(rows, 1):
                writer.writerow(_texts_of_row(check(row, f"{path}: row {count + 1}")))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}", "Check the folder and the disk."
        ) from error
    return count


def _wrong(where: str, column: str, what: str, remedy: str) -> NoReturn:
    raise InputError(f"{where}, column {column}: {what}", remedy)


def _row_of_texts(where: str, texts: Sequence[str]) -> Row:
    given = dict(zip(COLUMNS, texts, strict=True))
    try:
        number = integer_of(given.pop("number"))
    except ValueError as error:
        _wrong(where, "number", f"{error} is no positive integer", "Write the issue's number or leave it empty.")
    agreement = given.pop("agreement")
    try:
        share = float(agreement) if agreement else None
    except ValueError:
        _wrong(where, "agreement", f"{agreement!r} is no number", "Write a number from 0 to 1 or leave it empty.")
    return Row(number=number, agreement=share, labels=split_answer(given.pop("labels")), **given)


def _texts_of_row(row: Row) -> list[str]:
    values = vars(row) | {"labels": ", ".join(row.labels)}
    return ["" if values[column] is None else str(values[column]) for column in COLUMNS]


class _Check:
    """Holds what one file has shown so far; called with each row, returns it in final form or raises InputError."""

    def __init__(self, labels: LabelSet | None) -> None:
        self.labels = labels
        self.places: dict[str, str] = {}

    def __call__(self, row: Row, where: str) -> Row:
        if not row.id:
            _wrong(where, "id", "empty", "Give every row an id of its own.")
        if row.id in self.places:
            _wrong(where, "id", f"{row.id!r} is also at {self.places[row.id]}", "Give every row an id of its own.")
        self.places[row.id] = where
        if row.number is not None and (not isinstance(row.number, int) or not 0 < row.number < 10**18):
            _wrong(where, "number", f"{row.number!r} is no positive integer", "Write the issue's number or None.")
        if row.split not in SPLITS:
            _wrong(where, "split", f"{row.split!r} is unknown", "Use train, validation, test or leave it empty.")
        if row.agreement is not None and not 0 <= row.agreement <= 1:
            _wrong(where, "agreement", f"{row.agreement} is not in 0..1", "Write the share of annotators that agree.")
        if row.created_at and not _is_time(row.created_at):
            _wrong(where, "created_at", f"{row.created_at!r} is no time", "Write it like 2026-11-20T09:30:00Z.")
        return replace(row, labels=self._in_order(row.labels, where))

    def _in_order(self, names: tuple[str, ...], where: str) -> tuple[str, ...]:
        for name in names:
            if _UNFIT_IN_LABEL.search(name):
                remedy = "Separate labels by a comma and a space; a name has no comma or newline of its own."
                _wrong(where, "labels", f"{name!r} is no label name", remedy)
        if self.labels is None:
            first: dict[str, str] = {}
            for name in names:
                first.setdefault(fold(name), name)
            return tuple(first.values())
        for name in names:
            if self.labels.find(name) is None:
                remedy = f"Add it to the label list or use one of: {', '.join(self.labels.names)}."
                _wrong(where, "labels", f"{name!r} is not in the label list", remedy)
        return self.labels.only(names).names


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
