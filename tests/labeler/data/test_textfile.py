from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.data.textfile import clean_text, csv_rows, decoded_lines, integer_of, split_answer
from labeler.errors import InputError


@given(st.text(st.characters()))
def test_clean_text_encodes_and_keeps_its_length(text: str) -> None:
    cleaned = clean_text(text + "\ud800")
    cleaned.encode()
    assert len(cleaned) == len(text) + 1
    assert cleaned.endswith("\ufffd")


def test_clean_text_leaves_everything_but_surrogates_alone() -> None:
    assert clean_text("a\0b\r\n\u202e😀") == "a\0b\r\n\u202e😀"


def test_a_wrong_byte_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes(b"one\ntwo\nthr\xe9e\n")
    with pytest.raises(InputError, match=r"latin\.txt:3: not UTF-8"):
        list(decoded_lines(path))


def test_lines_keep_their_ends_and_lose_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert list(decoded_lines(path)) == ["one\r\n", "two\rthree\n"]


def test_csv_rows_give_line_and_row_of_their_start() -> None:
    rows = csv_rows(["a,b\n", '"x\n', 'y",1\n', "\n", "z,2\n"], "f.csv")
    assert list(rows) == [
        ("f.csv:1: row 1", ["a", "b"]),
        ("f.csv:2: row 2", ["x\ny", "1"]),
        ("f.csv:5: row 4", ["z", "2"]),
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,b\n", '1,"open\n', "2,3\n"], "f.csv:2: row 2: not valid CSV"),
        (["a,b\n", "1,2\n", '"x"y,2\n'], "f.csv:3: row 3: not valid CSV"),
        (["a,b\n", "1\n"], "f.csv:2: row 2: 1 columns where the header has 2"),
        (["a,b\n", "1,2,3\n"], "f.csv:2: row 2: 3 columns where the header has 2"),
    ],
)
def test_a_broken_row_is_named(lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(csv_rows(lines, "f.csv"))


@pytest.mark.parametrize(
    ("line", "names"),
    [("", ()), (" \n", ()), ("bug", ("bug",)), ("bug, ci/cd", ("bug", "ci/cd")), ("a,,b", ("a", "", "b"))],
)
def test_split_answer(line: str, names: tuple[str, ...]) -> None:
    assert split_answer(line) == names


def test_integer_of_takes_positive_integers_only() -> None:
    assert [integer_of(text) for text in ("", " 7 ", "007", "1" * 18)] == [None, 7, 7, int("1" * 18)]
    for text in ("0", "-1", "1.0", "1_0", "٣", "x", "1" * 5000):
        with pytest.raises(ValueError, match=re.escape(text)):
            integer_of(text)
