"""A folder says what it is for; whoever wants to go on in it with something else is told what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeler.base.claim import claim, refuse_other
from labeler.errors import InputError, UsageError

WANTED: dict[str, Any] = {"seed": 0, "shares": (0.8, 0.2), "tuning": {"rank": 4, "text": "x" * 100}}


def test_a_folder_is_claimed_once_and_gone_on_with_for_the_same(tmp_path: Path) -> None:
    path = tmp_path / "run" / "asked.json"
    assert claim(path, WANTED) is False
    assert json.loads(path.read_text()) == WANTED | {"shares": [0.8, 0.2]}
    written = path.stat().st_mtime_ns
    assert claim(path, WANTED) is True
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "seed 0 → 1"),
        ({"shares": [0.5, 0.5], "more": True}, "shares [0.8, 0.2] → [0.5, 0.5], more None → True"),
        ({"tuning": {"rank": 5, "text": "y"}}, "tuning.rank 4 → 5, tuning.text"),
        ({"tuning": {"rank": 4}}, "tuning.text"),
    ],
)
def test_what_differs_is_told_by_key_with_both_values_where_they_are_short(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    claim(tmp_path / "asked.json", WANTED)
    before = (tmp_path / "asked.json").read_bytes()
    with pytest.raises(InputError) as refused:
        claim(tmp_path / "asked.json", WANTED | change)
    assert refused.value.what == f"{tmp_path}: was begun with other values: {told}"
    assert (tmp_path / "asked.json").read_bytes() == before


def test_one_text_can_say_what_a_folder_is_for(tmp_path: Path) -> None:
    assert claim(tmp_path / "origin.txt", "this") is False
    assert (tmp_path / "origin.txt").read_text() == "this"
    assert claim(tmp_path / "origin.txt", "this") is True
    with pytest.raises(InputError, match=r"holds this, not that\nGive another --out"):
        claim(tmp_path / "origin.txt", "that")


def test_what_is_kept_elsewhere_is_refused_alike(tmp_path: Path) -> None:
    refuse_other(tmp_path, WANTED, json.loads(json.dumps(WANTED)))
    with pytest.raises(UsageError, match="was begun with other values: seed 0 → 2"):
        refuse_other(tmp_path, WANTED, WANTED | {"seed": 2}, UsageError)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "asked.json").write_bytes(content)
    with pytest.raises(InputError, match=r"asked\.json: damaged"):
        claim(tmp_path / "asked.json", WANTED)
