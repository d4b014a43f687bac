from __future__ import annotations

import random

import numpy as np
import pytest

from synthetic.preparing.duplicates import ALIKE, Index, find_duplicates, jaccard, shingles, words

WORDS = [f"word{i}" for i in range(3000)]


def text(seed: int, length: int = 100) -> list[str]:
    return random.Random(seed).choices(WORDS, k=length)


def changed(given: list[str], count: int) -> list[str]:
    """The text with `count` words replaced, so far apart that each costs three runs."""
    step = len(given) // max(1, count)
    return [f"new{i}" if count and i % step == 1 and i // step < count else word for i, word in enumerate(given)]


def test_the_jaccard_index_by_hand() -> None:
    # a b c d e has the runs abc bcd cde, b c d e f has bcd cde def: two of four are shared.
    one, two = shingles(["a", "b", "c", "d", "e"]), shingles(["b", "c", "d", "e", "f"])
    assert jaccard(one, two) == 0.5
    assert jaccard(one, one) == 1
    assert jaccard(one, shingles(["x", "y", "z", "q"])) == 0


def test_words_ignore_case_and_punctuation_and_split_scripts_without_spaces() -> None:
    assert words("It's a CRASH, v1.2!") == ["it", "s", "a", "crash", "v1", "2"]
    assert words("崩溃 crash問題") == ["崩", "溃", "crash", "問", "題"]


@pytest.mark.parametrize("given", [[], ["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_text_shorter_than_a_run_is_one_run(given: list[str]) -> None:
    assert len(shingles(given)) == 1


def test_runs_are_sorted_and_unique() -> None:
    runs = shingles(["a", "b", "c"] * 50)
    assert runs.tolist() == sorted(set(runs.tolist()))
    assert runs.dtype == np.uint32


def test_the_oldest_of_exact_and_near_duplicates_stays() -> None:
    base = text(0)
    given = [base, changed(base, 2), text(1), base, [word.upper() for word in base], changed(base, 5), text(2)]
    texts = [" ".join(one) for one in given]
    found = find_duplicates(texts, texts)
    assert found.exact == {3: 0, 4: 0}
    assert found.near == {1: 0}  # 92 of 104 runs
    assert found.alike == ((0, 5),)  # 83 of 113 runs


def test_a_duplicate_of_a_near_duplicate_is_one_of_the_oldest() -> None:
    base = text(0)
    near = " ".join(changed(base, 2))
    texts = [" ".join(base), near, near]
    assert find_duplicates(texts, texts).exact == {2: 0}


def test_issues_that_hardly_changed_their_template_are_not_the_same() -> None:
    template = " ".join(text(5, 200))
    whole = [f"crash on start {template}", f"please add dark mode {template}"]
    assert find_duplicates(whole, whole).near == {1: 0}
    found = find_duplicates(whole, ["crash on start", "please add dark mode"])
    assert (found.near, found.alike) == ({}, ())


def test_texts_without_words_are_the_same_only_if_equal() -> None:
    given = ["!!!", "???", "!!!"]
    assert find_duplicates(given, ["", "a", ""]).exact == {2: 0}


def test_all_near_and_most_loosely_alike_pairs_are_found() -> None:
    index = Index()
    for i in range(300):
        index.alike(" ".join(text(i)), add_as=i)
    shares = {}
    for count in (2, 7):  # likeness 0.885 and 0.645
        found = [index.alike(" ".join(changed(text(i), count))) for i in range(300)]
        assert all(likeness >= ALIKE and key == i for i, one in enumerate(found) for key, likeness in one.items())
        shares[count] = sum(map(bool, found)) / 300
    assert shares[2] == 1
    assert shares[7] > 0.85


def test_a_text_too_like_another_is_not_added() -> None:
    index = Index()
    assert index.alike("a b c d e", add_as=0, unless=0.9) == {}
    assert index.alike("a b c d e", add_as=1, unless=0.9) == {0: 1.0}
    assert index.alike("a b c d e") == {0: 1.0}
