"""Systems that are a language model: the tuned one, and the untuned base asked in three ways.

The answers of `greedy`, `zero-shot` and `few-shot` are the model's most probable label set, so they need no threshold;
their probabilities are kept for the figures that need a ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.raw_answers import labels_of
from eval.systems.generation import free_answers
from eval.systems.system import Needs, Output, System, Task
from labeler.base.thresholds import fit_thresholds
from labeler.console.progress import counted
from labeler.decision.candidates import DEFAULT_THRESHOLD
from labeler.decision.decide import decide
from labeler.decision.policy import Policy
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue

if TYPE_CHECKING:
    from labeler.base.reader import Reader

Array = np.ndarray


def model_systems() -> dict[str, System]:
    """The model systems by key: the tuned model's, then the base's."""
    systems: tuple[System, ...] = (
        Shipped(),
        Answer.greedy(),
        Thresholds(),
        Answer.zero_shot(),
        ZeroShotFree(),
        FewShot(),
    )
    return {system.key: system for system in systems}


@dataclass(frozen=True)
class _Reading:
    """What reads issues with a bundle, whose size is its own."""

    reader: Reader

    @property
    def size_bytes(self) -> int:
        return self.reader.size_bytes


@dataclass(frozen=True)
class Answer:
    """The model's most probable answer within the grammar. Learns nothing."""

    key: str
    name: str
    needs: Needs

    @classmethod
    def greedy(cls) -> Answer:
        return cls("greedy", "model, its answer", "model")

    @classmethod
    def zero_shot(cls) -> Answer:
        return cls("zero-shot", "untuned base, zero-shot", "base")

    def fit(self, task: Task) -> Answering:
        return Answering(_reader(task, self.needs))


@dataclass(frozen=True)
class Shipped:
    """The model with the thresholds and families that it has, by the action's own function. Learns nothing here.

    The score that leaves issues alone has no part in it: a reading keeps none.
    """

    key: str = "shipped"
    name: str = "model, as it ships"
    needs: Needs = "model"

    def fit(self, task: Task) -> Deciding:
        return Deciding(_reader(task, self.needs))


@dataclass(frozen=True)
class Deciding(_Reading):
    """A model that decides by the action's own function, without the score that leaves issues alone."""

    @property
    def thresholds(self) -> tuple[float, ...]:
        known = self.reader.thresholds
        own = [known.get(label.name) if label.threshold is None else label.threshold for label in self.reader.labels]
        return tuple(DEFAULT_THRESHOLD if threshold is None else threshold for threshold in own)

    def __call__(self, issues: Sequence[Issue]) -> Output:
        reader, reading = self.reader, self.reader.read(issues, "reading")
        names, thresholds = reader.labels.names, reader.thresholds
        chances = (dict(zip(names, row.tolist(), strict=True)) for row in reading.probabilities)
        chosen = (decide(row, reader.labels, thresholds, Policy()).add for row in chances)
        return Output(_named(chosen, reader.labels), reading.probabilities)


@dataclass(frozen=True)
class Thresholds:
    """The model's probabilities with a threshold for each label, fitted on validation: what a labels.yml may change."""

    key: str = "thresholds"
    name: str = "model, thresholds refitted"
    needs: Needs = "model"

    def fit(self, task: Task) -> Answering:
        reader, kept = _reader(task, self.needs), task.validation
        probabilities = reader.read(kept.issues, "reading validation").probabilities
        return Answering(reader, tuple(fit_thresholds(kept.truth, probabilities, kept.known)))


@dataclass(frozen=True)
class Answering(_Reading):
    """A model that answers within the grammar; with `thresholds`, the labels that reach theirs instead."""

    thresholds: tuple[float, ...] | None = None

    def __call__(self, issues: Sequence[Issue]) -> Output:
        reading = self.reader.read(issues, "reading")
        if self.thresholds is None:
            return Output(reading.chosen, reading.probabilities)
        return Output(reading.probabilities >= np.array(self.thresholds), reading.probabilities)


