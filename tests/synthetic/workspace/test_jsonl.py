from __future__ import annotations

from pathlib import Path

import pytest

from labeler.errors import InputError
from synthetic.workspace.jsonl import Appender, read_lines, write_lines


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lines.jsonl"
    with Appender(path) as lines:
        lines.write({"n": 1, "text": "a\nb \u2028 ü"}, {"n": 2})
        assert [one["n"] for one in read_lines(path)] == [1, 2]  # on the disk before the file is closed
    with Appender(path) as lines:
        lines.write({"n": 3})
    assert [one["n"] for one in read_lines(path)] == [1, 2, 3]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_last_line_is_passed_over_and_cut_off_before_the_next(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "lines.jsonl"
    write_lines(path, [{"n": 1}, {"torn": 2}])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert list(read_lines(path)) == [{"n": 1}]
    with Appender(path) as lines:
        lines.write({"n": 3})
    assert list(read_lines(path)) == [{"n": 1}, {"n": 3}]


def test_a_file_of_one_torn_line_longer_than_a_block_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "' + "x" * 200_000)
    with Appender(path) as lines:
        lines.write({"n": 1})
    assert list(read_lines(path)) == [{"n": 1}]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"n": 1}\n{"n": \n{"n": 3}\n')
    with pytest.raises(InputError, match=r"lines\.jsonl:2: not a JSON line"):
        list(read_lines(path))


def test_writing_a_whole_file_keeps_the_old_one_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    write_lines(path, [{"n": 1}])
    with pytest.raises(TypeError):
        write_lines(path, [{"n": 2}, {"n": object()}])
    assert list(read_lines(path)) == [{"n": 1}]
    assert [one.name for one in tmp_path.iterdir()] == ["lines.jsonl"]
