from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.text.forms.order import ordered
from labeler.text.template import strip_template

FORM = """### Version

nightly of Monday

### Area

Docs

### What did you run into?

The window closes at once whenever I open a second file beside it.

```
### no heading
```

### Expected

It should stay open, as it did last week.

### Kind

bug report

### Severity

annoying

### Log

```
exit 3
```

### Platform

- host: a laptop
- shell: fish"""


def test_a_forms_main_text_comes_first_and_choices_that_say_nothing_are_left_out() -> None:
    assert ordered(FORM) == (
        "The window closes at once whenever I open a second file beside it.\n\n```\n### no heading\n```\n\n"
        "### Expected\n\nIt should stay open, as it did last week.\n\n"
        "### Area\n\nDocs\n\n### Kind\n\nbug report\n\n### Log\n\n```\nexit 3\n```"
    )


CASES = {
    "text first": ("It fails.\n\n## Log\n\na", "It fails.\n\n## Log\n\na"),
    "no heading": ("It fails.\nOften.", "It fails.\nOften."),
    "one section": ("### Report\n\nIt fails.", "It fails."),
    "a machine is described at length": (
        "### Host\n\nA laptop, a phone, a tablet and whatever else is in the house\n\n### Us\n\nIt fails at times",
        "It fails at times\n\n### Host\n\nA laptop, a phone, a tablet and whatever else is in the house",
    ),
    "bold": ("**Version:**\n\n1.2 beta\n\n**Problem:**\n\nIt fails", "It fails"),
    "one bold line": ("**Help!**\nIt fails", "**Help!**\nIt fails"),
    "a title": (
        "# Bug report\n\n## Area\n\nCore\n\n## What happens\n\nIt fails whenever I try",
        "It fails whenever I try\n\nBug report",
    ),
    "sections of the text's own": (
        "### Area\n\nCore\n\n### Us\n\n#### What\n\nIt fails each time I start it\n\n#### Why\n\nI do wish I knew why",
        "It fails each time I start it\n\n#### Why\n\nI do wish I knew why",
    ),
    "fence nobody closed": (
        "### Area\n\nCore\n\n### Report\n\nIt fails on every one of my machines:\n```\n### x",
        "It fails on every one of my machines:\n```\n### x\n```",
    ),
    "a machine alone": ("### System\n\nan old laptop", ""),
    "a short report": ("### Area\n\nCore\n\n### Report\n\nIt fails", "It fails\n\n### Area\n\nCore"),
    "comment nobody closed": ("### Area\n\nCore\n\n### Report\n\nIt <!-- fails", None),
    "German": ("### Betriebssystem\n\nein altes Linux von 2019\n\n### Beschreibung\n\nBeendet sich", "Beendet sich"),
    "Japanese": ("### バージョン\n\n先週の開発版を使っています\n\n### 内容\n\n起動しません", "起動しません"),
    "Russian": ("### Версия системы\n\nсамая новая из всех\n\n### Описание\n\nПадает", "Падает"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("body", "left"), CASES.values(), ids=list(CASES))
def test_the_order_of(body: str, left: str | None) -> None:
    found = ordered(body)
    assert found == (body if left is None else left)
    assert ordered(found) == found


PIECES = [
    "### a\n",
    "# b\n",
    "#### Hints\n",
    "**Steps**\n",
    "x y z\n",
    "a longer line of prose, which says something\n",
    "```\n",
    "<!--",
    "-->\n",
    "\n",
    "- k: v\n",
    "- [x] I searched\n",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_ordering_twice_is_ordering_once_and_sentences_stay(body: str) -> None:
    text = strip_template(body).text
    once = ordered(text)
    assert ordered(once) == once
    words = [Counter(one.replace("*", " ").replace("#", " ").split()) for one in (text, once)]
    assert "prose," not in words[0] - words[1]  # sentences stay, whatever is above them
    assert set(words[1] - words[0]) <= {"```"}


@pytest.mark.parametrize(
    "piece", ["# a\n", "###### a\n# b\n", "**a**\n", "### a\n\nx\n\n", "#### a\nx\n", "```\n", "[", "k: "]
)
def test_no_body_of_an_issues_length_takes_long(piece: str) -> None:
    started = time.process_time()
    ordered(piece * (65536 // len(piece)))
    ordered(f"# a\n{piece * 9000}x")
    assert time.process_time() - started < 5
