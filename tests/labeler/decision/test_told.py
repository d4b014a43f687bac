from __future__ import annotations

import time

import pytest

from labeler.decision import told as subject
from labeler.decision.told import told_of
from labeler.labels.form_rules import Rule
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue

LABELS = LabelSet(
    (
        Label("question"),
        Label("bug", rules=(Rule("Type", "Bug"), Rule(title="[Bug]"))),
        Label("docs", rules=(Rule("Type", "Docs"), Rule(title_pattern=r"^docs?\b"))),
        Label("core", rules=(Rule("Area", pattern="^core/"),)),
    )
)


def test_the_first_rule_that_holds_is_named() -> None:
    issue = Issue("[bug]  It crashes", "### Type\n\nBug, Docs\n\n### Area\n\nCore/io\n")
    told = told_of(issue, LABELS)
    assert told.reasons == {
        "bug": "form answer: Type = Bug",
        "docs": "form answer: Type = Docs",
        "core": "form answer: Area matches ^core/",
    }
    assert told.warnings == ()


def test_a_title_tells_by_its_beginning_or_by_an_expression() -> None:
    assert told_of(Issue("[BUG] no"), LABELS).reasons == {"bug": "title begins with [Bug]"}
    assert told_of(Issue("Doc: typo"), LABELS).reasons == {"docs": r"title matches ^docs?\b"}
    assert told_of(Issue("A [bug] in the docs"), LABELS).reasons == {}


def test_no_process_is_started_where_no_expression_has_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(questions: list[object]) -> list[bool]:
        assert questions == []
        return []

    monkeypatch.setattr(subject, "search_all", refuse)
    plain = LabelSet((LABELS.labels[1], LABELS.labels[3]))
    assert told_of(Issue("Crash", "### Type\n\nBug"), plain).reasons == {"bug": "form answer: Type = Bug"}


def test_an_expression_that_never_ends_tells_nothing_and_is_named_while_other_rules_count() -> None:
    evil = Label("slow", rules=(Rule("Log", pattern="(a+)+$"),))
    after = Label("later", rules=(Rule(title_pattern="crash"),))
    started = time.perf_counter()
    told = told_of(Issue("Crash", f"### Type\n\nBug\n### Log\n{'a' * 5_000}!"), LabelSet((*LABELS, evil, after)))
    assert time.perf_counter() - started < 3
    # The short text of the title is asked first.
    assert told.reasons == {"bug": "form answer: Type = Bug", "later": "title matches crash"}
    (warning,) = told.warnings
    assert "the rule of slow (form answer: Log matches (a+)+$)" in warning
