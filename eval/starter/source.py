"""The folder of issues that the scoreboard reads: gzipped JSON lines, and tables of labels by row.

`labelled_issues.jsonl.gz` holds public issues with their sources' labels; `label_space` are the labels that the
source uses at all, `split` is train or dev. `large_model_labels.tsv.gz` (and `…_more`) holds all ten labels of some of
its rows (0-based), set by a large language model: there an absent label is false.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.data.rows import Labelled
from labeler.data.textfile import parsed_json, split_answer
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue

TEN = (
    "bug", "enhancement", "documentation", "question", "maintenance",
    "testing", "performance", "security", "ux/ui", "ci/cd",
)  # fmt: skip
THREE = ("bug", "enhancement", "question")
ISSUES, FIVE = "labelled_issues.jsonl.gz", "nlbse24_train.jsonl.gz"
LARGE, MORE = "large_model_labels.tsv.gz", "large_model_labels_more.tsv.gz"
INVENTED, PROJECTS = "label_lists.jsonl.gz", "project_lists.jsonl.gz"
JUNK, LANGUAGES = "junk_and_thin.jsonl.gz", "issues_in_languages.jsonl.gz"
EVERY = 21  # of the rows that the large model labelled, one in so many is kept out of training
Array = Any


class Folder:
    """The data folder. Every method raises InputError that names file and line where something is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sha256(self, *names: str) -> str:
        """Of these files together."""
        found = hashlib.sha256()
        for name in names:
            found.update(self._file(name).read_bytes())
        return found.hexdigest()

    @cached_property
    def public(self) -> list[dict[str, Any]]:
        """All rows of `labelled_issues`, in their order."""
        return [row for _, row in self.rows(ISSUES, "title", "body", "labels", "label_space", "split", "source")]

    def labelled(self, split: str) -> list[Labelled]:
        """Public issues of the split (train or dev) whose source uses at least two of the ten labels."""
        rows = (labelled(row, TEN) for row in self.public if row["split"] == split)
        return [row for row in rows if len(row.space) > 1]

    def five(self) -> list[Labelled]:
        """Issues of five repositories, each with one of the three labels."""
        rows = []
        for where, row in self.rows(FIVE, "title", "body", "labels", "label_space", "source", "repo"):
            rows.append(labelled(row, THREE))
            if len(rows[-1].labels) != 1:
                raise InputError(f"{where}: labels: not one of {', '.join(THREE)}", "Give each issue exactly one.")
        return rows

    def large(self, name: str) -> dict[int, Labelled]:
        """Row -> the public issue with all ten labels as the large model set them; `name` is `LARGE` or `MORE`."""
        found = {}
        for number, line in enumerate(self._lines(name), 1):
            place, _, labels = line.rstrip("\n").partition("\t")
            if number > 1 or place.isdecimal():
                where = f"{self.path / name}:{number}"
                row = self.row(place, where)
                said = set(split_answer(labels))
                if unknown := sorted(said - set(TEN)):
                    raise InputError(f"{where}: {unknown[0]!r} is none of the ten labels", "Mend the line.")
                found[int(place)] = Labelled(issue_of(row), frozenset(said), TEN, "large_model_labels")
        return found

    def kept_out(self) -> list[int]:
        """Rows of `LARGE` that nothing may be trained on: every 21st."""
        return sorted(self.large(LARGE))[::EVERY]

    def row(self, place: Any, where: str) -> dict[str, Any]:
        """The public issue of a row number that another file names."""
        if not str(place).isdecimal() or int(place) >= len(self.public):
            raise InputError(f"{where}: {place!r} is no row of {ISSUES}", "The two files must belong together.")
        return self.public[int(place)]

    def rows(self, name: str, *keys: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Place ("file:line") and object of every line, each with all of `keys`."""
        path = self.path / name
        for number, line in enumerate(self._lines(name), 1):
            row = parsed_json(line, str(path), number)
            for key in keys:
                if not isinstance(row, dict) or key not in row:
                    raise InputError(f"{path}:{number}: {key}: missing", "Get the file anew.")
            yield f"{path}:{number}", row

    def _file(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise InputError(f"{path}: missing", "Give the data folder by --data, or choose other sets by --sets.")
        return path

    def _lines(self, name: str) -> Iterator[str]:
        path = self._file(name)
        try:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                yield from lines
        except (OSError, EOFError, UnicodeDecodeError) as error:  # gzip's own errors among them
            raise InputError(f"{path}: cannot be read: {error}", "Check that the file is whole.") from error


def labelled(row: Mapping[str, Any], names: tuple[str, ...]) -> Labelled:
    """A row with its labels, and those that its source uses, among `names`."""
    labels = frozenset(row["labels"]) & set(names)
    space = tuple(name for name in names if name in row["label_space"] or name in labels)
    return Labelled(issue_of(row), labels, space, row["source"])


def issue_of(row: Mapping[str, Any]) -> Issue:
    """Title, body and repository; labels must not reach a system by way of the issue."""
    return Issue(row["title"] or "", row["body"] or "", repository=row.get("repo") or "")


def label_list(entries: Any, where: str) -> LabelSet:
    """A row's list of labels, checked."""
    return LabelSet.from_dicts(entries, where)
