from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from labeler.decision.decide import Policy, Present, decide
from labeler.decision.outcome import Outcome
from labeler.errors import LabelerError
from labeler.github.summary import BAR_CELLS, bar, code, escape, render, render_failure
from labeler.labels.label_set import Label, LabelSet

NAMES = ("bug", "documentation", "testing", "security", "ci/cd")
PROBABILITIES = dict(zip(NAMES, (0.93, 0.71, 0.66, 0.88, 0.02), strict=True))
# CommonMark with tables, strikethrough and raw HTML, as on GitHub.
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


class Seen(HTMLParser):
    """The tags and the text of a rendered page."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(MARKDOWN.render(markdown))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def outcome(title: str = "It crashes", dry_run: bool = False, policy: Policy | None = None) -> Outcome:
    labels = LabelSet(tuple(map(Label, NAMES)))
    present = [Present("documentation", "person")]
    decision = decide(PROBABILITIES, labels, {"testing": 0.7}, policy or Policy(), present, {"security"}, NAMES)
    return Outcome(
        "octo/hello",
        42,
        title,
        probabilities=PROBABILITIES,
        decision=decision,
        applied=() if dry_run else decision.add,
        dry_run=dry_run,
        model="starter 0.1.0",
        predict_seconds=0.123,
        total_seconds=0.987,
    )


def cells(markdown: str) -> dict[str, list[str]]:
    """Label -> its row of the summary's table, as read by a Markdown parser."""
    tokens = MARKDOWN.parse(markdown)
    texts = [Seen(token.content).text.strip() for token in tokens if token.type == "inline" and token.level == 4]
    rows = [texts[at : at + 6] for at in range(0, len(texts), 6)]
    return {row[1]: row for row in rows if row[1] in NAMES}


def test_the_table_tells_label_probability_threshold_and_why() -> None:
    rows = cells(render(outcome()))
    assert list(rows) == ["bug", "security", "documentation", "testing", "ci/cd"]
    assert rows["bug"][3:] == ["93%", "50%", "added"]
    assert rows["security"][3:] == ["88%", "50%", "a person took it off this issue"]
    assert rows["documentation"][3:] == ["71%", "50%", "already on the issue"]
    assert rows["testing"][3:] == ["66%", "70%", ""]


def test_model_version_and_seconds_stand_at_the_end() -> None:
    last = Seen(render(outcome()).rstrip().split("\n")[-1]).text
    assert "starter 0.1.0" in last
    assert "0.12 s for the issue" in last
    assert "0.99 s in all" in last


def test_a_dry_run_is_called_one() -> None:
    text = Seen(render(outcome(dry_run=True))).text
    assert "Would add bug" in text
    assert "nothing was written" in text


def test_no_label_is_said_too() -> None:
    assert "No label was added." in render(outcome(policy=Policy(threshold=0.99)))


def test_a_fallback_that_the_model_does_not_know_has_a_row_without_numbers() -> None:
    labels = LabelSet((Label("bug"),))
    decision = decide({"bug": 0.1}, labels, {}, Policy(fallback="needs-triage"), repository=["bug", "needs-triage"])
    markdown = render(Outcome("o/h", 1, "x", decision=decision, applied=decision.add))
    tokens = MARKDOWN.parse(markdown)
    assert "<b><code>needs&#45;triage</code></b>" in [t.content for t in tokens if t.type == "inline"]
    assert len(re.findall(r"(?m)^\|", markdown)) == 4


def test_a_long_list_is_folded() -> None:
    names = [f"label {i}" for i in range(60)]
    decision = decide(dict.fromkeys(names, 0.1), LabelSet(tuple(map(Label, names))), {}, Policy())
    assert "40 less probable labels" in render(Outcome("o/h", 1, decision=decision))


def test_a_skipped_issue_has_a_reason() -> None:
    assert (
        "Left alone: it is a pull request." in Seen(render(Outcome("o/h", 1, "x", skipped="it is a pull request"))).text
    )


@pytest.mark.parametrize(
    ("probability", "threshold", "shown"),
    [
        (0.0, 0.0, "│░░░░░░░░░░░░░░░░░░░░"),
        (1.0, 1.0, "████████████████████│"),
        (0.5, 0.25, "█████│█████░░░░░░░░░░"),
        (0.53, 0.75, "██████████▋░░░░│░░░░░"),
        (0.0001, 0.5, "░░░░░░░░░░│░░░░░░░░░░"),
        (float("nan"), 0.5, "░░░░░░░░░░│░░░░░░░░░░"),
    ],
)
def test_a_bar_shows_probability_and_threshold(probability: float, threshold: float, shown: str) -> None:
    assert bar(probability, threshold) == shown


@given(st.floats(0, 1), st.floats(0, 1))
def test_every_bar_is_equally_long(probability: float, threshold: float) -> None:
    assert len(bar(probability, threshold)) == BAR_CELLS + 1


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "[click](javascript:alert(1))",
    "**bold** _it_ ~~gone~~ `code` $x$",
    "| a | b |\n|---|---|\n| c | d |",
    "# heading\n- list\n> quote\n```\nfence",
    "&lt;b&gt; &#60;b&#62;",
    "<!-- comment",
    "</code></td></table>",
]


@given(st.one_of(st.text(), st.text(alphabet="<>[]()!*_`~|\\#&;@$ \n\r:/-=+.1a"), st.sampled_from(ATTACKS)))
@example("\\")
@example("1. a")
def test_foreign_text_shows_literally_and_adds_no_element(text: str) -> None:
    plain, dirty = Seen(render(outcome("x"))), Seen(render(outcome(text)))
    assert dirty.tags == plain.tags
    kept = re.sub(r"[\u200b\u2068\u2069\ufffd]", "", Seen("a " + escape(text) + " b").text)
    wanted = re.sub(r"[\u200b\ufffd]", "", " ".join(escape_free(text).split()))
    assert " ".join(kept.split()) == " ".join(f"a {wanted} b".split())


def escape_free(text: str) -> str:
    """What `escape` is to show of a text: all of it but for control characters and marks that reorder."""
    return re.sub(
        r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text
    )


@pytest.mark.parametrize(
    "text", ["@octocat", "#12", "octo/hello#12", "https://evil.example", "www.evil.example", "GH-12"]
)
def test_mentions_references_and_links_are_broken_up(text: str) -> None:
    shown = Seen(escape(text)).text.strip()
    assert text not in shown
    assert shown.replace("\u200b", "") == text


def test_a_long_title_is_shortened() -> None:
    assert len(Seen(escape("x" * 500, 120)).text.strip()) == 120


def test_right_to_left_text_keeps_to_its_place() -> None:
    assert escape("שלום") == "&#8296;שלום&#8297;"


def test_a_label_name_is_literal_inside_code() -> None:
    assert Seen(code("a`|<b>*")).text.strip() == "a`|<b>*"


def test_a_failure_shows_what_happened_and_yaml_to_copy() -> None:
    markdown = render_failure(LabelerError("It <b>failed</b>", "Add:\n\npermissions:\n  issues: write & <more>"))
    seen = Seen(markdown)
    assert "It <b>failed</b>" in seen.text
    assert "permissions:\n  issues: write & <more>" in seen.text
    assert "b" not in seen.tags
