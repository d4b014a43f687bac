"""One model that labels issues, one at a time, patiently."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue
from synthetic.annotating.instruction import parse_labels, prompt_for, user_message
from synthetic.llm.asking import Asker, Outcome
from synthetic.llm.cost import Price
from synthetic.llm.failures import CacheGone
from synthetic.llm.messages import Request
from synthetic.workspace.records import Answer


class Annotator:
    """One model that labels issues: `Annotator("gemini-…", labels, price, Asker(gemini)).label(issue)`.

    Args:
        asker: shares pace and budget with others.
        sample: asks the same model with another seed: a further opinion of its own, called "gemini-…/2".
    """

    def __init__(
        self, model: str, labels: LabelSet, price: Price, asker: Asker, *, sample: int = 1, thinking: str = ""
    ) -> None:
        self.name = model if sample == 1 else f"{model}/{sample}"
        self.model, self.price, self.prompt = model, price, prompt_for(labels)
        self._sample, self._thinking, self._asker = sample, thinking, asker

    def request(self, issue: Issue, cached: str = "") -> tuple[Request, int]:
        """The request for an issue, and how many of its characters were cut away. `cached`: as Request has it."""
        user, cut = user_message(issue)
        options = {"seed": self._sample, "thinking": self._thinking, "cached": cached}
        return Request(self.model, self.prompt.system, user, self.prompt.schema, **options), cut  # type: ignore[arg-type]

    def label(self, issue: Issue, cached: str = "") -> Answer:
        """What the model says of one issue, or why there is no answer.

        Raises:
            GeminiError: it makes no sense to go on: no key, a refused request, a quota or a budget used up.
        """
        request, cut = self.request(issue, cached)
        try:
            outcome = self._asker.ask(request, self.price, self.parse)
        except CacheGone:
            outcome = self._asker.ask(replace(request, cached=""), self.price, self.parse)
        return self.answer(issue.id, outcome, cut)

    def parse(self, text: str) -> tuple[str, ...]:
        """The labels of an answer's text. Raises OffSchema."""
        return parse_labels(text, self.prompt.names)

    def answer(self, identity: str, outcome: Outcome[tuple[str, ...]], cut: int) -> Answer:
        return Answer(
            id=identity,
            annotator=self.name,
            labels=outcome.value,
            prompt=self.prompt.hash,
            error=outcome.error,
            cut_characters=cut,
            tokens=outcome.tokens,
            cost=outcome.cost,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