@dataclass(frozen=True)
class ZeroShotFree:
    """The base's own greedy text over the whole vocabulary; what can be read of it counts as its labels."""

    key: str = "zero-shot-free"
    name: str = "untuned base, free text"
    needs: Needs = "base"

    def fit(self, task: Task) -> Writing:
        return Writing(_reader(task, self.needs), task.labels)


@dataclass(frozen=True)
class Writing(_Reading):
    """A model that writes freely."""

    labels: LabelSet
    thresholds: None = None

    def __call__(self, issues: Sequence[Issue]) -> Output:
        with counted(len(issues), "writing") as done:
            answers = tuple(free_answers(self.reader, issues, done=done))
        return Output(_named((labels_of(answer, self.labels) for answer in answers), self.labels), None, answers)


@dataclass(frozen=True)
class FewShot:
    """The base, shown the most similar training issues with their labels as earlier turns of the same conversation.

    Args:
        shots: examples shown, the most similar last; similarity is the cosine of the base's own embeddings.
        example_tokens: title and body of an example are cut to so many tokens, so that a prompt grows by at most
            about `shots * (example_tokens + 30)`.
    """

    shots: int = 4
    example_tokens: int = 128
    key: str = "few-shot"
    name: str = "untuned base, few-shot"
    needs: Needs = "base"

    def fit(self, task: Task) -> Showing:
        reader = _reader(task, self.needs)
        embeddings = reader.read(task.train.issues, "reading train").embeddings
        chosen = tuple(tuple(np.flatnonzero(row).tolist()) for row in task.train.truth)
        return Showing(reader, task.train.issues, chosen, embeddings, self.shots, self.example_tokens)


@dataclass(frozen=True)
class Showing(_Reading):
    """A model that answers within the grammar after examples. `chosen` are label indices of each of `issues`."""

    issues: tuple[Issue, ...]
    chosen: tuple[tuple[int, ...], ...]
    embeddings: Array
    shots: int
    example_tokens: int
    thresholds: None = None

    def __call__(self, issues: Sequence[Issue]) -> Output:
        engine, task = self.reader.labeler.engine, self.reader.labeler.task
        prompts = [
            [*self.shown(embedding), *engine.renderer.issue(issue)]
            for issue, embedding in zip(issues, self.reader.read(issues, "reading").embeddings, strict=True)
        ]
        with counted(len(issues), "reading with examples") as done:
            scores = engine.score(prompts, task, done)
        predicted = np.zeros((len(issues), len(task.grammar)), dtype=bool)
        for row, score in zip(predicted, scores, strict=True):
            row[list(score.chosen)] = True
        return Output(predicted, np.array([score.probabilities for score in scores]).reshape(predicted.shape))

    def shown(self, embedding: Array) -> list[int]:
        """Token ids of the nearest issues' turns: issue, answer, and the opening of the next question."""
        renderer, task = self.reader.labeler.engine.renderer, self.reader.labeler.task
        short = replace(renderer, token_budget=self.example_tokens)
        control = renderer.tokenizer.control
        again = [*renderer.tokenizer.encode("\n"), control["<start_of_turn>"]]
        again += renderer.tokenizer.encode("user\nIssue:\n")
        order = np.argsort(-(self.embeddings @ embedding), kind="stable")[: self.shots]
        ids: list[int] = []
        for row in order[::-1]:
            ids += [*short.issue(self.issues[row]), *task.grammar.encode(self.chosen[row]), *again]
        return ids


def _reader(task: Task, needs: Needs) -> Reader:
    reader = task.base if needs == "base" else task.reader
    if reader is None:
        raise ValueError(f"a task without the {needs}'s reader")
    return reader


def _named(rows: Iterable[tuple[str, ...]], labels: LabelSet) -> Array:
    """Names to bool (n, labels)."""
    return np.array([[name in names for name in labels.names] for names in rows], dtype=bool).reshape(-1, len(labels))
