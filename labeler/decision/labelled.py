"""Issues with what the model says of them and what the policy makes of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labeler.decision.decide import Decision, Policy, decide
from labeler.decision.told import Told, told_of
from labeler.model.predict import Labeler, Prediction
from labeler.text.issue import Issue
from labeler.text.language import guess
from labeler.text.own_templates import OwnTemplates, strip_own_lines

_PART = 64  # issues worked on together


@dataclass(frozen=True)
class Labelled:
    """One issue with what the model says and what the policy makes of it; `file` tells one of several files."""

    issue: Issue
    prediction: Prediction
    decision: Decision
    told: Told
    file: str = ""

    def of_file(self, file: str) -> Labelled:
        return replace(self, file=file)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.decision.add

    def document(self, labeler: Labeler) -> dict[str, Any]:
        """The JSON form of one result."""
        issue = self.issue
        known = {"file": self.file, "id": issue.id, "repository": issue.repository, "number": issue.number}
        told = {row.label: row.told for row in self.decision.rows if row.told}
        return {
            **{key: value for key, value in known.items() if value},
            "title": issue.title,
            "labels": list(self.labels),
            **({"told": told} if told else {}),  # labels that a rule of the list wants, and the rule
            "left_alone": self.decision.left_alone or None,
            "probabilities": {name: round(p, 4) for name, p in self.prediction.probabilities.items()},
            "thresholds": {row.label: row.threshold for row in self.decision.rows},
            "model": f"{labeler.card.name} {labeler.card.version}",
            "seconds": round(self.prediction.seconds, 4),
        }


def label_issues(
    issues: Sequence[Issue],
    labeler: Labeler,
    policy: Policy,
    done: Callable[[], None] = lambda: None,
    templates: OwnTemplates | None = None,
) -> Iterator[Labelled]:
    """Results in the issues' order, a part at a time, so that they can be seen as they come.

    Nothing is known of what is on the issues already: labels they come with play no part. `done` is called after each.
    What stands in the repository's own `templates` is not shown to the model.
    """
    for start in range(0, len(issues), _PART):
        part = issues[start : start + _PART]
        read = [replace(one, body=strip_own_lines(one.body, templates).text) for one in part] if templates else part
        for issue, shown, said in zip(part, read, labeler.predict_many(read, done), strict=True):
            told = told_of(issue, labeler.labels)
            decision = decide(
                said.probabilities,
                labeler.labels,
                labeler.thresholds,
                policy,
                told=told.reasons,
                judgement=said.judgement,
                language=guess(shown.title, shown.body) if policy.skip_languages else "",
            )
            yield Labelled(issue, said, decision, told)
