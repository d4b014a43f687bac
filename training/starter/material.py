"""The raw material of the starter: a folder of gzipped files with issues and their labels, read into rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from eval.starter.files import (
    COMMITS,
    FIVE,
    FORMATS,
    FORMS,
    JUNK,
    LABEL_LISTS,
    LANGUAGES,
    LARGE,
    LARGE_MORE,
    PROJECT_LISTS,
    WRITTEN,
    Files,
    PublicIssue,
)
from labeler.labels.label_set import Label, LabelSet

FILES = {name: what for name, what in FORMATS.items() if name != FIVE}
_NUMBER = re.compile(r"\s*\(#\d+\)$")  # of the pull request, at the end of a subject


@dataclass(frozen=True)
class Example:
    """An issue and its true labels.

    Attributes:
        row: its line in `ISSUES`, from 0; -1 for a written one.
        is_formed: it stands in a form already, or must not be put into one.
    """

    title: str
    body: str
    labels: frozenset[str]
    row: int = -1
    is_formed: bool = False


@dataclass(frozen=True)
class Commit:
    """A commit of a project, and the areas that its author says it is about."""

    repository: str
    title: str
    body: str
    areas: frozenset[str]


@dataclass(frozen=True)
class ListExamples:
    """A label list and issues labelled under it, completely: an absent label is false."""

    labels: LabelSet
    examples: tuple[Example, ...]
    is_train: bool


class Material:
    """The rows of such a folder; each file is read when it is first asked for, and kept.

    Raises:
        InputError: a file is missing, damaged or not as `FILES` says; names file and line.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._files = folder, Files(folder)

    @property
    def issues(self) -> list[PublicIssue]:
        return self._files.issues

    @cached_property
    def large(self) -> dict[int, frozenset[str]]:
        """All of the ten labels that a large model gave a row of `issues`."""
        return self._table(LARGE)

    @cached_property
    def large_more(self) -> dict[int, frozenset[str]]:
        """The same for other rows."""
        return self._table(LARGE_MORE)

    @cached_property
    def written_by_file(self) -> dict[str, list[Example]]:
        """Written issues under the ten labels, by the file that they are from."""
        found = {WRITTEN: self._files.read(WRITTEN, lambda line: _written(line, "form" in (line.get("kind") or "")))}
        for name in (JUNK, LANGUAGES):
            found[name] = self._files.read(name, lambda line: _written(line, True))
        filed = self._files.read(FORMS, lambda form: [_written(line, True) for line in form["issues"]])
        return found | {FORMS: list(chain.from_iterable(filed))}

    @property
    def written(self) -> list[Example]:
        """All of them."""
        return list(chain.from_iterable(self.written_by_file.values()))

    @cached_property
    def label_lists(self) -> list[ListExamples]:
        """Lists of invented projects with written issues."""

        def convert(line: Mapping[str, Any]) -> ListExamples:
            examples = tuple(_written(issue, False) for issue in line["issues"])
            return ListExamples(_labels(line), examples, line["split"] == "train")

        return self._files.read(LABEL_LISTS, convert)

    @cached_property
    def project_lists(self) -> list[ListExamples]:
        """Lists that real projects could have, with rows of `issues`."""
        where = str(self.folder / PROJECT_LISTS)

        def convert(line: Mapping[str, Any]) -> ListExamples:
            rows = ((self._files.issue(row, where), frozenset(names)) for row, names in line["rows"])
            examples = tuple(example_of(issue, labels) for issue, labels in rows)
            return ListExamples(_labels(line), examples, line["split"] == "train")

        return self._files.read(PROJECT_LISTS, convert)

    @cached_property
    def commits(self) -> list[Commit]:
        """People's commits that name an area, the number of a pull request taken off."""
        found = self._files.read(COMMITS, lambda line: None if line["bot"] or not line["scope"] else _commit(line))
        return [commit for commit in found if commit is not None]

    def _table(self, name: str) -> dict[int, frozenset[str]]:
        return {issue.row: labels for _, issue, labels in self._files.labels_by_row(name)}


def example_of(issue: PublicIssue, labels: frozenset[str]) -> Example:
    return Example(issue.title, issue.body, labels, issue.row)


def _commit(line: Mapping[str, Any]) -> Commit:
    areas = (area.strip().rstrip("!") for area in line["scope"].split(","))
    title = _NUMBER.sub("", line["title"] or "")
    return Commit(line["repo"], title, line["body"] or "", frozenset(filter(None, areas)))


def _written(line: Mapping[str, Any], is_formed: bool) -> Example:
    return Example(line["title"] or "", line["body"] or "", frozenset(line["labels"]), is_formed=is_formed)


def _labels(line: Mapping[str, Any]) -> LabelSet:
    return LabelSet(tuple(Label(label["name"], label.get("description") or "") for label in line["labels"]))
