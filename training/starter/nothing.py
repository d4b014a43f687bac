"""Fits which issues a bundle leaves alone, and which get a label at least (`labeler.decision.abstain`).

The examples are near pairs: junk, and a thin but real issue that resembles it (`nothing_pairs.jsonl`), so that neither
length nor single words tell them apart; and real issues that the model was not tuned on. The score is a logistic
regression with a ridge on the embedding's weights. Both cuts are chosen on scores that each fifth of the pairs and of
the real issues has from the other four: the two that leave most junk alone and label most thin issues, among those by
which micro-F1 on the real issues falls by no more than `MOST_LOST`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.data.rows import Labelled, truth_and_known
from labeler.base.f1 import micro_f1
from labeler.console.progress import counted
from labeler.decision.abstain import Abstain, after_cuts, features
from labeler.decision.candidates import DEFAULT_THRESHOLD
from labeler.model.bundle import Manifest, read_manifest, write_manifest
from labeler.model.calibration import logit
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler
from labeler.text.issue import Issue

Array = np.ndarray
PAIRS = Path(__file__).with_name("nothing_pairs.jsonl")
METRIC = "left alone"
MOST_LOST = 0.002
FOLDS, STEPS, DIGITS = 5, 40, 4
_PAIR_WEIGHT = 3.0  # of a line of a pair, beside a real issue
# Features are divided by these, embeddings multiplied, so that one ridge means about the same to each.
_SCALE, _EMBEDDING_SCALE = np.array([3.0, 2.0, 1.0]), 6.0
_RIDGE, _EMBEDDING_RIDGE = 0.1, 3.0
_SHORT = 0.05  # of real issues have less text than what counts as little
_NEVER = 99.0  # a cut that no score reaches


@dataclass(frozen=True)
class Read:
    """What a bundle says of n issues.

    Attributes:
        p: calibrated probabilities, float64 (n, labels); margins: of each from its threshold, in log-odds.
        nothing, tokens: (n,); embedding: (n, hidden).
        truth, known: bool (n, labels).
    """

    p: Array
    margins: Array
    nothing: Array
    tokens: Array
    embedding: Array
    truth: Array
    known: Array

    @property
    def features(self) -> Array:
        """float64 (n, 3 + hidden), scaled."""
        seen = features(list(self.nothing), list(self.margins.max(1)), list(self.tokens))
        return np.concatenate([seen / _SCALE, self.embedding * _EMBEDDING_SCALE], 1)

    def decided(self, score: Array, below: float, above: float) -> Array:
        """The labels set by thresholds and cuts: bool (n, labels)."""
        labels: Array = after_cuts(self.margins >= 0, self.margins, score, below, above)
        return labels


def fit_nothing(
    bundle: Path, real: Sequence[Labelled], progress: Callable[[str], None] = print, pairs: Path = PAIRS
) -> Manifest:
    """Writes `abstain` and its figures into the manifest of a bundle that is calibrated already.

    Args:
        real: issues that the model was not tuned on; those without a label are left out.
    """
    manifest = read_manifest(bundle)
    near = [
        Labelled(Issue(row["title"], row["body"]), frozenset(row["labels"]), manifest.labels.names, PAIRS.name)
        for row in map(json.loads, pairs.read_text(encoding="utf-8").splitlines())
    ]
    found = read(bundle, [*near, *(row for row in real if row.labels)])
    score, figures = fit_score(_rows(found, slice(len(near))), _rows(found, slice(len(near), None)))
    progress(
        f"{METRIC}: {figures['pairs']} pairs, junk {figures['junk']:.3f} ({figures['junk before']:.3f} by thresholds), "
        f"thin issues with a label {figures['thin']:.3f} ({figures['thin before']:.3f})"
    )
    return write_manifest(bundle, replace(manifest, abstain=score, metrics=manifest.metrics | {METRIC: figures}))


def read(bundle: Path, rows: Sequence[Labelled]) -> Read:
    """Reads issues under the bundle's own labels."""
    labeler = Labeler(bundle, threads=1, workers=available_cores())
    names = labeler.labels.names
    ids = [labeler.engine.renderer.issue(row.issue) for row in rows]
    with counted(len(rows), METRIC) as done:
        scores = labeler.engine.score(ids, labeler.task, done)
    p = np.array([score.probabilities for score in scores])
    if labeler.manifest.calibration is not None:
        p = labeler.manifest.calibration(names, p)
    limits = np.array([labeler.thresholds.get(name, DEFAULT_THRESHOLD) for name in names])
    return Read(
        p,
        logit(p) - logit(limits),
        np.array([score.nothing for score in scores]),
        np.array([len(tokens) for tokens in ids]),
        np.array([score.embedding for score in scores], dtype=np.float64),
        *truth_and_known(rows, names),
    )


