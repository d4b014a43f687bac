"""docs/csv-label.schema.json takes what the writer writes, and refuses what the reader refuses."""

from __future__ import annotations

import csv
import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from labeler.data.dataset import COLUMNS, SPLITS, Row, read_dataset, write_dataset
from labeler.errors import InputError

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "csv-label.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
GOOD = dict.fromkeys(COLUMNS, "") | {"id": "a"}

text = st.text(alphabet=[*string.printable, "é", "漢", "🐛", "\u2028"], max_size=12)
name = st.text(alphabet="abé漢🐛 :/-\"'", min_size=1, max_size=9).filter(lambda found: found == found.strip())
rows = st.builds(
    Row,
    id=st.uuids().map(str),
    repo=text,
    number=st.none() | st.integers(1, 10**18 - 1),
    title=text,
    body=text,
    labels=st.lists(name, max_size=4).map(tuple),
    split=st.sampled_from(SPLITS),
    source=text,
    annotator=text,
    agreement=st.none() | st.floats(0, 1),
    created_at=st.just("") | st.datetimes().map(lambda time: time.isoformat()),
)


def texts(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_a_schema_of_all_columns_in_order() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert list(SCHEMA["properties"]) == SCHEMA["required"] == COLUMNS


@given(rows=st.lists(rows, min_size=1, max_size=8, unique_by=lambda row: row.id))
def test_it_takes_what_the_writer_writes(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    path = tmp_path_factory.mktemp("rows") / "dataset.csv"
    write_dataset(path, rows)
    for row in texts(path):
        assert [error.message for error in VALIDATOR.iter_errors(row)] == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", ""),
        ("number", "0"),
        ("number", "-3"),
        ("number", "7.0"),
        ("number", "seven"),
        ("labels", "bug,, docs"),
        ("labels", "bug, "),
        ("labels", "two\nlines"),
        ("split", "dev"),
        ("agreement", "1.5"),
        ("agreement", "-0.1"),
        ("agreement", "most"),
        ("created_at", "yesterday"),
        ("created_at", "20.11.2026"),
    ],
)
def test_it_refuses_what_the_reader_refuses(column: str, value: str, tmp_path: Path) -> None:
    row = GOOD | {column: value}
    assert not VALIDATOR.is_valid(row)
    assert VALIDATOR.is_valid(GOOD)
    with (tmp_path / "dataset.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerow(row)
    with pytest.raises(InputError, match=f"column {column}"):
        list(read_dataset(tmp_path / "dataset.csv"))


def test_a_column_more_or_less_is_no_row() -> None:
    assert not VALIDATOR.is_valid(GOOD | {"priority": "high"})
    assert not VALIDATOR.is_valid({column: value for column, value in GOOD.items() if column != "body"})
