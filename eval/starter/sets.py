"""The held-out sets of the scoreboard, each with its label lists, its truth and where its issues come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.data.rows import Labelled
from eval.injection.issue_forms import in_a_form
from eval.injection.unseen_forms import in_an_unseen_form
from eval.starter.files import FIVE, JUNK, LABEL_LISTS, LANGUAGES, LARGE, PROJECT_LISTS
from eval.starter.source import TEN, THREE, Folder, issue_of, label_list
from labeler.data.textfile import parsed_json
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue

Array = np.ndarray
# Letters of `style` in project_lists: areas ("area: reactivity") and owners ("team/storage"), most with descriptions;
# components by their names alone ("Network Client").
KEPT = Path(__file__).with_name("nothing_kept.jsonl")
AREAS, COMPONENTS = ("A", "D"), ("H",)


@dataclass(frozen=True)
class HeldOut:
    """Issues to judge on; n issues, L labels in the longest list.

    Attributes:
        key, title: what a command line and a table call the set.
        lists, names: the label lists, and what to call each.
        place: int (n,), which list each issue is judged under.
        truth, known: bool (n, L), columns in the order of the issue's list; beyond its end nothing is known.
        repositories: (n,), empty where the data names none.
        tags: (n,), parts of the set that have figures of their own; an issue may have several.
        files: those of the data folder that a model was tuned on if it was tuned on this set; empty where a rule keeps
            the set's rows out of training.
        plain: the same issues without what the set is about; None where it is about nothing.
        complete: all labels are known, as the large model or the writer of the issue set them.
    """

    key: str
    title: str
    lists: tuple[LabelSet, ...]
    names: tuple[str, ...]
    place: Array
    issues: tuple[Issue, ...]
    truth: Array
    known: Array
    repositories: tuple[str, ...]
    tags: tuple[tuple[str, ...], ...]
    files: tuple[str, ...] = ()
    plain: tuple[Issue, ...] | None = None
    complete: bool = False

    def __len__(self) -> int:
        return len(self.issues)

    def tagged(self, tag: str) -> Array:
        """Which issues have the tag: bool (n,)."""
        return np.array([tag in tags for tags in self.tags])

    def take(self, rows: Sequence[int] | Array) -> HeldOut:
        """Those issues, in that order."""
        at = [int(row) for row in rows]
        return replace(
            self,
            place=self.place[at],
            issues=tuple(self.issues[i] for i in at),
            truth=self.truth[at],
            known=self.known[at],
            repositories=tuple(self.repositories[i] for i in at),
            tags=tuple(self.tags[i] for i in at),
            plain=None if self.plain is None else tuple(self.plain[i] for i in at),
        )

    def sample(self, most: int | None, seed: int) -> HeldOut:
        """At most so many issues, drawn at random, in their order. Sets of equal size have the same places drawn."""
        if most is None or len(self) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:most]))


def _dev(data: Folder) -> HeldOut:
    return _of_rows("dev", "issues of the training sources", data.labelled("dev"), TEN)


def _five(data: Folder) -> HeldOut:
    rows = data.five()
    seen = {row.repository for row in data.issues if row.is_train}
    tags = [(row.issue.repository, *(("unseen",) if row.issue.repository not in seen else ())) for row in rows]
    held = _of_rows("five", "five repositories", rows, THREE, files=(FIVE,))
    return replace(held, tags=tuple(tags))


def _ten(data: Folder) -> HeldOut:
    large = data.large(LARGE)
    rows = [large[place] for place in data.kept_out()]
    return _of_rows("ten", "unseen issues of seen projects", rows, TEN, complete=True)


def _forms(data: Folder) -> HeldOut:
    return _filed(data, "forms", "the same issues in forms", in_a_form)


def _forms_unseen(data: Folder) -> HeldOut:
    return _filed(data, "forms_unseen", "the same issues in forms never seen", in_an_unseen_form)


def _filed(data: Folder, key: str, title: str, file: Callable[[Issue, list[str], str], Issue]) -> HeldOut:
    held = _ten(data)
    names = held.lists[0].names
    true = [[name for name, is_true in zip(names, row, strict=True) if is_true] for row in held.truth]
    filed = tuple(
        file(issue, labels, f"form {i}") for i, (issue, labels) in enumerate(zip(held.issues, true, strict=True))
    )
    return replace(held, key=key, title=title, issues=filed, plain=held.issues)


def _lists(data: Folder) -> HeldOut:
    found = [*_invented(data), *_projects(data)]
    widest = max((len(labels) for _, labels, _, _ in found), default=0)
    place, issues, truth, known, tags = [], [], [], [], []
    for number, (_, labels, marks, rows) in enumerate(found):
        for issue, said in rows:
            place.append(number)
            issues.append(issue)
            truth.append([name in said for name in labels.names] + [False] * (widest - len(labels)))
            known.append([True] * len(labels) + [False] * (widest - len(labels)))
            tags.append(marks)
    return HeldOut(
        "lists",
        "label lists never seen",
        tuple(labels for _, labels, _, _ in found),
        _distinct([name for name, _, _, _ in found]),
        np.array(place, dtype=int),
        tuple(issues),
        _bool(truth, widest),
        _bool(known, widest),
        tuple(issue.repository for issue in issues),
        tuple(tags),
    )


def _junk(data: Folder) -> HeldOut:
    keys = ("title", "body", "labels", "kind")
    return _written(data, "junk", "junk, and thin issues", JUNK, keys, lambda row: row["kind"])


def _languages(data: Folder) -> HeldOut:
    keys = ("title", "body", "labels", "language")
    return _written(data, "languages", "other languages", LANGUAGES, keys, lambda row: row["language"])


def _fresh(data: Folder) -> HeldOut:
    """Near pairs like those of the set junk, written when all was fitted; they stand in this repository."""
    text = KEPT.read_text(encoding="utf-8")
    found = [parsed_json(line, str(KEPT), number) for number, line in enumerate(text.splitlines(), 1)]
    made = [Labelled(issue_of(row), frozenset(row["labels"]), TEN, KEPT.name) for row in found]
    held = _of_rows("fresh", "junk and thin issues, never seen", made, TEN, complete=True)
    return replace(held, tags=tuple((row["kind"],) for row in found))


SETS: dict[str, Callable[[Folder], HeldOut]] = {
    "dev": _dev,
    "five": _five,
    "ten": _ten,
    "lists": _lists,
    "forms": _forms,
    "forms_unseen": _forms_unseen,
    "junk": _junk,
    "fresh": _fresh,
    "languages": _languages,
}

_Found = tuple[str, LabelSet, tuple[str, ...], list[tuple[Issue, frozenset[str]]]]


def _invented(data: Folder) -> Iterator[_Found]:
    for where, row in data.rows(LABEL_LISTS, "split", "project", "labels", "issues"):
        if row["split"] == "validation":
            labels = label_list(row["labels"], where)
            rows = [(issue_of(issue), _said(issue["labels"], labels, where)) for issue in row["issues"]]
            yield row["project"], labels, ("invented",), rows


def _projects(data: Folder) -> Iterator[_Found]:
    for where, row in data.rows(PROJECT_LISTS, "split", "project", "style", "labels", "rows"):
        if row["split"] == "validation":
            labels, style = label_list(row["labels"], where), row["style"]
            marks = ("real",) + (("areas",) if style in AREAS else ("components",) if style in COMPONENTS else ())
            rows = [(data.issue(place, where).issue, _said(said, labels, where)) for place, said in row["rows"]]
            yield f"{row['project']} ({style})", labels, marks, rows


def _said(names: Sequence[str], labels: LabelSet, where: str) -> frozenset[str]:
    if unknown := sorted(set(names) - set(labels.names)):
        raise InputError(f"{where}: {unknown[0]!r} is no label of the list", "Mend the line.")
    return frozenset(names)


def _written(
    data: Folder, key: str, title: str, file: str, keys: Sequence[str], tag: Callable[[dict[str, Any]], str]
) -> HeldOut:
    rows = [row for _, row in data.rows(file, *keys)]
    made = [Labelled(issue_of(row), frozenset(row["labels"]), TEN, file) for row in rows]
    held = _of_rows(key, title, made, TEN, files=(file,), complete=True)
    return replace(held, tags=tuple((tag(row),) for row in rows))


def _of_rows(key: str, title: str, rows: Sequence[Labelled], names: Sequence[str], **more: Any) -> HeldOut:
    """A set under one list of bare names: each model reads the names' descriptions from its own list."""
    truth = _bool([[name in row.labels for name in names] for row in rows], len(names))
    known = _bool([[name in row.space for name in names] for row in rows], len(names))
    issues = tuple(row.issue for row in rows)
    labels = LabelSet(tuple(map(Label, names)))
    repositories = tuple(issue.repository for issue in issues)
    place = np.zeros(len(rows), dtype=int)
    return HeldOut(key, title, (labels,), (key,), place, issues, truth, known, repositories, ((),) * len(rows), **more)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number where one comes again."""
    counts: dict[str, int] = {}
    found = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        found.append(name if counts[name] == 1 else f"{name} {counts[name]}")
    return tuple(found)


def _bool(rows: list[list[bool]], width: int) -> Array:
    return np.array(rows, dtype=bool).reshape(len(rows), width)
