from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.text.own_templates import OwnTemplates, own_templates, strip_own_lines

FORM = """
name: Bug report
description: Something is broken
title: "[Bug]: "
body:
  - type: markdown
    attributes:
      value: |
        Thank you for coming here, dear reporter.
  - type: checkboxes
    attributes:
      label: Before you start
      options:
        - {label: Not about our sister project, required: true}
        - {label: I run it in a container}
  - type: checkboxes
    attributes:
      label: Systems
      options: [{label: Windows}, {label: macOS on Apple silicon machines}]
  - type: dropdown
    attributes:
      label: Kind
      options: [Bug, "Something that I would like to have changed"]
  - type: input
    attributes: {label: "Version:", value: latest, placeholder: for instance 2.4 or main}
  - type: textarea
    attributes:
      label: Steps
      value: |
        Please number the steps here
        1.
        2.
      placeholder: Tell us what you did
"""
BODY = """### Before you start

- [X] Not about our sister project
- [X] I run it in a container

### Systems

- [X] Windows
- [X] macOS on Apple silicon machines

### Kind

Something that I would like to have changed

### Version:

latest

### Steps

Please number the steps here
1.
2.
"""
CLASSIC = """---
name: Bug
about: Report a bug
---

<!-- Be kind. -->
**Describe the bug**
A clear and concise description of what the bug is.

## Steps

1. Go to the page
2.

Expected behaviour:
What you expected to happen.

- OS:
- Browser: [e.g. Firefox]

```python
import yourmodule
run()
```
"""


@pytest.fixture(scope="module")
def form() -> OwnTemplates:
    return own_templates({"bug.yml": FORM})


def test_of_a_form_goes_what_everybody_has_and_stays_what_was_chosen(form: OwnTemplates) -> None:
    stripped = strip_own_lines(BODY, form)
    assert stripped.text == (
        "### Before you start\n\n- [X] I run it in a container\n\n### Systems\n\n- [X] Windows\n"
        "- [X] macOS on Apple silicon machines\n\n### Kind\n\nSomething that I would like to have changed\n\n"
        "### Version:\n\nlatest"
    )
    assert stripped.counts == {"template line": 4, "template heading": 1}


def test_a_heading_with_nothing_but_what_must_be_ticked_goes(form: OwnTemplates) -> None:
    body = "### Before you start\n\n- [x]  Not about our   sister project\n\n### Steps\n\n1. Open it\n2.\n3. Close it\n"
    assert strip_own_lines(body, form).text == "### Steps\n\n1. Open it\n3. Close it"
    other = "### Before you begin\n\n- [x] Not about our sister project\n"
    assert strip_own_lines(other, form).text == "### Before you begin"  # no heading of the form


def test_an_answer_that_begins_with_a_sign_of_numbers_is_no_heading(form: OwnTemplates) -> None:
    body = "### Before you start\n\n- [x] Not about our sister project\n### Kind\n#12 did it\n"
    assert strip_own_lines(body, form).text == "### Kind\n#12 did it"


def test_of_an_older_template_every_line_goes_that_is_as_it_was() -> None:
    classic = own_templates({"ISSUE_TEMPLATE.md": CLASSIC})
    untouched = CLASSIC.partition("---\n\n")[2]
    assert strip_own_lines(untouched, classic).text == ""
    filled = untouched.replace("A clear and concise description of what the bug is.", "It crashes.")
    filled = filled.replace("- OS:", "- OS: Linux").replace("2.", "2. Click").replace("run()", "run(1)")
    assert strip_own_lines(filled, classic).text == (
        "**Describe the bug**\nIt crashes.\n\n## Steps\n\n2. Click\n\nExpected behaviour:\n\n- OS: Linux\n\n"
        "```python\nimport yourmodule\nrun(1)\n```"
    )


def test_a_short_line_and_one_that_only_looks_like_the_templates_stay(form: OwnTemplates) -> None:
    body = "Windows\n\nlatest\n\nThank you for coming here, dear reporter!\n\nBug"
    assert strip_own_lines(body, form).text == body


def test_what_has_no_own_line_comes_back_as_it_was(form: OwnTemplates) -> None:
    body = "<!-- hm -->\r\n\r\n\r\n\r\n### Kind\r\n\r\n_No response_\r\n"
    assert strip_own_lines("### Kind\r\n\r\nBug\r\n\r\n\r\n\r\n", form).text == "### Kind\r\n\r\nBug\r\n\r\n\r\n\r\n"
    assert strip_own_lines(body, OwnTemplates()).text == body


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("body: [", "bug.yml: not valid YAML in line"),
        ("body:\n  - type: a\n\tb: c\n", "bug.yml: not valid YAML in line 3"),
        ("body: \x00", "bug.yml: not valid YAML"),
        ("[" * 20_000, "bug.yml: not valid YAML"),
    ],
)
def test_a_file_that_is_no_yaml_is_passed_over_and_named(text: str, problem: str) -> None:
    found = own_templates({"bug.yml": text, "other.yml": FORM})
    (said,) = found.problems
    assert said.startswith(problem)
    assert "Not about our sister project" in found.boxes


@pytest.mark.parametrize(
    "text",
    ["", "a", "[]", "body: a", "body: [a, {}, {type: input}, {type: x, attributes: []}]",
     "body: [{attributes: {options: a}}]",
     "body: [{type: checkboxes, attributes: {label: 1, options: [a, {label: 2, required: true}, null]}}]"],
)  # fmt: skip
def test_a_form_of_another_shape_harms_nothing(text: str) -> None:
    found = own_templates({"bug.yml": text})
    assert found.problems == ()
    assert strip_own_lines("a\n\n- [x] b", found).text == "a\n\n- [x] b"


LINES = st.sampled_from([*BODY.splitlines(), *CLASSIC.splitlines(), "It crashes", "```", "# Steps", ""])


@given(st.lists(LINES, max_size=30))
def test_stripping_twice_is_stripping_once_and_adds_nothing(lines: list[str]) -> None:
    own = own_templates({"bug.yml": FORM, "old.md": CLASSIC})
    once = strip_own_lines("\n".join(lines), own)
    again = strip_own_lines(once.text, own)
    assert again.text == once.text
    assert set(once.text.splitlines()) <= {*lines, ""}


@pytest.mark.parametrize("piece", ["### Steps\n", "1.\n", "- [x] a\n", "```\n", "# \n", "Steps:\n", "<!--", "a"])
def test_no_body_of_an_issues_length_takes_long(form: OwnTemplates, piece: str) -> None:
    body = (piece * 65_536)[:65_536]
    started = time.perf_counter()
    strip_own_lines(body, form)
    assert time.perf_counter() - started < 3
