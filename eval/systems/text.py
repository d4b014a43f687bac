"""Systems on word counts: multinomial naive Bayes, and TF-IDF with logistic regression, one for each label.

Both are linear in the end: probabilities = sigmoid(features @ weights + biases), and `FittedLinear` is all that is
kept. A label that all training rows have, or none, has weights of 0 and a bias of ± infinity: probability 1, or 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eval.systems.system import Array, Needs, Output, Task
from labeler.base.examples import Examples
from labeler.text.issue import Issue
from synthetic.annotating.linear import Weights, best_weights, logistic_weights, probabilities, settled

BODY_LENGTH = 4000  # characters of the body that are read


class Features(Protocol):
    """Issues to a matrix (n, F), dense or sparse. Pickles."""

    @property
    def size_bytes(self) -> int | None:
        """What it needs on disk beside its pickle."""

    def __call__(self, issues: Sequence[Issue]) -> Any:
        """One row for each issue."""


@dataclass(frozen=True)
class FittedLinear:
    """One linear classifier a label: `weights` float32 (F, L), `biases` float64 (L,)."""

    features: Features
    weights: Array
    biases: Array
    thresholds: tuple[float, ...]

    @property
    def size_bytes(self) -> int | None:
        return self.features.size_bytes

    def __call__(self, issues: Sequence[Issue]) -> Output:
        found = probabilities(self.features(issues), self.weights, self.biases)
        return Output(found >= np.array(self.thresholds), found)


@dataclass(frozen=True)
class Words:
    """Counts of words or their TF-IDF, by a fitted vectorizer of scikit-learn."""

    vectorizer: Any
    size_bytes: None = None

    def __call__(self, issues: Sequence[Issue]) -> Any:
        if not issues:  # scikit-learn refuses a matrix without rows
            return np.zeros((0, 0))
        return self.vectorizer.transform(text_of(issue) for issue in issues)


@dataclass(frozen=True)
class Bayes:
    """Multinomial naive Bayes on word counts; the smoothing by micro-F1 on validation."""

    key: str = "bayes"
    name: str = "naive Bayes"
    needs: Needs = ""
    smoothings: tuple[float, ...] = (1.0, 0.1, 0.01)

    def fit(self, task: Task) -> FittedLinear:
        from sklearn.feature_extraction.text import CountVectorizer

        words, counts = _fitted_words(CountVectorizer(min_df=_rare(len(task.train))), task.train.issues)
        candidates = (bayes_weights(counts, task.train, smoothing) for smoothing in self.smoothings)
        return best_linear(words, candidates, task)


@dataclass(frozen=True)
class Linear:
    """Logistic regression on TF-IDF of words and pairs of words; C by micro-F1 on validation. The bar to beat."""

    key: str = "linear"
    name: str = "TF-IDF + logistic regression"
    needs: Needs = ""
    strengths: tuple[float, ...] = (1.0, 4.0, 16.0)

    def fit(self, task: Task) -> FittedLinear:
        words, features = self._features(task.train)
        return best_linear(words, (self._weights(features, task.train, C) for C in self.strengths), task)

    def out_of_fold(self, examples: Examples, strength: float, fold: Array) -> Array:
        """Each issue's probabilities by a model fitted on the other folds: float64 (n, L).

        Words are counted in all issues, which tells nothing of their labels.

        Args:
            strength: scikit-learn's C.
            fold: int (n,), the part that each issue belongs to.
        """
        _, features = self._features(examples)
        found = np.zeros(examples.truth.shape)
        for part in np.unique(fold):
            here = fold == part
            weights = self._weights(features[~here], examples.take(np.flatnonzero(~here)), strength)
            found[here] = probabilities(features[here], *weights)
        return found

    def _features(self, examples: Examples) -> tuple[Words, Any]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        rare = _rare(len(examples))
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=rare, sublinear_tf=True, max_features=200_000)
        return _fitted_words(vectorizer, examples.issues)

    def _weights(self, features: Any, train: Examples, strength: float) -> tuple[Array, Array]:
        # The dual has the same solution, and takes a seventh of the time on many sparse features.
        return logistic_weights(features, train, strength, solver="liblinear", dual=True)


def text_of(issue: Issue) -> str:
    """What of an issue the classical systems read."""
    return f"{issue.title}\n{issue.body[:BODY_LENGTH]}"


def bayes_weights(counts: Any, train: Examples, smoothing: float) -> tuple[Array, Array]:
    """Log-odds of multinomial naive Bayes (Manning, Raghavan, Schütze 2008, ch. 13), each label against its absence.

    Args:
        counts: sparse (n, F).
        smoothing: is added to every word's count.

    Returns:
        weights (F, L), biases (L,).
    """
    logs, priors = [], []
    for cells in (train.truth & train.known, ~train.truth & train.known):
        held = np.asarray(counts.T @ cells.astype(np.float64)) + smoothing
        logs.append(np.log(held) - np.log(held.sum(0)))
        priors.append(cells.sum(0))
    yes, no = priors
    weights, biases = logs[0] - logs[1], np.log(np.maximum(yes, 1) / np.maximum(no, 1))
    return settled(weights, biases, yes, no)


def best_linear(features: Features, candidates: Iterable[Weights], task: Task) -> FittedLinear:
    """The candidate with the best micro-F1 on validation, each at its own thresholds; the first of equals."""
    return FittedLinear(features, *best_weights(features(task.validation.issues), candidates, task))


def _rare(count: int) -> int:
    """In how many of `count` issues a word must occur; of few issues every word is kept."""
    return 1 if count < 200 else 2 if count < 2000 else 3


def _fitted_words(vectorizer: Any, issues: Sequence[Issue]) -> tuple[Words, Any]:
    """The fitted words, and their matrix of these issues."""
    texts = [text_of(issue) for issue in issues]
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError:  # no word, or none that is frequent enough; it refuses an empty vocabulary
        matrix = vectorizer.set_params(min_df=1).fit_transform([*texts, "nothing"])[: len(texts)]
    return Words(vectorizer), matrix
