"""Thresholds for one's own issues: fitted on all of them, and what such a fit keeps on issues that it did not see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from eval.metrics.intervals import Difference, Interval, interval, paired_difference
from eval.systems.models import Deciding
from labeler.base.examples import Splits
from labeler.base.reader import Reader
from labeler.base.thresholds import fit_thresholds
from labeler.labels.label_set import LabelSet

Array = np.ndarray
FOLDS = 5
DIGITS = 3  # of a threshold in a labels.yml


@dataclass(frozen=True)
class Refitted:
    """Thresholds fitted on validation and test rows together.

    Attributes:
        labels: the dataset's, each with the threshold that was fitted to it.
        shipped: micro-F1 of the bundle as it is, on these rows.
        within: of the fitted thresholds on the rows that they were fitted on: what they promise.
        beyond: of thresholds fitted on four fifths of the rows, on the fifth left out, in turn: what they keep of it.
        gain: `beyond` less `shipped`, paired.
    """

    labels: LabelSet
    shipped: Interval
    within: Interval
    beyond: Interval
    gain: Difference

    @property
    def helps(self) -> bool:
        """Whether more is kept on other issues than chance would explain."""
        return self.gain.low > 0


def refit(splits: Splits, reader: Reader, seed: int = 0) -> Refitted | None:
    """Fits thresholds on what the model was not trained on; None where that is fewer rows than `FOLDS`.

    The model's readings are those of the comparison: nothing is read twice.
    """
    parts = [part for part in (splits.validation, splits.test) if len(part)]
    if sum(map(len, parts)) < FOLDS:
        return None
    truth, known = (np.concatenate([getattr(part, name) for part in parts]) for name in ("truth", "known"))
    said = [reader.read(part.issues) for part in parts]
    probabilities = np.concatenate([reading.probabilities for reading in said])
    shipped = np.concatenate([Deciding(reader)(part.issues).predicted for part in parts])
    thresholds = np.round(fit_thresholds(truth, probabilities, known), DIGITS)
    beyond = crossed(truth, probabilities, known, seed)
    labels = (replace(label, threshold=float(one)) for label, one in zip(splits.labels, thresholds, strict=True))
    within = probabilities >= thresholds
    return Refitted(
        LabelSet(tuple(labels)),
        shipped=interval("micro_f1", truth, shipped, known),
        within=interval("micro_f1", truth, within, known),
        beyond=interval("micro_f1", truth, beyond, known),
        gain=paired_difference("micro_f1", truth, beyond, shipped, known),
    )


def crossed(truth: Array, probabilities: Array, known: Array, seed: int = 0) -> Array:
    """bool (issues, labels): each issue by thresholds fitted without it, in `FOLDS` parts drawn at random."""
    fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
    predicted = np.zeros_like(truth)
    for number in range(FOLDS):
        left_out, rest = fold == number, fold != number
        fitted = fit_thresholds(truth[rest], probabilities[rest], known[rest])
        predicted[left_out] = probabilities[left_out] >= np.array(fitted)
    return predicted
