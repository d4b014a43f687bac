"""Systems without a model: the most frequent labels, and the labels whose names occur in the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.systems.system import Array, Needs, Output, Task
from labeler.base.f1 import micro_f1
from labeler.labels.label_set import Label, LabelSet, fold
from labeler.text.issue import Issue

_WORD = re.compile(r"[^\W_]+")
_PREFIX = re.compile(r"\s*([^:/]+[:/])\s*\S")


@dataclass(frozen=True)
class Majority:
    """The same labels for every issue: the m most frequent ones of training, m by micro-F1 on validation.

    That is what no text at all is worth: a system that does not beat it has learned nothing but frequencies.
    """

    key: str = "majority"
    name: str = "most frequent labels"
    needs: Needs = ""

    def fit(self, task: Task) -> FittedMajority:
        shares = (task.train.truth & task.train.known).sum(0) / np.maximum(task.train.known.sum(0), 1)
        ranked = np.argsort(-shares, kind="stable")
        sets = [np.isin(np.arange(len(ranked)), ranked[:count]) for count in range(1, len(ranked) + 1)]
        validation = task.validation
        scores = [
            micro_f1(validation.truth, np.broadcast_to(row, validation.truth.shape), validation.known) for row in sets
        ]
        return FittedMajority(sets[int(np.argmax(scores))])


@dataclass(frozen=True)
class FittedMajority:
    """`row` is bool (L,)."""

    row: Array
    thresholds: None = None
    size_bytes: None = None

    def __call__(self, issues: Sequence[Issue]) -> Output:
        return Output(np.tile(self.row, (len(issues), 1)))


@dataclass(frozen=True)
class Keywords:
    """A label is set where its name or an alias occurs in the text, word for word.

    Words are runs of letters and digits without case; a final "s" or "ing" is dropped on both sides, so that
    "testing" finds "tests". Words of a name must follow each other: "ci/cd" finds "CI / CD", not "CI" alone. A prefix
    that several labels share ("area/", "type:") is not looked for. Title alone or the whole text: by micro-F1 on
    validation. Nothing is learned from the training issues.
    """

    key: str = "keywords"
    name: str = "label names in the text"
    needs: Needs = ""

    def fit(self, task: Task) -> FittedKeywords:
        phrases = tuple(_phrases(label, _shared_prefixes(task.labels)) for label in task.labels)
        places = [FittedKeywords(phrases, with_body) for with_body in (False, True)]
        truth, known = task.validation.truth, task.validation.known
        scores = [micro_f1(truth, place(task.validation.issues).predicted, known) for place in places]
        return places[int(np.argmax(scores))]


@dataclass(frozen=True)
class FittedKeywords:
    """`phrases` has for each label what to look for, as `_words` writes it."""

    phrases: tuple[tuple[str, ...], ...]
    with_body: bool
    thresholds: None = None
    size_bytes: None = None

    def __call__(self, issues: Sequence[Issue]) -> Output:
        found = np.zeros((len(issues), len(self.phrases)), dtype=bool)
        for row, issue in enumerate(issues):
            text = _words(f"{issue.title}\n{issue.body}" if self.with_body else issue.title)
            found[row] = [any(phrase in text for phrase in phrases) for phrases in self.phrases]
        return Output(found)


def _words(text: str) -> str:
    """The text's words in one form, each between single spaces, with a space at either end."""
    return " ".join(("", *map(_stem, _WORD.findall(fold(text))), ""))


def _stem(word: str) -> str:
    if len(word) > 5 and word.endswith("ing"):
        return word[:-3]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _phrases(label: Label, prefixes: frozenset[str]) -> tuple[str, ...]:
    words = (_words(_without_prefix(spelling, prefixes)) for spelling in label.spellings)
    return tuple(phrase for phrase in words if phrase.strip())


def _shared_prefixes(labels: LabelSet) -> frozenset[str]:
    """Prefixes with their colon or slash that two labels or more begin with: they name a family, not a label."""
    found = [match[1] for label in labels if (match := _PREFIX.match(fold(label.name)))]
    return frozenset(prefix for prefix in found if found.count(prefix) > 1)


def _without_prefix(spelling: str, prefixes: frozenset[str]) -> str:
    match = _PREFIX.match(fold(spelling))
    return fold(spelling)[len(match[1]) :] if match and match[1] in prefixes else spelling
