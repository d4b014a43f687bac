from __future__ import annotations

import pytest

from synthetic.preparing.links import components, linked, references

HERE = "octo/app"


@pytest.mark.parametrize(
    ("text", "numbers"),
    {
        "duplicate of #12": {12},
        "see #1, #2 and (#3).": {1, 2, 3},
        "GH-7": {7},
        "octo/app#8": {8},
        "Octo/App#8": {8},
        "https://github.com/octo/app/issues/9#issuecomment-1": {9},
        "https://github.example.com/octo/app/pull/10.": {10},
        "other/app#11": set(),
        "https://github.com/other/app/issues/11": set(),
        "`#1` and\n```\n#2\n```\n": set(),
        "color: #123456; &#39; a#4 path/#5 #6-foo": {123456},
        "#0 main () at a.c:1\n#1 0x7f in b\n  #2 c": set(),
        "#12 is back\nlike before": {12},
    }.items(),
)
def test_references(text: str, numbers: set[int]) -> None:
    assert {number for repository, number in references(text, HERE) if repository == HERE} == numbers


def test_a_reference_to_another_repository_is_that_repositorys() -> None:
    assert references("see Other/lib#3", HERE) == {("other/lib", 3)}


def test_pairs_are_of_issues_that_are_there_and_each_once() -> None:
    places = {(HERE, 1): 0, (HERE, 2): 1, ("other/lib", 2): 2}
    texts = ["see #2 and #99", "like #1, not #2", "see #2 and octo/app#1"]
    assert linked(texts, places, [HERE, HERE, "Other/lib"]) == [(0, 1), (0, 2)]


def test_components_are_named_by_their_lowest_member() -> None:
    assert components(6, [(4, 5), (1, 4), (2, 2)]) == [0, 1, 2, 3, 1, 1]


def test_a_long_chain_is_one_component() -> None:
    assert set(components(5000, [(i, i + 1) for i in reversed(range(4999))])) == {0}
