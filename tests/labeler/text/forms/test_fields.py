from __future__ import annotations

import pytest

from labeler.text.forms.fields import chosen, folded, form_answers, text_of

FORM = """### Type

Bug

### Areas

Core, Docs, Crash, hang

### Systems

- [x] Linux
- [ ] Windows
- [X] macOS, Intel

### Version

_No response_

### What happened?

It crashes:
```
### Type
Feature
```
<!-- ### Type -->
### Type

Question
"""
CLASSIC = "**Type:** Bug\r\n- **Area**: core\r\n**Priority**\r\n\r\nhigh\r\n**Note** that it is red.\r\n"


def test_a_form_is_read_by_its_headings() -> None:
    answers = form_answers(FORM)
    assert answers["type"] == ("Bug",)  # neither what is in code, nor what is repeated below
    assert answers["systems"] == ("Linux", "macOS, Intel")
    assert answers["version"] == ()
    assert answers["what happened?"] == ("It crashes:",)


def test_a_bold_heading_of_an_older_template_has_its_answer_behind_it_or_below() -> None:
    answers = form_answers(CLASSIC)
    assert answers["type"] == ("Bug",)
    assert answers["area"] == ("core",)
    assert answers["priority"] == ("high", "**Note** that it is red.")


@pytest.mark.parametrize(
    ("field", "value", "is_chosen"),
    [
        ("TYPE", "bug", True),
        ("Type:", "Bug", True),
        ("type", "Bu", False),
        ("areas", "docs", True),
        ("areas", "Crash, hang", True),
        ("areas", "ore", False),
        ("systems", "linux", True),
        ("systems", "windows", False),
        ("systems", "macOS, Intel", True),
        ("version", "_No response_", False),
        ("nowhere", "bug", False),
    ],
)
def test_a_value_is_chosen_alone_or_among_others(field: str, value: str, is_chosen: bool) -> None:
    assert chosen(form_answers(FORM).get(folded(field), ()), value) is is_chosen


def test_what_tells_names_apart_is_kept_in_a_value() -> None:
    assert not chosen(("C",), "C#")
    assert chosen(("C#, C",), "c#")


def test_a_whole_answer_is_given_for_an_expression_but_not_without_end() -> None:
    assert text_of(form_answers(FORM), "Systems") == "Linux\nmacOS, Intel"
    assert text_of({}, "Systems") == ""
    assert len(text_of(form_answers("# a\n" + "x" * 60_000), "a")) == 10_000
