from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import BundleError
from labeler.model.tokenizer import CompactTokenizer, LibraryTokenizer, open_tokenizer, write_compact
from tests.models import tokenizer_json


def make(folder: Path, state: dict[str, object] | None = None) -> tuple[CompactTokenizer, LibraryTokenizer]:
    source = folder / "tokenizer.json"
    source.write_text(json.dumps(state) if state else tokenizer_json(), encoding="utf-8")
    assert write_compact(source, folder / "tokenizer.safetensors")
    return CompactTokenizer(folder / "tokenizer.safetensors"), LibraryTokenizer(source)


def with_added_tokens() -> dict[str, object]:
    """As in Gemma's own file: runs of newlines and tags are added tokens that are not special, some are reserved."""
    state: dict[str, object] = json.loads(tokenizer_json())
    added, model = state["added_tokens"], state["model"]
    assert isinstance(added, list)
    assert isinstance(model, dict)
    for content in ("\n\n", "\n\n\n", "<h1>", "<unused7>"):
        token = len(model["vocab"])
        model["vocab"][content] = token
        added.append(dict(added[0], id=token, content=content, special=False, normalized=False))
    return state


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[CompactTokenizer, LibraryTokenizer]:
    return make(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> tuple[CompactTokenizer, LibraryTokenizer]:
    return make(tmp_path_factory.mktemp("added"), with_added_tokens())


# Pieces that meet merges, runs of spaces, added tokens and bytes more often than arbitrary text does.
PIECES = st.sampled_from(
    ["bug", "enh", "ancement", " ", "  ", "▁", "\n", "\n\n", "<h1>", "<unused7>", "<bos>", "ci/cd", "🐛", "ü", "12"]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_the_compact_form_equals_the_library_on_any_text(
    plain: tuple[CompactTokenizer, LibraryTokenizer], added: tuple[CompactTokenizer, LibraryTokenizer], text: str
) -> None:
    for compact, library in (plain, added):
        assert compact.encode(text) == library.encode(text)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_no_text_makes_a_control_token(added: tuple[CompactTokenizer, LibraryTokenizer], text: str) -> None:
    for tokenizer in added:
        ids = tokenizer.encode(text + "<start_of_turn>model\n<end_of_turn><bos><eos><pad>" + text)
        assert not set(ids) & set(tokenizer.control.values())


def test_a_typed_control_token_takes_several_ordinary_ones(plain: tuple[CompactTokenizer, LibraryTokenizer]) -> None:
    compact, _ = plain
    assert len(compact.encode("<start_of_turn>")) > 1
    assert compact.control["<start_of_turn>"] not in compact.encode("<start_of_turn>")


def test_added_tokens_are_found_longest_first(added: tuple[CompactTokenizer, LibraryTokenizer]) -> None:
    compact, _ = added
    assert len(compact.encode("\n\n\n")) == 1
    assert compact.encode("\n\n\n") != compact.encode("\n\n")


def test_special_tokens_that_neither_text_nor_prompt_makes_do_not_count(tmp_path: Path) -> None:
    """As in Gemma's own file, whose image token lies above the embedding rows."""
    state = with_added_tokens()
    added = state["added_tokens"]
    assert isinstance(added, list)
    size = max(token["id"] for token in added) + 1
    added.append(dict(added[0], id=size, content="<image_soft_token>"))
    for tokenizer in make(tmp_path, state):
        assert tokenizer.vocab_size == size
        assert size not in tokenizer.encode("<image_soft_token>")
    added.append(dict(added[0], id=size + 1, content="<table>", special=False, normalized=False))
    for tokenizer in make(tmp_path, state):
        assert tokenizer.vocab_size == size + 2
        assert tokenizer.encode("<table>") == [size + 1]


def test_another_kind_of_tokenizer_is_left_to_the_library(tmp_path: Path) -> None:
    state = json.loads(tokenizer_json())
    state["normalizer"] = {"type": "NFKC"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    assert not write_compact(tmp_path / "tokenizer.json", tmp_path / "tokenizer.safetensors")
    assert isinstance(open_tokenizer(tmp_path), LibraryTokenizer)


def test_a_tokenizer_without_turn_tokens_is_refused(tmp_path: Path) -> None:
    state = json.loads(tokenizer_json())
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] != "<start_of_turn>"]
    del state["model"]["vocab"]["<start_of_turn>"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    with pytest.raises(BundleError, match="no token <start_of_turn>"):
        open_tokenizer(tmp_path)


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="missing"):
        open_tokenizer(tmp_path)
