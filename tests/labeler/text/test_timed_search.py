from __future__ import annotations

import sys
import time

import pytest

from labeler.text.timed_search import search_all


def test_every_question_has_its_answer_in_any_case_and_by_lines() -> None:
    questions = [("^bug$", "what\nBUG\nthen"), ("bug", "none"), ("ü\\b", "\ud800 Ü")]
    assert search_all(questions) == [True, False, True]
    assert search_all([]) == []


def test_an_expression_that_never_ends_is_ended_and_what_came_before_it_counts() -> None:
    started = time.perf_counter()
    assert search_all([("^a", "aaa"), ("(a+)+$", "a" * 5_000 + "!"), ("^a", "aaa")]) == [True, None, None]
    assert time.perf_counter() - started < 3  # 0.8 s, and what a busy machine adds


def test_a_long_question_and_an_expression_that_fails_leave_nothing_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    assert search_all([("x$", "a" * 300_000 + "x")] * 3) == [True] * 3
    assert search_all([("a", "a"), ("(", "a"), ("a", "a")]) == [True, None, None]
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert search_all([("a", "a")]) == [None]
