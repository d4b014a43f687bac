"""Which tokens' embeddings are in 8 bits: the most used ones, and those that every vocabulary keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeler.errors import InputError
from tests.models import tokenizer_json
from training.vocabulary.counts import Counts
from training.vocabulary.fine import fine_tokens
from training.vocabulary.keep import all_ids

pytestmark = pytest.mark.training


def test_the_most_used_and_all_bytes_and_control_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer_json())
    ids = all_ids(json.loads(path.read_text()))
    always = {ids[f"<0x{byte:02X}>"] for byte in range(256)} | {ids["<bos>"], ids["<eos>"]}
    pieces = [piece for piece in ids if len(piece) > 1 and not piece.startswith("<")][-6:]
    counts = Counts(("never a piece", *pieces), tuple(range(7, 0, -1)))
    found = [fine_tokens(path, count, counts) for count in (1, 4)]
    assert found[1] == sorted(found[1])
    assert always < set(found[0])
    assert set(found[1]) - set(found[0]) == {ids[piece] for piece in pieces[1:4]}
    assert ids[pieces[0]] in found[0]
    assert ids[pieces[5]] not in found[1]
    assert fine_tokens(path, 0) == []


def test_by_the_counts_that_ship_the_most_used_come_first(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer_json())
    ids = all_ids(json.loads(path.read_text()))
    few, more = fine_tokens(path, 10), fine_tokens(path, 60)
    assert ids["\u2581the"] in few
    assert set(few) < set(more)
    assert more == fine_tokens(path, 60)


def test_what_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    for name in ("tokenizer.json", "none.json"):
        with pytest.raises(InputError, match=name):
            fine_tokens(tmp_path / name, 5)
