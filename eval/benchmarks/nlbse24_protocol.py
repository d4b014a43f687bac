"""The NLBSE'24 tool competition on issue report classification (Kallis et al. 2024), by its published protocol.

Issues of five repositories, each a bug, a feature or a question. A system is trained on one repository and tested on
the same one; its figure is the macro-F1 over the three classes, and the mean over the repositories. Beside it, one
model trained on all five. A prediction is the class of the highest probability; where a system only sets labels, the
class that it sets, and of several, or of none, the most frequent in training.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from eval.benchmarks.comparison import BY_THRESHOLDS, Entrant, compare
from eval.metrics.intervals import Interval, bootstrap
from eval.systems.results import Result
from labeler.base.examples import VALIDATION_SHARE, Examples, Splits, carve
from labeler.base.f1 import prf
from labeler.base.store import Store
from labeler.data.columns import single_columns
from labeler.data.textfile import csv_rows, decode_lines, decoded_lines, one_line
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue

Array = np.ndarray
LABELS = Path(__file__).with_name("nlbse24-labels.yml")
PUBLISHED = {"fastText": 0.718, "RoBERTa": 0.792, "SetFit": 0.827}  # mean macro-F1, on the competition's test set
TEST_SIZES = (5, 300)  # that set: repositories, issues of each
_COLUMNS = ("repo", "label", "title", "body")


@dataclass(frozen=True)
class Row:
    """One issue; `answer` is the place of its label in the labels file."""

    repo: str
    answer: int
    issue: Issue


@dataclass(frozen=True)
class Trial:
    """What is trained on and what is then answered: indices into one list of rows."""

    train: Array
    test: Array


@dataclass(frozen=True)
class Score:
    """One system's macro-F1.

    Attributes:
        repos: repository -> macro-F1 of the model trained on it alone.
        mean: their mean, with a bootstrap interval over all test issues.
        one_for_all: the mean over the repositories of one model trained on all; None where it was left out.
    """

    key: str
    name: str
    repos: dict[str, float]
    mean: Interval
    one_for_all: float | None


def read_rows(path: Path, labels: LabelSet) -> list[Row]:
    """Issues of a CSV (repo, created_at, label, title, body, in any order) or of JSON lines, gzipped or not.

    Raises:
        InputError: naming file, line and column.
    """
    rows = list(_json_rows(path, labels) if ".jsonl" in path.suffixes[-2:] else _csv_rows(path, labels))
    if not rows:
        raise InputError(f"{path}: no issues", "Give the competition's CSV, or JSON lines with the same fields.")
    return rows


def run_trials(
    rows: Sequence[Row],
    trials: Sequence[Trial],
    labels: LabelSet,
    chosen: Sequence[Entrant],
    store: Store,
    say: Callable[[str], None] = lambda step: None,
    *,
    together: bool = True,
) -> list[Score]:
    """The protocol: every system trained and tested within each repository, then, if `together`, on all of them."""
    # With probabilities alone to go by, thresholds change nothing.
    chosen = [entrant for entrant in chosen if entrant.system.key not in BY_THRESHOLDS]
    repos = list(dict.fromkeys(row.repo for row in rows))
    home = np.array([repos.index(row.repo) for row in rows])
    own, shared = ({entrant.key: np.full(len(rows), -1) for entrant in chosen} for _ in range(2))
    for number, trial in enumerate(trials, 1):
        of = f"fold {number} of {len(trials)}, " if len(trials) > 1 else ""
        parts = [(home == place, one_line(name), own) for place, name in enumerate(repos)]
        if together:
            parts.append((home >= 0, "all repositories", shared))
        for inside, name, found in parts:
            train, test = (index[inside[index]] for index in (trial.train, trial.test))
            if not len(test):
                continue
            splits = _splits(rows, train, test, labels, name)
            comparison = compare(splits, chosen, store, cold_runs=0, say=partial(_say_at, say, of + name))
            for result in comparison.results:
                found[result.key][test] = classes(result, splits.train.truth)
    tested = np.unique(np.concatenate([trial.test for trial in trials]))
    truth = np.array([row.answer for row in rows])[tested]
    return [_score(entrant, truth, own, shared, home[tested], tested, repos, len(labels)) for entrant in chosen]


def _say_at(say: Callable[[str], None], at: str, step: str) -> None:
    say(f"{at}: {step}")


def folds(rows: Sequence[Row], count: int, seed: int = 0) -> list[Trial]:
    """Cross-validation: every issue is tested once; repositories and labels are spread evenly over the folds."""
    rng = np.random.default_rng(seed)
    kinds: dict[tuple[str, int], list[int]] = {}
    for i in rng.permutation(len(rows)).tolist():
        kinds.setdefault((rows[i].repo, rows[i].answer), []).append(i)
    order = [i for kind in sorted(kinds) for i in kinds[kind]]
    fold = np.empty(len(rows), dtype=int)
    fold[order] = np.arange(len(rows)) % count
    return [Trial(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]


def classes(result: Result, train_truth: Array) -> Array:
    """One class for each issue, int (n,)."""
    scores = result.predicted.astype(float) if result.probabilities is None else result.probabilities
    # Far below any probability that tells something: it only parts equals.
    found: Array = (scores + 1e-9 * train_truth.mean(0)).argmax(1)
    return found


def macro_f1(truth: Array, predicted: Array, count: int) -> float:
    """Mean F1 over the classes 0..count-1; both arrays are int (n,)."""
    cells = np.bincount(truth * count + predicted, minlength=count * count).reshape(count, count)
    return float(prf(cells.diagonal(), cells.sum(0), cells.sum(1))[2].mean())


def _score(
    entrant: Entrant, truth: Array, own: dict[str, Array], shared: dict[str, Array], home: Array, tested: Array,
    repos: Sequence[str], count: int,
) -> Score:  # fmt: skip
    said, together = own[entrant.key][tested], shared[entrant.key][tested]
    places = np.unique(home)

    def of_repo(predicted: Array, index: Array, place: int) -> float:
        inside = index[home[index] == place]
        return macro_f1(truth[inside], predicted[inside], count)

    def mean(predicted: Array, index: Array) -> float:
        return float(np.mean([of_repo(predicted, index, place) for place in places]))

    every = np.arange(len(tested))
    return Score(
        entrant.key,
        entrant.name,
        {repos[place]: of_repo(said, every, place) for place in places},
        bootstrap(lambda index: mean(said, index), len(tested)),
        mean(together, every) if together.min() >= 0 else None,
    )


def _splits(rows: Sequence[Row], train: Array, test: Array, labels: LabelSet, name: str) -> Splits:
    if len(train) < 2:
        raise InputError(f"{name}: {len(train)} training issues", "Every tested repository needs issues to train on.")
    learned, kept = carve(_examples(rows, train, labels), VALIDATION_SHARE, seed=0)
    return Splits(name, labels, learned, kept, _examples(rows, test, labels), sha256="")


def _examples(rows: Sequence[Row], index: Array, labels: LabelSet) -> Examples:
    answers = np.array([rows[i].answer for i in index])
    truth = answers[:, None] == np.arange(len(labels))
    ids = tuple(str(i) for i in index)
    return Examples(ids, tuple(rows[i].issue for i in index), truth, np.ones_like(truth))


def _csv_rows(path: Path, labels: LabelSet) -> Iterator[Row]:
    read = csv_rows(decoded_lines(path), str(path))
    where, header = next(read, ("", []))
    single_columns(header, where, _COLUMNS)
    if missing := [name for name in _COLUMNS if name not in header]:
        raise InputError(f"{path}:1: no column {', '.join(missing)}", f"The header must have {', '.join(_COLUMNS)}.")
    for where, texts in read:
        given = dict(zip(header, texts, strict=True))
        yield _row(given, given["label"], where, labels)


def _json_rows(path: Path, labels: LabelSet) -> Iterator[Row]:
    for number, line in enumerate(_lines(path), 1):
        where = f"{path}:{number}"
        try:
            given = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where}: not valid JSON", "Write one JSON object a line.") from error
        if not isinstance(given, dict):
            raise InputError(f"{where}: not an object", "Write one JSON object a line.")
        names = given.get("labels")
        if not isinstance(names, list) or len(names) != 1:
            raise InputError(f"{where}, column labels: not exactly one label", 'Write it like "labels": ["bug"].')
        yield _row(given, names[0], where, labels)


def _lines(path: Path) -> Iterator[str]:
    if path.suffix != ".gz":
        return decoded_lines(path)
    try:
        with gzip.open(path) as file:
            return iter(list(decode_lines(file, str(path))))
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read: {error}", "Check the path, or fetch the file again.") from error


def _row(given: dict[str, Any], name: object, where: str, labels: LabelSet) -> Row:
    label = labels.find(name.strip()) if isinstance(name, str) else None
    if label is None:
        raise InputError(f"{where}, column label: {name!r} is unknown", f"Use one of {', '.join(labels.names)}.")
    texts = {key: given.get(key) or "" for key in ("repo", "title", "body")}
    for key, text in texts.items():
        if not isinstance(text, str) or (key == "repo" and not text.strip()):
            raise InputError(
                f"{where}, column {key}: not text", "Write text in quotes; only title and body may be empty."
            )
    issue = Issue(texts["title"], texts["body"], repository=texts["repo"])
    return Row(issue.repository, labels.names.index(label.name), issue)


def is_competition_test(rows: Sequence[Row]) -> bool:
    """Whether the test set has the size of the one that the published figures were measured on."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.repo] = counts.get(row.repo, 0) + 1
    return len(counts) == TEST_SIZES[0] and set(counts.values()) == {TEST_SIZES[1]}