def fit_score(near: Read, real: Read) -> tuple[Abstain, dict[str, Any]]:
    """The score, and figures on scores of examples that were left out of the fit.

    Args:
        near: pairs, junk and its thin neighbour in turn; real: issues with labels.
    """
    thin = _any(near.truth)
    x = np.concatenate([near.features, real.features])
    t = np.concatenate([thin, np.ones(len(real.p), dtype=bool)]).astype(float)
    weight = np.concatenate([np.full(len(near.p), _PAIR_WEIGHT), np.ones(len(real.p))])
    # Both of a pair are in one fold.
    fold = np.concatenate([np.arange(len(near.p)) // 2 % FOLDS, np.arange(len(real.p)) % FOLDS])
    apart = np.zeros(len(t))
    for one in range(FOLDS):
        out = fold == one
        apart[out] = _add_one(x[out]) @ logistic(x[~out], t[~out], weight[~out])
    scores = apart[: len(near.p)], apart[len(near.p) :]
    below, above = best_cuts(near, real, *scores)
    b = logistic(x, t, weight)
    plain, words = b[:3] / _SCALE, tuple(float(v) for v in (b[3:-1] * _EMBEDDING_SCALE).round(DIGITS))
    rounded = [round(float(v), DIGITS) for v in (b[-1], *plain, below, above)]
    bias, nothing, margin, tokens, below, above = rounded
    short = round(float(np.quantile(real.tokens, _SHORT)), 1)
    means = {"evidence": 0.0, "words": 0.0}
    score = Abstain(bias, nothing, margin, tokens, words, below, above, short, means)
    parts = score.groups(list(real.nothing), list(real.margins.max(1)), list(real.tokens), real.embedding)
    score = replace(score, real={name: round(float(found.mean()), DIGITS) for name, found in parts.items()})
    return score, _figures(near, real, *scores, below, above)


def best_cuts(near: Read, real: Read, near_score: Array, real_score: Array) -> tuple[float, float]:
    """The cuts with the largest sum of junk left alone and thin issues labelled; see the module."""
    thin = _any(near.truth)
    before = micro_f1(real.truth, real.margins >= 0, real.known)

    def kept(below: float, above: float) -> bool:
        return micro_f1(real.truth, real.decided(real_score, below, above), real.known) >= before - MOST_LOST

    def worth(cuts: tuple[float, float]) -> float:
        got = _any(near.decided(near_score, *cuts))
        return float((~got[~thin]).mean() + got[thin].mean())

    found = sorted(_grid(near_score), key=lambda cuts: (-worth(cuts), cuts[0]))
    return next((cuts for cuts in found if kept(*cuts)), (-_NEVER, _NEVER))


def _grid(score: Array) -> Iterator[tuple[float, float]]:
    lows = np.quantile(score, np.linspace(0.0, 0.6, STEPS + 1)).tolist()
    highs = [*np.quantile(score, np.linspace(0.3, 0.9, STEPS + 1)).tolist(), _NEVER]
    return ((low, high) for low in lows for high in highs if low <= high)


def logistic(x: Array, t: Array, weight: Array) -> Array:
    """Weights of a logistic regression with a ridge, the intercept last and free, by Newton's method: (columns + 1,).

    Args:
        x: (n, columns), the first three beside the embedding; t: 0 or 1, (n,); weight: (n,).
    """
    x = _add_one(x)
    b = np.zeros(x.shape[1])
    ridge = np.full(len(b), _EMBEDDING_RIDGE)
    ridge[:3], ridge[-1] = _RIDGE, 1e-6
    for _ in range(30):
        p = 0.5 + 0.5 * np.tanh(x @ b / 2)
        step = np.linalg.solve(
            (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(ridge), x.T @ (weight * (p - t)) + ridge * b
        )
        b = b - step
        if np.abs(step).max() < 1e-8:
            break
    return b


def _figures(
    near: Read, real: Read, near_score: Array, real_score: Array, below: float, above: float
) -> dict[str, Any]:
    thin, passes, got = _any(near.truth), _any(near.margins >= 0), _any(near.decided(near_score, below, above))
    after = micro_f1(real.truth, real.decided(real_score, below, above), real.known)
    shares = {
        "junk": (~got[~thin]).mean(),
        "junk before": (~passes[~thin]).mean(),
        "thin": got[thin].mean(),
        "thin before": passes[thin].mean(),
        "micro_f1": after,
        "micro_f1 before": micro_f1(real.truth, real.margins >= 0, real.known),
    }
    return {"pairs": len(near.p) // 2, "real": len(real.p)} | {k: round(float(v), DIGITS) for k, v in shares.items()}


def _any(cells: Array) -> Array:
    """Whether a row has any: bool (n,)."""
    found: Array = np.asarray(cells.any(axis=1))
    return found


def _add_one(x: Array) -> Array:
    return np.concatenate([x, np.ones((len(x), 1))], 1)


def _rows(found: Read, which: slice) -> Read:
    return Read(**{name: cells[which] for name, cells in vars(found).items()})
