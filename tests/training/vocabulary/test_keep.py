"""Which tokens stay in a smaller vocabulary, and that text is still read alike."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from labeler.errors import InputError, UsageError
from labeler.model.tokenizer import CompactTokenizer, LibraryTokenizer, write_compact
from tests.models import TEXT
from tests.vocabularies import GERMAN, RUSSIAN, SIZE, order, whole_json
from training.vocabulary import DEFAULT_SIZE
from training.vocabulary.counts import read_counts
from training.vocabulary.keep import all_ids, kept_ids
from training.vocabulary.smaller_tokenizer import Renumbering


def cut(size: int = SIZE, first: Sequence[str] = (TEXT,)) -> tuple[np.ndarray, dict[str, Any]]:
    """The kept ids and the smaller tokenizer.json."""
    state = json.loads(whole_json())
    kept = kept_ids(state, order(*first), size, rows=len(state["model"]["vocab"]) - 1)
    return kept, Renumbering(state, kept).tokenizer(state)


# Pieces of every script, tags, reserved names, runs of spaces and characters that no token has, more often than by
# chance; and arbitrary text.
WORDS = st.sampled_from([*TEXT.split(), *GERMAN.split(), *RUSSIAN.split(), " ", "   ", "▁", "\n", "\n\n\n", "<h1>",
                         "<unused0>", "<start_of_image>", "<bos>", "🐛", "日本", "é", "<0x41>"])  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(WORDS, max_size=25).map(" ".join), st.lists(WORDS, max_size=25).map("".join))


class Pair:
    """A tokenizer and the same with fewer tokens."""

    def __init__(self, folder: Path, state: dict[str, Any], kept: np.ndarray) -> None:
        smaller = Renumbering(state, kept).tokenizer(state)
        self.pieces = list(smaller["model"]["vocab"])
        for name, document in (("whole", state), ("smaller", smaller)):
            (folder / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        self.kept = {int(old): new for new, old in enumerate(kept)}
        self.whole, self.smaller = (Tokenizer.from_file(str(folder / f"{n}.json")) for n in ("whole", "smaller"))
        self.served = [LibraryTokenizer(folder / f"{name}.json") for name in ("whole", "smaller")]
        assert write_compact(folder / "smaller.json", folder / "compact")
        self.compact = CompactTokenizer(folder / "compact")

    def check(self, text: str) -> bool:
        """Asserts what must hold of any text; whether all of its tokens are kept."""
        whole, smaller = (library.encode(text, add_special_tokens=False) for library in (self.whole, self.smaller))
        alike = all(token in self.kept for token in whole.ids)
        if alike:
            assert smaller.tokens == whole.tokens
            assert smaller.ids == [self.kept[token] for token in whole.ids]
        decoded = [
            lib.decode(e.ids, skip_special_tokens=False) for lib, e in ((self.whole, whole), (self.smaller, smaller))
        ]
        assert decoded[0] == decoded[1]
        served = [tokenizer.encode(text) for tokenizer in self.served]
        if all(token in self.kept for token in served[0]):
            assert served[1] == [self.kept[token] for token in served[0]]
        assert self.compact.encode(text) == served[1]
        return alike


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("pair"), json.loads(whole_json()), cut()[0])


@settings(max_examples=120, deadline=None)
@given(text=TEXTS)
def test_any_text_comes_back_and_one_whose_tokens_are_kept_is_read_alike(pair: Pair, text: str) -> None:
    pair.check(text)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_text_of_kept_pieces_is_read_alike(pair: Pair, data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.sampled_from(pair.pieces), max_size=12))
    assume(pair.check("".join(pieces).replace("▁", " ")))


def test_every_kept_piece_that_text_can_make_can_still_be_made(pair: Pair) -> None:
    """Fails where a piece stays without one of those that lead to it."""
    made = 0
    for piece in pair.pieces:
        whole = pair.whole.encode(piece, add_special_tokens=False)
        if whole.tokens == [piece]:
            assert pair.smaller.encode(piece, add_special_tokens=False).tokens == [piece]
            made += 1
    assert made > 120


def test_control_tokens_tags_and_bytes_stay_and_reserved_and_image_tokens_go() -> None:
    kept, smaller = cut()
    vocab = smaller["model"]["vocab"]
    assert len(kept) == len(vocab) == SIZE
    assert vocab.keys() >= {"<pad>", "<bos>", "<end_of_turn>", "<h1>", "\n\n", *(f"<0x{b:02X}>" for b in range(256))}
    assert not vocab.keys() & {"<unused0>", "<start_of_image>", "<image_soft_token>"}
    assert {token["content"]: token["id"] for token in smaller["added_tokens"]}.items() <= vocab.items()


def test_ids_are_counted_anew_in_the_old_order_and_the_template_follows() -> None:
    kept, smaller = cut()
    old = all_ids(json.loads(whole_json()))
    assert [old[piece] for piece in smaller["model"]["vocab"]] == kept.tolist() == sorted(kept)
    assert list(smaller["model"]["vocab"].values()) == list(range(SIZE))
    ids = Tokenizer.from_str(json.dumps(smaller)).encode("a").ids
    assert ids[0] == smaller["model"]["vocab"]["<bos>"] != old["<bos>"]


def test_the_most_used_pieces_stay() -> None:
    english, german = (set(cut(first=(text,))[1]["model"]["vocab"]) for text in (TEXT, GERMAN))
    assert "▁application" in english - german
    assert "▁Speichern" in german - english


def test_a_size_without_room_and_too_few_pieces_are_refused() -> None:
    state = json.loads(whole_json())
    with pytest.raises(UsageError, match="A vocabulary of 200 tokens is too small"):
        kept_ids(state, order(TEXT), 200)
    with pytest.raises(InputError, match=r"mine\.xz: the pieces that they name make \d+ tokens .* not 500"):
        kept_ids(state, ["▁application"], 500, counts="mine.xz")
    state["model"]["byte_fallback"] = False
    with pytest.raises(InputError, match="no byte-pair encoding with byte fallback"):
        kept_ids(state, order(TEXT), SIZE)


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    path = os.environ.get("LABELER_TEST_TOKENIZER")
    if not path:
        pytest.skip("LABELER_TEST_TOKENIZER is not set: the path of Gemma 3's tokenizer.json, which does not ship")
    state: dict[str, Any] = json.loads(Path(path).read_bytes())
    return state


def test_the_default_vocabulary_of_gemma_is_the_one_that_was_chosen(real: dict[str, Any], tmp_path: Path) -> None:
    kept = kept_ids(real, read_counts().pieces, DEFAULT_SIZE, rows=262_144)
    chosen = "7f635c106e27d18e3ee61282d4c149c2c99f7df9d7385876be0ed0460adfb8c0"
    assert hashlib.sha256(kept.astype("<i4").tobytes()).hexdigest() == chosen
    both = Pair(tmp_path, real, kept)

    @settings(max_examples=200, deadline=None)
    @given(text=st.one_of(TEXTS, st.lists(st.sampled_from(both.pieces), max_size=12).map("".join)))
    def holds(text: str) -> None:
        both.check(text)

    holds()
    said = [TEXT, "Steps to reproduce:\n\n1. open the file\n2. click save", "```\nTypeError: x is undefined\n```"]
    assert all(map(both.check, said))
