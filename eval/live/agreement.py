"""How often people left the action's labels as they were, and what they added: counts, intervals, weeks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from eval.metrics.intervals import Interval, wilson
from labeler.labels.label_set import LabelSet
from labeler.verdicts.judging import AGREED, Judged, Verdict, settled_truth

Array = np.ndarray
FEWEST_POSITIVES = 5


@dataclass(frozen=True)
class Agreement:
    """Counts of labels on issues: `kept`, `removed` by a person, `added` by a person, and `unclear` or taken back."""

    name: str
    kept: int = 0
    removed: int = 0
    added: int = 0
    unclear: int = 0

    @property
    def right(self) -> Interval:
        """Of the labels that the action set, the share that people kept (Wilson interval)."""
        return wilson(self.kept, self.kept + self.removed)

    @property
    def found(self) -> Interval:
        """Of the labels that people kept or added, the share that the action had set (Wilson interval)."""
        return wilson(self.kept, self.kept + self.added)


@dataclass(frozen=True)
class Suggestion:
    """A threshold for one label, from `positives` true among `n` judged issues.

    `current` is the model's, if any; `suggested` is None where fewer than FEWEST_POSITIVES are true.
    """

    name: str
    current: float | None
    suggested: float | None
    positives: int
    n: int


def agreement_of(name: str, verdicts: Iterable[Verdict]) -> Agreement:
    counts = dict.fromkeys(Verdict, 0)
    for verdict in verdicts:
        counts[verdict] += 1
    return Agreement(
        name,
        kept=sum(counts[verdict] for verdict in AGREED),
        removed=counts[Verdict.REMOVED],
        added=counts[Verdict.ADDED],
        unclear=counts[Verdict.UNCLEAR] + counts[Verdict.TAKEN_BACK],
    )


def overall(name: str, judged: Iterable[Judged]) -> Agreement:
    """All labels of these issues together."""
    return agreement_of(name, (verdict for one in judged for verdict in one.verdicts))


def by_label(judged: Sequence[Judged], labels: LabelSet) -> tuple[Agreement, ...]:
    return tuple(agreement_of(name, (one.verdicts[i] for one in judged)) for i, name in enumerate(labels.names))


def by_week(judged: Sequence[Judged]) -> tuple[Agreement, ...]:
    """One for each week with an issue, named by its Monday (UTC), oldest first."""
    weeks: dict[date, list[Judged]] = {}
    for one in judged:
        day = one.at.date()
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(one)
    return tuple(overall(monday.isoformat(), weeks[monday]) for monday in sorted(weeks))


def suggest_thresholds(
    judged: Sequence[Judged], labels: LabelSet, probabilities: Array, current: dict[str, float]
) -> tuple[Suggestion, ...]:
    """Thresholds fitted to `settled_truth`, drawn together where a label has few examples; none without any truth.

    Args:
        probabilities: float (issues, labels).
        current: the model's own thresholds by label.
    """
    from labeler.base.thresholds import fit_thresholds

    truth, known = settled_truth(judged)
    if not (truth & known).any():
        return ()
    fitted = fit_thresholds(truth, probabilities, known)
    positives, n = (truth & known).sum(0).tolist(), known.sum(0).tolist()
    return tuple(
        Suggestion(name, current.get(name), fitted[i] if positives[i] >= FEWEST_POSITIVES else None, positives[i], n[i])
        for i, name in enumerate(labels.names)
    )
