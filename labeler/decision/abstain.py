"""Whether an issue says anything that a label could be set on: a fitted score, two cuts, and the reason.

    score = bias + w1 * logit(nothing) + w2 * margin + w3 * log(1 + tokens) + w . embedding

is the log-odds that the issue deserves a label. `nothing` is the model's probability of the empty answer, the margin
how far the likeliest label is above its threshold (in log-odds), the embedding what the issue is about. Below one cut
the issue is left alone whatever the labels' probabilities; above the other it gets at least the label that comes
nearest to its threshold. Thin but real issues are short, so no length alone decides. `training.starter.nothing` fits
weights and cuts.

The reason is the group of terms that is furthest below its mean over real issues: the words, or the evidence. Where
there is no evidence in fewer tokens than nearly all real issues have, too little text is the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from labeler.model.calibration import logit

MOST_TOKENS = 200  # beyond that more text says nothing more about whether there is something to say


class Reason(StrEnum):
    """Why an issue is left alone."""

    LITTLE_TEXT = "too little text"
    NO_EVIDENCE = "no evidence for any label"
    CHATTER = "spam, thanks or chatter"
    LANGUAGE = "in a language that the model was not measured on"

    @property
    def wants_more(self) -> bool:
        """Whether its author could mend it by writing more."""
        return self in (Reason.LITTLE_TEXT, Reason.NO_EVIDENCE)


@dataclass(frozen=True)
class Judgement:
    """What the score says of one issue.

    Attributes:
        score: log-odds that it deserves a label.
        reason: why it is to be left alone; None where it is not.
        is_real: it is clearly real: if no label passes, the nearest is to be set.
    """

    score: float
    reason: Reason | None = None
    is_real: bool = False


@dataclass(frozen=True)
class Abstain:
    """Weights and cuts of the score, as the manifest's `abstain` has them.

    Attributes:
        bias, nothing, margin, tokens: weights of the terms above; `embedding`: (hidden,).
        below, above: the cuts; an issue is left alone below the first, clearly real from the second on.
        short: fewer tokens than this are too little text.
        real: mean of each group of terms over real issues: "evidence", "words".

    Raises:
        ValueError: a number is not finite, or the cuts are in the wrong order.
    """

    bias: float
    nothing: float
    margin: float
    tokens: float
    embedding: tuple[float, ...]
    below: float
    above: float
    short: float
    real: Mapping[str, float]

    def __post_init__(self) -> None:
        numbers = [self.bias, self.nothing, self.margin, self.tokens, *self.embedding, *self.real.values()]
        if not all(map(math.isfinite, [*numbers, self.below, self.above, self.short])) or self.below > self.above:
            raise ValueError(f"abstain: cuts {self.below} and {self.above}, or a weight that is no number")
        if set(self.real) != _GROUPS:
            raise ValueError(f"abstain: means of {', '.join(self.real)} instead of {', '.join(sorted(_GROUPS))}")

    def groups(self, nothing: Sequence[float], margin: Sequence[float], tokens: Sequence[int], embedding: Any) -> Any:
        """The terms of n issues by group: name -> float64 (n,). `embedding`: (n, hidden)."""
        seen = features(nothing, margin, tokens)
        return {
            "evidence": seen @ np.array([self.nothing, self.margin, self.tokens]),
            "words": np.asarray(embedding, dtype=np.float64) @ np.array(self.embedding),
        }

    def judge(
        self, nothing: float, margin: float, tokens: int, embedding: Any, *, measured: bool = True, whole: bool = True
    ) -> Judgement:
        """The judgement on one issue.

        Args:
            nothing: probability of the empty answer; margin: `margin_of`; tokens: the issue's, as the model reads it.
            embedding: (hidden,), of length 1.
            measured: whether its language is one that the model was measured on.
            whole: whether the list has all the labels that the score was fitted with; else a real issue may well have
                nothing on the list, and no nearest label is asked for.
        """
        parts = {
            name: float(found[0])
            for name, found in self.groups([nothing], [margin], [tokens], np.asarray(embedding)[None]).items()
        }
        score = self.bias + sum(parts.values())
        if score >= self.below:
            return Judgement(score, None, whole and score >= self.above)
        if not measured:
            return Judgement(score, Reason.LANGUAGE)
        if parts["words"] - self.real["words"] < parts["evidence"] - self.real["evidence"]:
            return Judgement(score, Reason.CHATTER)
        return Judgement(score, Reason.LITTLE_TEXT if tokens < self.short else Reason.NO_EVIDENCE)

    def to_dict(self) -> dict[str, Any]:
        """As the manifest holds it."""
        return {**vars(self), "embedding": list(self.embedding), "real": dict(self.real)}

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> Abstain:
        """Reverses `to_dict`. Raises ValueError, KeyError, TypeError or AttributeError where it is something else."""
        single = {
            key: float(document[key]) for key in ("bias", "nothing", "margin", "tokens", "below", "above", "short")
        }
        real = {str(name): float(mean) for name, mean in document["real"].items()}
        return Abstain(embedding=tuple(map(float, document["embedding"])), real=real, **single)


_GROUPS = {"evidence", "words"}


def features(nothing: Sequence[float], margin: Sequence[float], tokens: Sequence[int]) -> Any:
    """What the score reads beside the embedding: float64 (n, 3)."""
    length = np.log1p(np.minimum(np.asarray(tokens, dtype=np.float64), MOST_TOKENS))
    return np.stack([logit(np.asarray(nothing)), np.asarray(margin, dtype=np.float64), length], 1)


def after_cuts(passes: Any, margins: Any, score: Any, below: float, above: float) -> Any:
    """The labels of n issues once the score has spoken, as `decide` sets them where nothing else is asked: bool (n, L).

    Args:
        passes: which labels reach their thresholds, bool (n, L); margins: how far, in log-odds, (n, L).
        score: (n,); below, above: the cuts, `above` infinite where no nearest label is asked for.
    """
    labels = passes & (score >= below)[:, None]
    bare = np.flatnonzero((score >= above) & ~passes.any(axis=1))
    labels[bare, margins[bare].argmax(1)] = True
    return labels


def margin_of(probabilities: Sequence[float], thresholds: Sequence[float]) -> float:
    """How far the label that is furthest above its threshold is above it, in log-odds; below 0 where none passes."""
    return float((logit(np.asarray(probabilities)) - logit(np.asarray(thresholds))).max())
