"""The starter's dataset, from the raw material that `training.corpus` reads and a recipe's section [dataset]."""

from __future__ import annotations

import os
import random
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from labeler.dataset import Row, write_dataset
from labeler.dataset_folder import DATASET, LABELS, write_sources
from labeler.issue import Issue
from labeler.labels import LabelSet, read_labels
from training.corpus import held_out_titles, read_rows
from training.overlap import apart
from training.rows import Labelled

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
class StarterRows:
    """Rows to train on, rows kept for calibration and thresholds, and rows of the same sources to test on."""

    labels: LabelSet
    train: list[Labelled]
    validation: list[Labelled]
    test: list[Labelled]


def starter_rows(recipe: Mapping[str, Any], data: Path) -> StarterRows:
    """The rows by split. None to train on has the title of an issue kept for evaluation, or is nearly a test row."""
    settings, rng = recipe["dataset"], random.Random(recipe["seed"])
    labels = read_labels(Path(settings["labels"]))
    held_out = held_out_titles(data)
    test = issue_rows(data, labels.names, "dev")

    def fresh(rows: Iterable[Labelled]) -> list[Labelled]:
        return [row for row in rows if row.issue.title.strip().lower() not in held_out]

    rows = fresh(issue_rows(data, labels.names, "train"))
    rng.shuffle(rows)
    validation, rows = rows[: settings["validation_rows"]], rows[settings["validation_rows"] :]
    rows = _capped(rows, settings["cap"])
    rows += fresh(_commit_rows(data, labels.names, settings["commits_a_label"], rng))
    rng.shuffle(rows)
    train, validation = ([part[place] for place in apart(part, test)] for part in (rows, validation))
    return StarterRows(labels, train, validation, test)


def write_starter_dataset(recipe: Mapping[str, Any], data: Path, out: Path) -> Path:
    """The rows as a CSV-label dataset in the folder `out`, whole or not at all; kept where it is there."""
    if (out / DATASET).is_file():
        return out
    found, making = starter_rows(recipe, data), out.with_name(out.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    shutil.copyfile(recipe["dataset"]["labels"], making / LABELS)
    names, spaces = found.labels.names, defaultdict(set)
    for row in chain(found.train, found.validation, found.test):
        spaces[row.source].update(row.space)
    write_sources(making, {source: [name for name in names if name in used] for source, used in spaces.items()})
    splits = {"train": found.train, "validation": found.validation, "test": found.test}
    rows = (
        Row(
            f"{split}-{number}",
            row.issue.repository,
            row.issue.number,
            row.issue.title,
            row.issue.body,
            tuple(name for name in names if name in row.labels),
            split,
            row.source,
        )
        for split, part in splits.items()
        for number, row in enumerate(part)
    )
    write_dataset(making / DATASET, rows, found.labels)
    os.replace(making, out)
    return out


def issue_rows(data: Path, names: Iterable[str], split: str) -> list[Labelled]:
    """Rows of `labelled_issues` (split "train" or "dev") whose source uses at least two of `names`."""
    names = list(names)
    rows = (_labelled(row, names) for row in read_rows(data, "issues") if row["split"] == split)
    return [row for row in rows if len(row.space) > 1]


def nlbse24_rows(data: Path, names: Iterable[str]) -> list[Labelled]:
    """The NLBSE'24 training half: issues of five repositories, other issues of two of which are in training too."""
    return [_labelled(row, list(names)) for row in read_rows(data, "nlbse24")]


def _labelled(row: Mapping[str, Any], names: list[str]) -> Labelled:
    labels = frozenset(row["labels"]) & set(names)
    space = tuple(name for name in names if name in row["label_space"] or name in labels)
    return Labelled(
        Issue(row["title"] or "", row["body"] or "", repository=row["repo"] or ""), labels, space, row["source"]
    )


def _capped(rows: list[Labelled], cap: Mapping[str, int]) -> list[Labelled]:
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
