from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.raw_answers import Fault, format_fault, labels_of, outside, strict_fault
from labeler.labels.label_set import Label, LabelSet
from labeler.text.answer import render

LABELS = LabelSet(
    (
        Label("bug"),
        Label("type: bug", aliases=("defect",)),
        Label("[area] ui"),
        Label("ci/cd"),
        Label("c++"),
        Label("Good First Issue"),
        Label("2. later"),
        Label("`code`"),
    )
)


@pytest.mark.parametrize(
    ("answer", "form", "strict", "names", "strangers"),
    [
        ("bug", None, None, ("bug",), 0),
        (" bug, ci/cd \n", None, None, ("bug", "ci/cd"), 0),
        ("ci/cd,BUG , bug", None, None, ("bug", "ci/cd"), 0),
        ("defect, good first issue", None, None, ("type: bug", "Good First Issue"), 0),
        ("", Fault.EMPTY, Fault.EMPTY, (), 0),
        (" \n\t", Fault.EMPTY, Fault.EMPTY, (), 0),
        ("bug\nci/cd", Fault.LINES, Fault.LINES, ("bug", "ci/cd"), 0),
        ("bug\u2028ci/cd", Fault.LINES, Fault.LINES, ("bug", "ci/cd"), 0),
        ("`bug`, ci/cd", Fault.BACKTICK, Fault.BACKTICK, ("bug", "ci/cd"), 0),
        ('["bug", "type: bug"]', Fault.BRACKET, Fault.BRACKET, ("bug", "type: bug"), 0),
        ('{"labels": ["type: bug", "c++"]}', Fault.BRACKET, Fault.BRACKET, ("type: bug", "c++"), 0),
        ('```json\n[\n "bug"\n]\n```', Fault.LINES, Fault.LINES, ("bug",), 0),
        ("- type: bug\n* **ci/cd**\n3) c++", Fault.LINES, Fault.LINES, ("type: bug", "ci/cd", "c++"), 0),
        ("bug, " * 39 + "ci/cd", None, None, ("bug", "ci/cd"), 0),
        ("bug, " * 39 + "ci/cd.", Fault.LONG, Fault.LONG, ("bug", "ci/cd"), 0),
        ("bug, wontfix, Wontfix, aws", None, Fault.OUTSIDE, ("bug",), 2),
        ("Labels: c++, bug.", None, Fault.OUTSIDE, ("bug", "c++"), 0),
        ("The label is surely a bug", None, Fault.OUTSIDE, (), 1),
        ("bug,", None, Fault.OUTSIDE, ("bug",), 0),
        ("debug, bugs", None, Fault.OUTSIDE, (), 2),
    ],
)
def test_an_answer_is_judged_and_read(
    answer: str, form: Fault | None, strict: Fault | None, names: tuple[str, ...], strangers: int
) -> None:
    assert format_fault(answer) == format_fault(answer, LABELS) == form
    assert strict_fault(answer, LABELS) == strict
    assert labels_of(answer, LABELS) == names
    assert outside(answer, LABELS) == strangers


def test_200_characters_are_allowed_and_201_are_not() -> None:
    assert format_fault("x" * 200) is None
    assert format_fault("x" * 201) is Fault.LONG


def test_a_mark_in_a_labels_own_name_is_no_fault_for_who_knows_the_list() -> None:
    answer = "[area] ui, 2. later, `code`"
    assert format_fault(answer) is Fault.BACKTICK
    assert format_fault(answer, LABELS) is None
    assert strict_fault(answer, LABELS) is None
    assert labels_of(answer, LABELS) == ("[area] ui", "2. later", "`code`")
    assert format_fault("[area] ui, [bug]", LABELS) is Fault.BRACKET


def test_a_fault_says_what_it_is() -> None:
    assert [str(fault) for fault in (Fault.EMPTY, Fault.LONG)] == ["empty", "over 200 characters"]


@given(st.sets(st.sampled_from(LABELS.names), min_size=1))
def test_every_answer_of_the_grammar_is_well_formed_and_read_back(chosen: set[str]) -> None:
    answer = render(LABELS.names, chosen)
    assert strict_fault(answer, LABELS) is None
    assert labels_of(answer, LABELS) == tuple(name for name in LABELS.names if name in chosen)
    assert outside(answer, LABELS) == 0


@given(st.lists(st.sampled_from([*",:\n`[]{}\"' .-1)x", "bug", "type: bug", "ci/cd", "\u2028", "\ud800"])).map("".join))
def test_any_text_has_a_judgement_that_hangs_together(answer: str) -> None:
    names = labels_of(answer, LABELS)
    assert set(names) <= set(LABELS.names)
    form, strict = format_fault(answer, LABELS), strict_fault(answer, LABELS)
    assert strict == form or (form is None and strict is Fault.OUTSIDE)
    if form:
        assert outside(answer, LABELS) == 0
    if outside(answer, LABELS):
        assert strict is Fault.OUTSIDE


def test_a_megabyte_of_colons_is_read_at_once() -> None:
    assert labels_of(":" * 1_000_000 + "bug,ci/cd", LABELS) == ("ci/cd",)
