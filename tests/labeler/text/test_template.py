from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.text.template import strip_template
from synthetic.preparing.templates import common_lines, without_lines

FORM = """### What happened?

It crashes.

### Steps

_No response_

### Log

```
### not a heading
<!-- stays -->
- [ ] stays
```

### Checks

- [ ] I searched
- [x] I read the guide

### Anything else?

_No response_
"""


def test_a_filled_in_form_keeps_what_somebody_wrote() -> None:
    found = strip_template(FORM)
    log = "```\n### not a heading\n<!-- stays -->\n- [ ] stays\n```"
    assert found.text == f"### What happened?\n\nIt crashes.\n\n### Log\n\n{log}"
    assert found.counts == {"attestation": 2, "empty section": 3}


def test_a_form_that_nobody_filled_in_is_empty() -> None:
    assert strip_template("### A\n\n_No response_\n\n### B\n\nNone\n\n### C\nN/A.\n\n### D\n").text == ""


CASES = {
    "comment": ("a <!-- b --> c", "a  c"),
    "comment over lines": ("a\n<!-- b\n```\nc -->\nd", "a\n\nd"),
    "two comments": ("<!-- a -->x<!-- b -->y", "xy"),
    "comment nobody closed": ("a <!-- b", "a <!-- b"),
    "comment in a code span": ("`<!-- a -->` b", "`<!-- a -->` b"),
    "comment after a code span": ("`x` <!-- a --> b", "`x`  b"),
    "comment in tildes": ("~~~\n<!-- a -->\n~~~", "~~~\n<!-- a -->\n~~~"),
    "fence nobody closed": ("```\n# a\n<!-- b -->", "```\n# a\n<!-- b -->"),
    "longer fence": ("````\n```\n# a\n````\n# b\n", "````\n```\n# a\n````"),
    "empty parent of a full section": ("# A\n## B\nx\n# C", "# A\n## B\nx"),
    "empty child of a full section": ("# A\nx\n## B\n# C\ny", "# A\nx\n# C\ny"),
    "bold headings": (
        "**Describe the bug**\nx\n**To Reproduce**\n\n**Version:**\n1",
        "**Describe the bug**\nx\n**Version:**\n1",
    ),
    "one bold line": ("Please\n\n**help me**", "Please\n\n**help me**"),
    "bold sentences": ("**It fails.**\n\n**Please help!**", "**It fails.**\n\n**Please help!**"),
    "number, not heading": ("#12\n\n#13", "#12\n\n#13"),
    "only a to-do list": ("### Plan\n- [ ] a\n- [ ] b", "### Plan\n- [ ] a\n- [ ] b"),
    "numbered items": ("x\n1. [ ] a\n2) [ ] b\n* [X] c", "x\n* [X] c"),
    "link, not box": ("- [a](b)\n- []() c", "- [a](b)\n- []() c"),
    "windows line ends": ("### A\r\n\r\n_No response_\r\n\r\n### B\r\n\r\nx\r\n", "### B\n\nx"),
    "blank lines": ("a\n\n\n\n\nb", "a\n\nb"),
    "attestations alone": ("- [x] I have searched the existing issues\n- [ ] I agree to the Code of Conduct", ""),
    "attestations beside evidence": (
        "### Kind\n- [x] Bug report\n- [x] Linux\n### Checks\n- [x] I searched it\n- [x] Docs need an update",
        "### Kind\n- [x] Bug report\n- [x] Linux\n### Checks\n- [x] Docs need an update",
    ),
    "idle sentence among attestations": (
        "a\n- [x] I read the FAQ\n- [x] I follow the rules\n- [x] My cat sat beside me\n- [x] The docs are wrong here",
        "a\n- [x] The docs are wrong here",
    ),
    "fence around nothing": ("### A\nx\n### Log\n```shell\n```", "### A\nx"),
    "version alone": ("### A\nx\n### Version\nv2.4.1-rc.1\n### B\n2.4 is broken", "### A\nx\n### B\n2.4 is broken"),
    "comment made of two": ("<!<!-- a -->-- b -->c", "c"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("body", "left"), CASES.values(), ids=list(CASES))
def test_what_is_left_of(body: str, left: str) -> None:
    assert strip_template(body).text == left


@given(st.text(st.sampled_from("a#*-[]x `~<!->\n\r"), max_size=80))
def test_text_outside_the_template_is_never_made_up(body: str) -> None:
    left = iter(body)
    assert all(character in left for character in strip_template(body).text.replace("\n", ""))


PIECES = [
    "- [x] I have read the docs\n",
    "- [x] Linux\n",
    "- [ ] a\n",
    "# h\n",
    "**b**\n",
    "x\n",
    "```\n",
    "<!--",
    "-->",
    "\n",
    "1.2\n",
    "` ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_stripping_twice_is_stripping_once(body: str) -> None:
    once = strip_template(body).text
    assert strip_template(once).text == once


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "`<!--",
        "#",
        "# \n",
        "**a**\n",
        "- [ ] \n",
        "```\n",
        "_",
        ".",
        "-",
        "<!-- -->",
        "- [x] ",
        "- [x] \n",
        "- [x] I \n",
    ],
)
def test_no_body_of_an_issues_length_takes_long(piece: str) -> None:
    started = time.process_time()
    strip_template(piece * (65536 // len(piece)))
    strip_template(f"# a\n{piece * 9000}x")
    assert time.process_time() - started < 5


def test_lines_that_many_issues_share_are_the_templates() -> None:
    bodies = [f"### Steps\n1. do {i}\n- [{'x' if i % 2 else ' '}] I searched\nsame here" for i in range(5)]
    bodies += ["same", "here"]
    assert common_lines(bodies) == {"### steps", "- i searched", "same here"}
    assert common_lines(bodies[:4]) == frozenset()


def test_in_a_large_repository_a_line_must_be_in_one_issue_of_a_hundred_or_in_fifty() -> None:
    assert common_lines(["a"] * 9 + ["b"] * 991) == {"b"}
    assert "a" in common_lines(["a"] * 50 + [f"{i}" for i in range(9950)])


def test_without_the_templates_lines_an_issues_own_are_left() -> None:
    assert without_lines("### Steps\nmine\n- [N/A] I searched", frozenset({"### steps", "- i searched"})) == "mine"
