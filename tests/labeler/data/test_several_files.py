from __future__ import annotations

from pathlib import Path

import pytest

from labeler.data.several_files import read_files
from labeler.errors import InputError


def test_files_are_read_in_turn_with_what_they_have_beside(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,team\nCrash,x\nDark,y\n")
    (tmp_path / "b.json").write_text('[{"title": "How?", "votes": 3}]')
    (tmp_path / "empty.jsonl").write_text("\n")
    names = [str(tmp_path / name) for name in ("a.csv", "b.json", "empty.jsonl")]
    read = read_files(names[:2])
    assert [issue.title for issue in read.issues] == ["Crash", "Dark", "How?"]
    assert read.files == [names[0], names[0], names[1]]
    assert [kept.rows for kept in read.kept] == [[["Crash", "x"], ["Dark", "y"]], []]
    assert read.kept[1].objects == [{"title": "How?", "votes": 3}]
    assert read_files(names[:1]).files == []
    with pytest.raises(InputError, match=r"empty\.jsonl: no issues in it"):
        read_files(names)
