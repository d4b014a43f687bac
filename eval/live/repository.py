"""A survey of one repository, from what GitHub tells of it: its events, and the labels they are judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from eval.live.survey import Survey, applied_labels, survey
from labeler.base.reader import Reader
from labeler.base.store import default_store
from labeler.console.progress import counted
from labeler.github.client import ACTIONS_LOGIN, GitHub
from labeler.labels.label_set import LabelSet, fold, read_labels
from labeler.model.bundle import read_manifest
from labeler.verdicts.judging import Window
from labeler.verdicts.stories import Cast, Field, read_stories


@dataclass(frozen=True)
class Question:
    """What is asked of a repository.

    Attributes:
        since, until, now: issues opened from `since` until `until` count, as things stand `now`.
        login, bots: the action's account, and accounts of bots that GitHub takes for people.
        labels: a labels file to judge by; without one the model's, without a model those that the action set.
        model: a bundle's folder, whose sureness and thresholds are looked at too.
        fallback: the action's fallback label, which is not judged; "" where it has none.
        settle: after what time a label counts as kept.
    """

    repository: str
    since: datetime
    until: datetime
    now: datetime
    login: str = ACTIONS_LOGIN
    bots: tuple[str, ...] = ()
    labels: Path | None = None
    model: Path | None = None
    fallback: str = ""
    settle: timedelta = timedelta(days=3)


def survey_repository(github: GitHub, question: Question) -> Survey:
    """Reads the repository's events and judges its labels.

    Raises:
        LabelerError: GitHub refuses, or the labels file or the model is wrong.
    """
    field = _read(github, question)
    labels = _labels(question, field)
    # Nothing is known of the time before the first event that could be read.
    window = Window(max(question.since, field.reached), question.until, question.now, question.settle)
    reader = Reader(question.model, labels, default_store()) if question.model else None
    return survey(question.repository, question.login, field, labels, window, reader)


def _read(github: GitHub, question: Question) -> Field:
    with _days_back(question.since, question.now) as seen:
        events = github.repository_events(question.repository)
        return read_stories(events, Cast(question.login, question.bots), question.since, seen)


@contextmanager
def _days_back(since: datetime, now: datetime) -> Iterator[Callable[[datetime], None]]:
    """Progress by the days that the events have gone back: how many events there are, nobody knows beforehand."""
    days, shown = (now - since).days, 0
    with counted(days, "days of events") as step:

        def seen(at: datetime) -> None:
            nonlocal shown
            while shown < min(days, (now - at).days):
                shown += 1
                step()

        yield seen


def _labels(question: Question, field: Field) -> LabelSet:
    if question.labels:
        listed = read_labels(question.labels)
    elif question.model:
        listed = read_manifest(question.model).labels
    else:
        return applied_labels(field, question.fallback)
    return LabelSet(tuple(label for label in listed if fold(label.name) != fold(question.fallback)))
