"""Labelled rows, each with the list of labels that its source could have used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labeler.text.issue import Issue


@dataclass(frozen=True)
class Labelled:
    """An issue, its labels, and the labels its source uses: outside those, absence means nothing."""

    issue: Issue
    labels: frozenset[str]
    space: tuple[str, ...]
    source: str


def truth_and_known(rows: Sequence[Labelled], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which labels are true, and which the row's source uses at all: bool (rows, labels) each."""
    truth = np.array([[name in row.labels for name in names] for row in rows])
    known = np.array([[name in row.space for name in names] for row in rows])
    return truth, known
