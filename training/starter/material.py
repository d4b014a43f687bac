"""The raw material of the starter: a folder of gzipped files with issues and their labels, read into rows."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from eval.starter.source import INVENTED as LABEL_LISTS
from eval.starter.source import ISSUES, JUNK, LANGUAGES, LARGE
from eval.starter.source import MORE as LARGE_MORE
from eval.starter.source import PROJECTS as PROJECT_LISTS
from labeler.data.textfile import parsed_json, split_answer
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet

T = TypeVar("T")
WRITTEN, FORMS = "written_issues.jsonl.gz", "issue_forms.jsonl.gz"
COMMITS = "conventional_commits.jsonl.gz"
_NUMBER = re.compile(r"\s*\(#\d+\)$")  # of the pull request, at the end of a subject
FILES = {
    ISSUES: "a JSON line an issue: source, title, body, labels, label_space (what the source uses), is_pr, split",
    LARGE: "a header, then row (line of the issues, from 0), tab, all of the ten labels that apply, by a large model",
    LARGE_MORE: "the same for other rows",
    LABEL_LISTS: "invented projects: labels (name, description), issues (title, body, labels), split",
    PROJECT_LISTS: "lists for real issues: labels, rows ([line of the issues, labels]), split",
    WRITTEN: "written issues: title, body, labels of the ten, kind",
    JUNK: "the same, half of them without a label",
    LANGUAGES: "the same in other languages than English",
    FORMS: "issue forms, each with issues (title, body, labels) that were filed with it",
    COMMITS: "a JSON line a commit: repo, title, body, scope (areas, with commas between), bot",
}


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
class PublicIssue:
    """A line of `ISSUES`. `space` are the labels its source uses: another one's absence means nothing."""

    row: int
    source: str
    title: str
    body: str
    labels: frozenset[str]
    space: tuple[str, ...]
    is_pull_request: bool
    is_train: bool

    @property
    def folded_title(self) -> str:
        """The title as two rows are compared by it."""
        return self.title.strip().casefold()

    def labelled(self, labels: frozenset[str]) -> Example:
        return Example(self.title, self.body, labels, self.row)


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
        self.folder = folder

    @cached_property
    def issues(self) -> list[PublicIssue]:
        return [replace(issue, row=row) for row, issue in enumerate(self._read(ISSUES, _public))]

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
        found = {WRITTEN: self._read(WRITTEN, lambda line: _written(line, "form" in (line.get("kind") or "")))}
        for name in (JUNK, LANGUAGES):
            found[name] = self._read(name, lambda line: _written(line, True))
        filed = self._read(FORMS, lambda form: [_written(line, True) for line in form["issues"]])
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

        return self._read(LABEL_LISTS, convert)

    @cached_property
    def project_lists(self) -> list[ListExamples]:
        """Lists that real projects could have, with rows of `issues`."""

        def convert(line: Mapping[str, Any]) -> ListExamples:
            examples = tuple(self._at(PROJECT_LISTS, row).labelled(frozenset(names)) for row, names in line["rows"])
            return ListExamples(_labels(line), examples, line["split"] == "train")

        return self._read(PROJECT_LISTS, convert)

    @cached_property
    def commits(self) -> list[Commit]:
        """People's commits that name an area, the number of a pull request taken off."""
        found = self._read(COMMITS, lambda line: None if line["bot"] or not line["scope"] else _commit(line))
        return [commit for commit in found if commit is not None]

    def _at(self, name: str, row: int) -> PublicIssue:
        if not 0 <= row < len(self.issues):
            what = f"{self.folder / name}: row {row}, and {ISSUES} has {len(self.issues):,}"
            raise InputError(what, "Take both files from the same folder.")
        return self.issues[row]

    def _table(self, name: str) -> dict[int, frozenset[str]]:
        found: dict[int, frozenset[str]] = {}
        for number, line in enumerate(self._lines(name), 1):
            row, tab, names = line.rstrip("\n").partition("\t")
            if number == 1:
                continue
            if not tab or not row.isdecimal():
                what = f"{self.folder / name}:{number}: not a row number, a tab and labels"
                raise InputError(what, "Mend that line.")
            found[self._at(name, int(row)).row] = frozenset(split_answer(names))
        return found

    def _read(self, name: str, convert: Callable[[Mapping[str, Any]], T]) -> list[T]:
        found = []
        for number, line in enumerate(self._lines(name), 1):
            try:
                found.append(convert(parsed_json(line, str(self.folder / name), number)))
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                what = f"{self.folder / name}:{number}: not such a line ({error!r})"
                raise InputError(what, f"A line of that file is: {FILES[name]}.") from error
        return found

    def _lines(self, name: str) -> Iterator[str]:
        path = self.folder / name
        if not path.is_file():
            raise InputError(f"{path}: missing", f"The folder must hold it. In it: {FILES[name]}.")
        try:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                yield from lines
        except (OSError, EOFError, UnicodeDecodeError) as error:  # gzip's own errors among them
            raise InputError(f"{path}: cannot be read: {error}", "Check that the file is whole.") from error


def _public(line: Mapping[str, Any]) -> PublicIssue:
    return PublicIssue(
        row=-1,
        source=line["source"],
        title=line["title"] or "",
        body=line["body"] or "",
        labels=frozenset(line["labels"]),
        space=tuple(line["label_space"]),
        is_pull_request=bool(line.get("is_pr")),
        is_train=line["split"] == "train",
    )


def _commit(line: Mapping[str, Any]) -> Commit:
    areas = (area.strip().rstrip("!") for area in line["scope"].split(","))
    title = _NUMBER.sub("", line["title"] or "")
    return Commit(line["repo"], title, line["body"] or "", frozenset(filter(None, areas)))


def _written(line: Mapping[str, Any], is_formed: bool) -> Example:
    return Example(line["title"] or "", line["body"] or "", frozenset(line["labels"]), is_formed=is_formed)


def _labels(line: Mapping[str, Any]) -> LabelSet:
    return LabelSet(tuple(Label(label["name"], label.get("description") or "") for label in line["labels"]))
