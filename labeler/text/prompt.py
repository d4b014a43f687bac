"""The one renderer: labels and an issue to token ids, the same in training and in serving.

A prompt is `<bos><start_of_turn>user`, the instruction and the label list (the *prefix*, equal for all
issues, so that its key/value cache is computed once), then the issue, then `<end_of_turn>` and the
model's turn. Each part is encoded by itself, as plain text; only this module places control tokens.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

from labeler.labels.label_set import LabelSet
from labeler.model.tokenizer import Tokenizer
from labeler.text.forms.order import ordered
from labeler.text.issue import Issue
from labeler.text.template import strip_template

PROMPT_VERSION = 2  # 2: without a template's leavings and order; 1: as they stand
DEFAULT_TOKEN_BUDGET = 1024  # tokens of one issue's title and body
INSTRUCTION = (
    "Label this GitHub issue. Answer with one line: the labels that apply, in this order, "
    "separated by commas; any number, also none. Nothing else.\n\nLabels:\n"
)
CUT_MARK = "\n[…]\n"
HEAD_SHARE = 0.7  # of a cut body's tokens; what went wrong tends to stand first, versions and traces last
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CHARACTERS_A_TOKEN = 16  # more than any real text reaches: what lies beyond is cut before it is encoded


@dataclass(frozen=True)
class Renderer:
    """Renders prompts for one tokenizer.

    Args:
        token_budget: tokens of title and body together; the rest of the prompt comes on top.
        describe: whether the label list carries the labels' descriptions.
        plain: whether title and body are shown as `plain_text` makes them.
        version: the prompt that a model was tuned on.
    """

    tokenizer: Tokenizer
    token_budget: int = DEFAULT_TOKEN_BUDGET
    describe: bool = True
    version: int = PROMPT_VERSION
    plain: bool = False

    def prefix(self, labels: LabelSet) -> list[int]:
        """The fixed part: instruction and label list."""
        control = self.tokenizer.control
        lines = [
            f"- {label.name}: {label.description}" if self.describe and label.description else f"- {label.name}"
            for label in labels
        ]
        text = "user\n" + INSTRUCTION + "\n".join(lines) + "\n\nIssue:\n"
        return [control["<bos>"], control["<start_of_turn>"], *self.tokenizer.encode(text)]

    def issue(self, issue: Issue) -> list[int]:
        """The issue and the opening of the model's turn."""
        control = self.tokenizer.control
        return [
            *self._text(issue),
            control["<end_of_turn>"],
            *self.tokenizer.encode("\n"),
            control["<start_of_turn>"],
            *self.tokenizer.encode("model\n"),
        ]

    def _text(self, issue: Issue) -> list[int]:
        """Title and body within the budget: the whole title, then head and tail of the body around a mark."""
        limit = self.token_budget * _CHARACTERS_A_TOKEN
        heading, text = issue.title.strip(), issue.body.strip()
        if self.version > 1:
            text = ordered(strip_template(text).text)
        if self.plain:
            heading, text = plain_text(heading), plain_text(text)
        title = self.tokenizer.encode(heading[:limit])[: self.token_budget]
        if not text:
            return title
        left = self.token_budget - len(title)
        if len(text) <= 2 * limit:
            body = self.tokenizer.encode("\n\n" + text)
            if len(body) <= left:
                return title + body
            tail_source = body
        else:
            body = self.tokenizer.encode("\n\n" + text[:limit])
            tail_source = self.tokenizer.encode(text[-limit:])
        mark = self.tokenizer.encode(CUT_MARK)
        room = left - len(mark)
        if room <= 0:
            return title
        head = round(room * HEAD_SHARE)
        tail = tail_source[len(tail_source) - (room - head) :]
        return title + body[:head] + mark + tail


def plain_text(text: str) -> str:
    """The text on one line, in lower case and without ASCII punctuation, which is how some datasets are published."""
    return " ".join(text.lower().translate(_NO_PUNCTUATION).split())
