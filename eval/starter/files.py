"""The files of the data folder, that the scoreboard judges by and the starter is made from: gzipped, a line a row."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from labeler.data.textfile import parsed_json, split_answer
from labeler.errors import InputError
from labeler.text.issue import Issue

T = TypeVar("T")
ISSUES, FIVE = "labelled_issues.jsonl.gz", "nlbse24_train.jsonl.gz"
LARGE, LARGE_MORE = "large_model_labels.tsv.gz", "large_model_labels_more.tsv.gz"
LABEL_LISTS, PROJECT_LISTS = "label_lists.jsonl.gz", "project_lists.jsonl.gz"
WRITTEN, FORMS = "written_issues.jsonl.gz", "issue_forms.jsonl.gz"
JUNK, LANGUAGES = "junk_and_thin.jsonl.gz", "issues_in_languages.jsonl.gz"
COMMITS = "conventional_commits.jsonl.gz"
FORMATS = {
    ISSUES: "a JSON line an issue: source, title, body, labels, label_space (what the source uses), is_pr, split",
    FIVE: "the same of five repositories, without a split, each with one label",
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
class PublicIssue:
    """A line of `ISSUES`, its `row` from 0, or of `FIVE`.

    `space` are the labels its source uses: another one's absence means nothing. `split` is train or dev, "" in `FIVE`.
    """

    row: int
    source: str
    repository: str
    title: str
    body: str
    labels: frozenset[str]
    space: tuple[str, ...]
    is_pull_request: bool
    split: str

    @property
    def is_train(self) -> bool:
        return self.split == "train"

    @property
    def folded_title(self) -> str:
        """The title as two rows are compared by it."""
        return self.title.strip().casefold()

    @property
    def issue(self) -> Issue:
        """Title, body and repository; labels must not reach a system by way of the issue."""
        return Issue(self.title, self.body, repository=self.repository)


class Files:
    """The folder. Every method raises InputError that names file and line where something is missing or wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sha256(self, *names: str) -> str:
        """Of these files together."""
        found = hashlib.sha256()
        for name in names:
            found.update(self._file(name).read_bytes())
        return found.hexdigest()

    @cached_property
    def issues(self) -> list[PublicIssue]:
        """All rows of `ISSUES`, in their order; read when they are first asked for."""
        rows = self.rows(ISSUES, "title", "body", "labels", "label_space", "split", "source")
        return [replace(converted(ISSUES, where, line, public_issue), row=at) for at, (where, line) in enumerate(rows)]

    def issue(self, row: Any, where: str) -> PublicIssue:
        """The public issue of a row number that another file names at `where`."""
        if not str(row).isdecimal() or int(row) >= len(self.issues):
            raise InputError(f"{where}: {row!r} is no row of {ISSUES}", "The two files must belong together.")
        return self.issues[int(row)]

    def labels_by_row(self, name: str) -> Iterator[tuple[str, PublicIssue, frozenset[str]]]:
        """Place ("file:line"), public issue and labels of every line of `LARGE` or `LARGE_MORE`."""
        for number, line in enumerate(self._lines(name), 1):
            row, tab, labels = line.rstrip("\n").partition("\t")
            if number == 1 and not row.isdecimal():
                continue
            where = f"{self.path / name}:{number}"
            if not tab:
                raise InputError(f"{where}: not a row number, a tab and labels", "Mend that line.")
            yield where, self.issue(row, where), frozenset(split_answer(labels))

    def read(self, name: str, convert: Callable[[Mapping[str, Any]], T]) -> list[T]:
        """What `convert` makes of the object of every line."""
        return [converted(name, where, row, convert) for where, row in self.rows(name)]

    def rows(self, name: str, *keys: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Place ("file:line") and object of every line, each with all of `keys`."""
        path = self.path / name
        for number, line in enumerate(self._lines(name), 1):
            row = parsed_json(line, str(path), number)
            for key in keys:
                if not isinstance(row, dict) or key not in row:
                    raise InputError(f"{path}:{number}: {key}: missing", "Get the file anew.")
            yield f"{path}:{number}", row

    def remedy(self, name: str) -> str:
        """What to do where a file is missing."""
        return f"The folder must hold it. In it: {FORMATS[name]}."

    def _file(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise InputError(f"{path}: missing", self.remedy(name))
        return path

    def _lines(self, name: str) -> Iterator[str]:
        path = self._file(name)
        try:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                yield from lines
        except (OSError, EOFError, UnicodeDecodeError) as error:  # gzip's own errors among them
            raise InputError(f"{path}: cannot be read: {error}", "Check that the file is whole.") from error


def converted(name: str, where: str, row: Mapping[str, Any], convert: Callable[[Mapping[str, Any]], T]) -> T:
    """`convert(row)`. Raises InputError where the row is not as `FORMATS` says."""
    try:
        return convert(row)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{where}: not such a line ({error!r})", f"A line of that file is: {FORMATS[name]}."
        ) from error


def public_issue(line: Mapping[str, Any]) -> PublicIssue:
    return PublicIssue(
        row=-1,
        source=line["source"],
        repository=line.get("repo") or "",
        title=line["title"] or "",
        body=line["body"] or "",
        labels=frozenset(line["labels"]),
        space=tuple(line["label_space"]),
        is_pull_request=bool(line.get("is_pr")),
        split=line.get("split") or "",
    )
