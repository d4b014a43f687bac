"""What people made of the labels of each issue.

Only a person's deed is a person's word. A label that the action set and nobody touched counts as *kept*, which is weak
evidence: perhaps nobody looked. So agreement is given twice, over all issues and over those that a person has dealt
with since, and no untouched label of the action ever becomes truth to train on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from labeler.labels.label_set import LabelSet, fold
from labeler.verdicts.stories import Change, Story

Array = np.ndarray
# Labels that are there so soon after an issue opens come from its template: the action found them in place.
GRACE = timedelta(minutes=2)


class Verdict(StrEnum):
    """What became of one label on one issue."""

    ABSENT = "absent"  # nobody set it
    KEPT = "kept"  # the action set it, and nobody took it off
    RESTORED = "restored"  # the action set it, a person took it off and put it back
    REMOVED = "removed"  # the action set it, and a person took it off
    ADDED = "added"  # a person set it after the action had its chance
    GIVEN = "given"  # a person had set it before the action came
    TAKEN_BACK = "taken back"  # by the action itself
    UNCLEAR = "unclear"  # another bot's doing, a deleted account's, or no event tells: renamed, deleted or older


AGREED = frozenset({Verdict.KEPT, Verdict.RESTORED})
# What is on the issue, and what is not, by a person's word.
TRUE_BY_PERSON = frozenset({Verdict.RESTORED, Verdict.ADDED, Verdict.GIVEN})
CORRECTED = frozenset({Verdict.REMOVED, Verdict.ADDED})


@dataclass(frozen=True)
class Judged:
    """One issue with a verdict for every label, in listed order.

    Attributes:
        at: when the action first labelled it in the window, else when it opened; it counts in that week.
        settled: long enough ago for people to have had their say.
        handled: a person other than its author has dealt with it since.
    """

    story: Story
    verdicts: tuple[Verdict, ...]
    at: datetime
    settled: bool
    handled: bool

    @property
    def is_corrected(self) -> bool:
        return any(verdict in CORRECTED for verdict in self.verdicts)

    def applied(self) -> list[bool]:
        """Which labels the action set, whatever became of them."""
        return [verdict in _APPLIED for verdict in self.verdicts]


_APPLIED = AGREED | {Verdict.REMOVED, Verdict.TAKEN_BACK}


@dataclass(frozen=True)
class Window:
    """Issues that the action labelled, or that opened, from `since` until `until`; judged as of `now`."""

    since: datetime
    until: datetime
    now: datetime
    settle: timedelta


def judge(stories: Iterable[Story], labels: LabelSet, window: Window) -> list[Judged]:
    """The issues of the window with their verdicts, in the order of their times."""
    names = [{fold(spelling) for spelling in label.spellings} for label in labels]
    judged = (_judged(story, names, window) for story in stories)
    return sorted((one for one in judged if one), key=lambda one: (one.at, one.story.number))


def settled_truth(judged: Sequence[Judged]) -> tuple[Array, Array]:
    """Truth and known, bool (issues, labels): on settled issues that a person dealt with, what stands there now.

    The action's own labels count there, kept in the sight of a person. What is unclear is unknown, as is every cell of
    the other issues.
    """
    states = [
        [(verdict in AGREED | TRUE_BY_PERSON, verdict is not Verdict.UNCLEAR) for verdict in one.verdicts]
        for one in judged
    ]
    cells = np.array(states, dtype=bool).reshape(len(judged), -1, 2)
    counts = np.array([one.settled and one.handled for one in judged], dtype=bool)
    return cells[..., 0], cells[..., 1] & counts[:, None]


def _judged(story: Story, names: Sequence[set[str]], window: Window) -> Judged | None:
    ours = [change.at for change in story.changes if change.who == "action" and change.on]
    at = ours[0] if ours else story.opened
    if not window.since <= at < window.until:
        return None
    last = max([at, *ours])
    chance = min((c.at for c in story.changes if c.who == "action"), default=story.opened + GRACE)
    return Judged(
        story,
        tuple(_verdict(story, spellings, chance) for spellings in names),
        at,
        settled=window.now - last >= window.settle,
        handled=story.handled is not None and story.handled > at,
    )


def _verdict(story: Story, spellings: set[str], chance: datetime) -> Verdict:
    changes = [change for change in story.changes if change.label in spellings]
    is_on = bool(spellings & story.labels)
    if (changes[-1].on if changes else False) != is_on:
        return Verdict.UNCLEAR
    first = next((i for i, change in enumerate(changes) if change.who == "action" and change.on), None)
    if first is not None:
        return _after_ours(changes, first, is_on)
    if not is_on:
        return Verdict.ABSENT
    if changes[-1].who != "person":
        return Verdict.UNCLEAR
    before = [change for change in changes if change.at <= chance]
    return Verdict.GIVEN if before and before[-1].on else Verdict.ADDED


def _after_ours(changes: Sequence[Change], first: int, is_on: bool) -> Verdict:
    """The verdict on a label that the action set by `changes[first]`: the last word of a person after that decides."""
    spoken = [i for i in range(first + 1, len(changes)) if changes[i].who == "person"]
    if spoken:
        word = spoken[-1]
        if not changes[word].on:
            return Verdict.REMOVED
        return Verdict.ADDED if changes[word - 1].who == "action" else Verdict.RESTORED
    if is_on:
        return Verdict.KEPT
    return Verdict.TAKEN_BACK if changes[-1].who == "action" else Verdict.UNCLEAR
