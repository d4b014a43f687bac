"""A linear model that has read the other rows says what it thinks of each: of labels nobody looked for, or all.

TF-IDF and logistic regression (`eval.systems.text`), one for each label, on the rows whose sources use it. A row is
judged by a model fitted without it, so that its own labels say nothing about the probability. An epoch draws labels
from the probabilities, so that over the epochs the tuned model learns those.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eval.data.rows import Labelled, truth_and_known
from labeler.model.tensors import TensorFile, write_tensors
from training.fitting.calibrate import folds
from training.rows.rows_by_split import TuningData
from training.tuning.settings import TuningSettings

Array = np.ndarray
TEACHER = "teacher.safetensors"
_STRENGTH = 4.0  # scikit-learn's C: the middle one of those that `eval.systems.text.Linear` tries; not compared here


@dataclass(frozen=True)
class Teacher:
    """How likely each label is for each row, and how often that is taken for the truth.

    Attributes:
        names: the L labels; probabilities: row -> (L,).
        unknown: chance that the labels which the row's source does not use are shown too, drawn.
        known: chance that the labels which it uses are drawn, instead of taken as they are.
    """

    names: tuple[str, ...]
    probabilities: dict[Labelled, Array]
    unknown: float
    known: float

    def __call__(self, row: Labelled, rng: random.Random) -> Labelled:
        """The row as one draw has it."""
        whole, afresh = rng.random() < self.unknown, rng.random() < self.known
        thought = zip(self.names, self.probabilities[row], strict=True)
        drawn = frozenset(name for name, p in thought if rng.random() < p)
        used = frozenset(row.space)
        labels = drawn & used if afresh else row.labels
        return replace(row, labels=labels | (drawn - used), space=self.names) if whole else replace(row, labels=labels)


def find_teacher(settings: TuningSettings, data: TuningData, file: Path) -> Teacher | None:
    """The teacher of the training rows where the settings want one; what it thinks is kept in `file`."""
    if not settings.teach_unknown and not settings.teach_known:
        return None
    names, of = data.labels.names, np.frombuffer(f"{data.sha256} {settings.seed}".encode(), np.uint8)
    if not (file.is_file() and np.array_equal((kept := TensorFile(file))["of"], of)):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(file, {"of": of, "probabilities": out_of_fold(data.train, names, settings.seed)})
        kept = TensorFile(file)
    thought = dict(zip(data.train, kept["probabilities"], strict=True))
    return Teacher(names, thought, settings.teach_unknown, settings.teach_known)


def out_of_fold(rows: Sequence[Labelled], names: Sequence[str], seed: int) -> Array:
    """The linear model's probabilities, float32 (rows, labels); 0 for a label that none of the other rows has."""
    from eval.systems.text import Linear
    from labeler.base.examples import Examples

    examples = Examples(
        tuple(map(str, range(len(rows)))), tuple(row.issue for row in rows), *truth_and_known(rows, names)
    )
    return Linear().out_of_fold(examples, _STRENGTH, folds(len(rows), seed)).astype(np.float32)
