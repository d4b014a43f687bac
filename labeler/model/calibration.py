"""From the model's probability q of a label to one that can be taken at its word: logit p = a * logit q + b.

`training/fitting/calibrate.py` fits a and b on validation issues, the bundle's manifest carries them, and thresholds
are fitted on p. a is positive, so no two issues change places for a label.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_EDGE = 1e-6  # probabilities are kept this far from 0 and 1, where the logit would be infinite


@dataclass(frozen=True)
class Line:
    """One map: slope a > 0 and offset b, in log-odds.

    Raises:
        ValueError: a or b is not finite, or a is not positive.
    """

    a: float = 1.0
    b: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.a) and math.isfinite(self.b) and self.a > 0):
            raise ValueError(f"calibration {self.a}, {self.b}")


@dataclass(frozen=True)
class Calibration:
    """A map for every label: its own, or else the common one, which serves labels that are new to the model, too."""

    common: Line = Line()
    labels: Mapping[str, Line] = field(default_factory=dict)

    def __call__(self, names: Sequence[str], q: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of float64 (..., labels), in the order of `names` (the names tuned on)."""
        lines = [self.labels.get(name, self.common) for name in names]
        scores = np.array([line.a for line in lines]) * logit(q) + np.array([line.b for line in lines])
        logistic = 0.5 + 0.5 * np.tanh(scores / 2)  # in this form it cannot overflow
        calibrated: np.ndarray = np.clip(logistic, _EDGE, 1.0 - _EDGE)  # so that a threshold of 1 means never
        return calibrated

    def to_dict(self) -> dict[str, Any]:
        """As the manifest holds it: [a, b] of each."""
        return {
            "common": [self.common.a, self.common.b],
            "labels": {name: [line.a, line.b] for name, line in self.labels.items()},
        }

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> Calibration:
        """Reverses `to_dict`. Raises ValueError, KeyError, TypeError or AttributeError where it is something else."""
        return Calibration(_line(document["common"]), {str(k): _line(v) for k, v in document["labels"].items()})


def logit(q: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, those of 0 and 1 kept finite."""
    clipped = np.clip(q, _EDGE, 1.0 - _EDGE)
    scores: np.ndarray = np.log(clipped) - np.log1p(-clipped)
    return scores


def _line(pair: Any) -> Line:
    a, b = pair
    return Line(float(a), float(b))
