"""Labelled rows for tuning the starter, each with the list of labels that its source could have used."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labeler.issue import Issue
from training.corpus import held_out_titles, read_rows

# Conventional commit types that say what an issue about the same change would be labelled.
COMMIT_LABELS = {
    "docs": "documentation",
    "test": "testing",
    "tests": "testing",
    "ci": "ci/cd",
    "perf": "performance",
    "refactor": "maintenance",
    "chore": "maintenance",
    "fix": "bug",
    "feat": "enhancement",
}


@dataclass(frozen=True)
class Labelled:
    """An issue, its labels, and the labels its source uses: outside those, absence means nothing."""

    issue: Issue
    labels: frozenset[str]
    space: tuple[str, ...]
    source: str


def issue_rows(data: Path, names: Iterable[str], split: str) -> list[Labelled]:
    """Rows of `labelled_issues` (split "train" or "dev") whose source uses at least two of `names`."""
    names = list(names)
    rows = (_labelled(row, names) for row in read_rows(data, "issues") if row["split"] == split)
    return [row for row in rows if len(row.space) > 1]


def nlbse24_rows(data: Path, names: Iterable[str]) -> list[Labelled]:
    """The NLBSE'24 training half: issues of five repositories, other issues of two of which are in training too."""
    return [_labelled(row, list(names)) for row in read_rows(data, "nlbse24")]


def training_rows(
    data: Path, names: tuple[str, ...], settings: dict[str, Any], seed: int
) -> tuple[list[Labelled], list[Labelled]]:
    """(rows to train on, rows kept for thresholds), without any title of a held-out issue."""
    rng = random.Random(seed)
    held_out = held_out_titles(data)
    rows = [row for row in issue_rows(data, names, "train") if row.issue.title.strip().lower() not in held_out]
    rng.shuffle(rows)
    validation, rows = rows[: settings["validation_rows"]], rows[settings["validation_rows"] :]
    rows = _capped(rows, settings["cap"])
    rows += _commit_rows(data, names, settings["commits_a_label"], rng)
    rng.shuffle(rows)
    return rows, validation


def truth_and_known(rows: Sequence[Labelled], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which labels are true, and which the row's source uses at all: bool (rows, labels) each."""
    truth = np.array([[name in row.labels for name in names] for row in rows])
    known = np.array([[name in row.space for name in names] for row in rows])
    return truth, known


def _labelled(row: dict[str, Any], names: list[str]) -> Labelled:
    labels = frozenset(row["labels"]) & set(names)
    space = tuple(name for name in names if name in row["label_space"] or name in labels)
    return Labelled(
        Issue(row["title"] or "", row["body"] or "", repository=row["repo"] or ""), labels, space, row["source"]
    )


def _capped(rows: list[Labelled], cap: dict[str, int]) -> list[Labelled]:
    taken: dict[str, int] = defaultdict(int)
    kept = []
    for row in rows:
        taken[row.source] += 1
        if taken[row.source] <= cap.get(row.source, len(rows)):
            kept.append(row)
    return kept


def _commit_rows(data: Path, names: tuple[str, ...], each: int, rng: random.Random) -> list[Labelled]:
    space = tuple(name for name in names if name in COMMIT_LABELS.values())
    by_label: dict[str, list[Labelled]] = defaultdict(list)
    for row in read_rows(data, "commits"):
        label = COMMIT_LABELS.get(row["labels"][0]) if row["labels"] and not row["bot"] else None
        if label in space:
            issue = Issue(title=row["title"], body=row["body"] or "")
            by_label[label].append(Labelled(issue, frozenset([label]), space, "conventional_commits"))
    return [row for label in space for row in rng.sample(by_label[label], min(each, len(by_label[label])))]
