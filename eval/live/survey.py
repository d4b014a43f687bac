"""Everything that `eval live` reports of one repository, from what was read of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eval.live.agreement import Agreement, Suggestion, by_label, by_week, overall, suggest_thresholds
from eval.live.drift import ConfidenceDrift, Drift, confidence_drift, share_drift
from labeler.labels.label_set import Label, LabelSet, fold
from labeler.verdicts.judging import Judged, Window, judge
from labeler.verdicts.stories import Field

if TYPE_CHECKING:
    from labeler.base.reader import Reader

Array = np.ndarray


@dataclass(frozen=True)
class Survey:
    """What became of the action's labels.

    Attributes:
        judged: the issues of the window, by time. Agreement is of the settled ones among them.
        all_issues, handled: all labels together; `handled` only where a person has dealt with the issue since.
        labels, weeks: the same by label, and by week.
        drift, confidence: None with too few issues; `confidence` and `thresholds` need a model.
        model: its name, or empty.
    """

    repository: str
    login: str
    window: Window
    field: Field
    label_set: LabelSet
    judged: tuple[Judged, ...]
    all_issues: Agreement
    handled: Agreement
    labels: tuple[Agreement, ...]
    weeks: tuple[Agreement, ...]
    drift: Drift | None
    confidence: ConfidenceDrift | None
    thresholds: tuple[Suggestion, ...]
    model: str = ""

    @property
    def settled(self) -> list[Judged]:
        return [one for one in self.judged if one.settled]

    @property
    def labelled(self) -> int:
        """Issues of the window that the action put a label on."""
        return sum(any(one.applied()) for one in self.judged)


def survey(
    repository: str, login: str, field: Field, labels: LabelSet, window: Window, reader: Reader | None = None
) -> Survey:
    """Judges the issues of `window`. With a `reader` of the same labels, also its sureness and its thresholds."""
    judged = judge(field.stories, labels, window)
    settled = [one for one in judged if one.settled]
    confidence: ConfidenceDrift | None = None
    thresholds: tuple[Suggestion, ...] = ()
    model = ""
    if reader is not None and judged:
        probabilities = reader.read([one.story.issue for one in judged], "reading issues").probabilities
        confidence = confidence_drift(probabilities)
        thresholds = suggest_thresholds(judged, labels, probabilities, reader.thresholds)
        model = f"{reader.labeler.card.name} {reader.labeler.card.version}".strip()
    return Survey(
        repository,
        login,
        window,
        field,
        labels,
        tuple(judged),
        overall("all", settled),
        overall("handled", (one for one in settled if one.handled)),
        by_label(settled, labels),
        by_week(settled),
        share_drift(judged, labels),
        confidence,
        thresholds,
        model,
    )


def applied_labels(field: Field, passed_over: str = "") -> LabelSet:
    """The labels that the action put on an issue at least once, the most frequent first, without the fallback.

    Those with a comma are left out: no dataset and no labels file can hold them.
    """
    counts: Counter[str] = Counter()
    spelling: dict[str, str] = {}
    for story in field.stories:
        for change in story.changes:
            if change.who == "action" and change.on and "," not in change.name:
                counts[change.label] += 1
                spelling[change.label] = change.name
    counts.pop(fold(passed_over), None)
    return LabelSet(tuple(Label(spelling[label]) for label, _ in counts.most_common()))
