from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.answer import Grammar, Node, parse, render
from tests.models import LABELS, tokenizer_json


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> LibraryTokenizer:
    path: Path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(tokenizer_json(), encoding="utf-8")
    return LibraryTokenizer(path)


def is_valid(name: str) -> bool:
    try:
        LabelSet.from_dicts([name], "test")
    except InputError:
        return False
    return True


NAMES = st.lists(st.text(min_size=1, max_size=20).filter(is_valid), min_size=1, max_size=8, unique_by=str.casefold)


@settings(max_examples=200, deadline=None)
@given(names=NAMES, data=st.data())
def test_every_label_set_renders_to_an_answer_that_parses_back_to_itself(
    tokenizer: LibraryTokenizer, names: list[str], data: st.DataObject
) -> None:
    chosen = data.draw(st.sets(st.sampled_from(names)))
    assert set(parse(names, render(names, chosen))) == chosen
    grammar = Grammar(tokenizer, names)
    ids = grammar.encode(names.index(name) for name in chosen)
    assert labels_along(grammar, ids) == [i for i, name in enumerate(names) if name in chosen]


def labels_along(grammar: Grammar, ids: list[int]) -> list[int]:
    """Reads an answer's ids back by the trie alone, as an unambiguous grammar must allow."""
    chosen: list[int] = []
    while ids != [grammar.end]:
        last = chosen[-1] if chosen else -1
        node: Node = grammar.trie(last)
        while ids[0] in node.children:
            node, ids = node.children[ids[0]], ids[1:]
        assert node.complete is not None
        assert ids[0] in grammar.terminators(node.complete)
        chosen.append(node.complete)
    return chosen


def test_answers_stand_in_the_listed_order_whatever_order_they_were_chosen_in() -> None:
    assert render(("bug", "ci/cd", "docs"), ["docs", "bug"]) == "bug, docs"
    assert parse(("bug", "ci/cd", "docs"), "docs, bug") == ("bug", "docs")


def test_no_label_is_the_empty_line() -> None:
    assert render(("bug",), []) == ""
    assert parse(("bug",), "") == ()


def test_a_label_outside_the_list_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="feature"):
        parse(("bug",), "bug, feature")


def test_labels_that_begin_alike_share_their_path(tokenizer: LibraryTokenizer) -> None:
    grammar = Grammar(tokenizer, LABELS.names)
    api, docs = LABELS.names.index("area/api"), LABELS.names.index("area/api docs")
    node = grammar.trie(-1)
    for token in grammar.first[api]:
        node = node.children[token]
    assert node.complete == api
    assert node.labels == [api, docs]


@settings(max_examples=50, deadline=None)
@given(names=NAMES)
def test_the_output_layer_covers_every_token_of_every_answer(tokenizer: LibraryTokenizer, names: list[str]) -> None:
    grammar = Grammar(tokenizer, names)
    assume(len(names) > 1)
    assert set(grammar.encode(range(len(names)))) <= set(grammar.tokens)
    for index in range(len(names)):
        assert set(grammar.terminators(index)) <= set(grammar.tokens)
