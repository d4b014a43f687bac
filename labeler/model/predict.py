"""A loaded model that labels issues: bundle, label list and engine behind one call."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labeler.decision.abstain import Judgement, margin_of
from labeler.decision.candidates import DEFAULT_THRESHOLD
from labeler.labels.label_set import Label, LabelSet, fold
from labeler.labels.strangers import strangers
from labeler.model.bundle import Manifest, read_manifest
from labeler.model.engine import Engine, Score, Task
from labeler.model.prefix import PrefixStore
from labeler.text.issue import Issue
from labeler.text.language import MEASURED, guess

STARTER = Path(__file__).parents[1] / "starter"


@dataclass(frozen=True)
class Card:
    """What to call the model that labelled, and how good it was measured to be; empty if nobody did."""

    name: str
    version: str
    quality: str = ""


@dataclass(frozen=True)
class Prediction:
    """What the model says of one issue.

    Attributes:
        probabilities: label name -> probability, calibrated if the bundle says how; in listed order, under the names
            of the list in use.
        chosen: labels of the most probable answer, which thresholds have no part in.
        seconds: wall time of this issue's computation.
        judgement: whether the issue says anything; None where the bundle or the list is not made for telling.
    """

    probabilities: dict[str, float]
    chosen: tuple[str, ...]
    seconds: float
    judgement: Judgement | None = None


class Labeler:
    """Labels issues with one bundle and one label list.

    Args:
        folder: a verified bundle.
        labels: the list to choose from; None means the bundle's own. A label that the model was tuned
            on under another name is recognised by its aliases, and asked for by the name it was tuned on.
        cache: folder for the key/value caches of other lists; None keeps nothing.
        threads, workers: see `Engine`.
    """

    def __init__(
        self,
        folder: Path,
        labels: LabelSet | None = None,
        *,
        cache: Path | None = None,
        threads: int = 0,
        workers: int = 1,
    ) -> None:
        self.manifest: Manifest = read_manifest(folder)
        prefixes = PrefixStore(folder, self.manifest, cache and cache / "prefixes")
        self.engine = Engine(folder, self.manifest, prefixes, threads, workers)
        self._show(labels or self.manifest.labels)

    def _show(self, labels: LabelSet) -> None:
        self.labels = labels
        asked = as_tuned(labels, self.manifest.labels)
        # Figures of another list say nothing of this one.
        is_own = {label.name for label in asked} == set(self.manifest.labels.names)
        quality = _quality(self.manifest.metrics) if is_own else ""
        self.card = Card(self.manifest.name, self.manifest.version, quality)
        needed = {label.name: threshold_of(tuned, self.manifest) for label, tuned in zip(labels, asked, strict=True)}
        self.thresholds = {name: threshold for name, threshold in needed.items() if threshold is not None}
        self._asked = LabelSet(tuple(asked))
        own = self.manifest.labels
        # The score is fitted with the model's own labels: a list with others shifts what it reads.
        self._abstain = self.manifest.abstain if all(own.find(name) for name in self._asked.names) else None
        self._whole = len(set(self._asked.names)) == len(own)

    @cached_property
    def task(self) -> Task:
        """The list made ready, when it is first wanted: the repository may lack a part of it (see `showing`)."""
        return self.engine.task(self._asked)

    def make_ready(self) -> None:
        """Computes what the list needs, and keeps it, before the first issue comes."""
        _ = self.task

    def showing(self, labels: LabelSet) -> Labeler:
        """The same model with another list, sharing all that is loaded."""
        if labels == self.labels:
            return self
        other = copy(self)
        other.__dict__.pop("task", None)
        other._show(labels)
        return other

    @property
    def strangers(self) -> Mapping[str, str]:
        """Labels of the list that the model was not tuned on, each with the one that may be meant, or empty."""
        return strangers(self.labels, self.manifest.labels)

    def predict(self, issue: Issue) -> Prediction:
        (prediction,) = self.predict_many([issue])
        return prediction

    def predict_many(self, issues: Iterable[Issue], done: Callable[[], None] = lambda: None) -> list[Prediction]:
        """Predictions in the issues' order, each the same as by itself; `done` is called after each."""
        return self.read(issues, done)[0]

    def read(
        self, issues: Iterable[Issue], done: Callable[[], None] = lambda: None
    ) -> tuple[list[Prediction], np.ndarray]:
        """`predict_many`, and the issues' embeddings from the same pass: float32 (issues, hidden), of length 1."""
        started, issues = time.perf_counter(), list(issues)
        ids = [self.engine.renderer.issue(issue) for issue in issues]
        scores = self.engine.score(ids, self.task, done)
        seconds = (time.perf_counter() - started) / max(1, len(ids))
        names = self.labels.names
        predictions = [
            Prediction(
                dict(zip(names, probabilities.tolist(), strict=True)),
                tuple(names[i] for i in score.chosen),
                seconds,
                self._judged(issue, score, probabilities, len(tokens)),
            )
            for issue, tokens, score in zip(issues, ids, scores, strict=True)
            for probabilities in [self._calibrated(score.probabilities)]
        ]
        embeddings = np.zeros((len(scores), self.manifest.shape.hidden_size), dtype=np.float32)
        for row, score in zip(embeddings, scores, strict=True):
            row[:] = score.embedding
        return predictions, embeddings

    def margin(self, probabilities: np.ndarray) -> float:
        """`labeler.decision.abstain.margin_of`, from the bundle's own thresholds. `probabilities`: calibrated."""
        return margin_of(
            probabilities.tolist(), [self.thresholds.get(name, DEFAULT_THRESHOLD) for name in self.labels.names]
        )

    def _judged(self, issue: Issue, score: Score, probabilities: np.ndarray, tokens: int) -> Judgement | None:
        if self._abstain is None:
            return None
        return self._abstain.judge(
            score.nothing,
            self.margin(probabilities),
            tokens,
            score.embedding,
            measured=guess(issue.title, issue.body) in ("", *MEASURED),
            whole=self._whole,
        )

    def _calibrated(self, probabilities: np.ndarray) -> np.ndarray:
        calibration = self.manifest.calibration
        return probabilities if calibration is None else calibration(self._asked.names, probabilities)


def as_tuned(labels: LabelSet, tuned: LabelSet) -> list[Label]:
    """The labels as the model knows them, by name or alias on either side; one that is new to it stays itself.

    Where the list keeps apart what is one label to the model (both "feature" and "enhancement"), each is asked for by
    its own name: only the one with the very name that the model was tuned on is that label.
    """
    known = [next(filter(None, map(tuned.find, label.spellings)), None) for label in labels]
    times = Counter(found for found in known if found is not None)
    return [
        label
        if found is None or (times[found] > 1 and fold(label.name) != fold(found.name))
        else replace(found, description=label.description or found.description)
        for label, found in zip(labels, known, strict=True)
    ]


def threshold_of(tuned: Label, manifest: Manifest) -> float | None:
    """What the bundle asks of a label as `as_tuned` gives it; None where it says nothing of it."""
    own = manifest.thresholds.get(tuned.name)
    if own is None and tuned.name not in manifest.labels.names:
        return manifest.new_label_threshold
    return own


def _quality(metrics: Mapping[str, Any]) -> str:
    """The test figures that `python -m training` leaves in a manifest, in words; empty where they are not there."""
    try:
        test = metrics["test"]
        return f"micro-F1 {float(test['micro_f1'][0]):.2f} on {int(test['issues']):,} issues new to it"
    except (KeyError, IndexError, TypeError, ValueError):  # the figures are free
        return ""
