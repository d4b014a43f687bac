"""The starter on held-out issues, beside TF-IDF + logistic regression trained on the same rows.

Two tests. *dev*: 4 % of the training sources' issues, all labels; a cell counts only where the issue's
source uses the label. *nlbse24*: five repositories, one of bug, enhancement and question each; *unseen*: those
of them from which no training row comes at all. Thresholds of both systems come from the same validation rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.data import Examples
from eval.metrics import f1_scores, micro_f1
from eval.systems import Task
from eval.systems.text import Linear
from labeler.bundle import read_manifest
from labeler.decoder import available_cores
from labeler.issue import Issue
from labeler.labels import Label, LabelSet
from labeler.predict import Labeler
from training.recipe import read_recipe
from training.rows import Labelled, truth_and_known
from training.starter_data import nlbse24_rows, starter_rows

THREE = ("bug", "enhancement", "question")
Array = np.ndarray


def compare(data: Path, model: Path, recipe_path: Path) -> dict[str, Any]:
    """Figures of both systems on both tests, and of chance."""
    found = starter_rows(read_recipe(recipe_path, ("dataset",)), data)
    names, rows, validation, dev = found.labels.names, found.train, found.validation, found.test
    nlbse24 = nlbse24_rows(data, names)
    answers = np.array([THREE.index(next(iter(row.labels))) for row in nlbse24])
    seen = {row.issue.repository for row in rows}
    unseen = np.array([row.issue.repository not in seen for row in nlbse24])
    systems = {
        "starter": (_starter(model), read_manifest(model).thresholds),
        "tf-idf + logistic regression": _linear(rows, validation, names),
    }
    figures: dict[str, Any] = {
        "rows": {
            "train": len(rows),
            "validation": len(validation),
            "dev": len(dev),
            "nlbse24": len(nlbse24),
            "unseen": int(unseen.sum()),
        }
    }
    truth, known = truth_and_known(dev, names)
    for name, (score, thresholds) in systems.items():
        probabilities = score([row.issue for row in dev], names)
        predicted = probabilities >= np.array([thresholds[label] for label in names])
        three = score([row.issue for row in nlbse24], THREE)
        # The probabilities alone set the balance, no label of these repositories does.
        balanced = (three / three.mean(0)).argmax(1)
        figures[name] = {
            "dev_micro_f1": micro_f1(truth, predicted, known),
            "dev_macro_f1": float(f1_scores(truth, predicted, known).mean()),
            "dev_f1": dict(zip(names, f1_scores(truth, predicted, known).round(4).tolist(), strict=True)),
            "nlbse24_macro_f1": _macro(answers, three.argmax(1)),
            "nlbse24_macro_f1_balanced": _macro(answers, balanced),
            "unseen_macro_f1_balanced": _macro(answers[unseen], balanced[unseen]),
        }
    rng = np.random.default_rng(0)
    share = (truth & known).sum(0) / known.sum(0)
    guesses = rng.random(truth.shape) < share
    figures["chance (each label by its frequency)"] = {
        "dev_micro_f1": micro_f1(truth, guesses, known),
        "dev_macro_f1": float(f1_scores(truth, guesses, known).mean()),
        "nlbse24_macro_f1": _macro(answers, rng.integers(0, 3, len(answers))),
    }
    figures["support"] = dict(zip(names, (truth & known).sum(0).tolist(), strict=True))
    return figures


def print_table(figures: dict[str, Any]) -> None:
    from rich.table import Table

    from labeler.terminal import console

    counts = ", ".join(f"{name} n = {count}" for name, count in figures["rows"].items())
    table = Table(box=None, title_justify="left", pad_edge=False, title=counts)
    columns = (
        "dev_micro_f1",
        "dev_macro_f1",
        "nlbse24_macro_f1",
        "nlbse24_macro_f1_balanced",
        "unseen_macro_f1_balanced",
    )
    table.add_column("")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, row in figures.items():
        if "dev_micro_f1" in row:
            table.add_row(name, *(f"{row[column]:.3f}" if column in row else "–" for column in columns))
    console().print(table)
    for name, row in figures.items():
        if "dev_f1" in row:
            cells = (f"{label} {f1:.2f} (n={figures['support'][label]})" for label, f1 in row["dev_f1"].items())
            console().print(f"{name}, F1 on dev: " + ", ".join(cells))


def _starter(folder: Path) -> Callable[[Sequence[Issue], Sequence[str]], Array]:
    def score(issues: Sequence[Issue], names: Sequence[str]) -> Array:
        whole = read_manifest(folder).labels
        labels = LabelSet(tuple(label for name in names if (label := whole.find(name))))
        labeler = Labeler(folder, labels, threads=1, workers=available_cores())
        said = labeler.predict_many(issues)
        return np.array([[p.probabilities[name] for name in names] for p in said])

    return score


def _linear(
    rows: Sequence[Labelled], validation: Sequence[Labelled], names: Sequence[str]
) -> tuple[Callable[[Sequence[Issue], Sequence[str]], Array], dict[str, float]]:
    """The linear system of `eval.systems`, fitted on the rows and chosen on the validation rows; its thresholds."""
    labels = LabelSet(tuple(map(Label, names)))
    fitted = Linear().fit(Task(_examples(rows, names), _examples(validation, names), labels))

    def score(issues: Sequence[Issue], wanted: Sequence[str]) -> Array:
        return fitted(issues).probabilities[:, [names.index(name) for name in wanted]]

    return score, dict(zip(names, fitted.thresholds, strict=True))


def _examples(rows: Sequence[Labelled], names: Sequence[str]) -> Examples:
    ids = tuple(map(str, range(len(rows))))
    return Examples(ids, tuple(row.issue for row in rows), *truth_and_known(rows, names))


def _macro(answers: Array, predicted: Array) -> float:
    classes = np.arange(len(THREE))
    return float(f1_scores(answers[:, None] == classes, predicted[:, None] == classes).mean())
