"""The folder of issues that the scoreboard reads: gzipped JSON lines, and tables of labels by row.

`labelled_issues.jsonl.gz` holds public issues with their sources' labels; `label_space` are the labels that the
source uses at all, `split` is train or dev. `large_model_labels.tsv.gz` (and `…_more`) holds all ten labels of some of
its rows (0-based), set by a large language model: there an absent label is false.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.data.rows import Labelled
from eval.starter.files import FIVE, LARGE, Files, PublicIssue, converted, public_issue
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue

TEN = (
    "bug", "enhancement", "documentation", "question", "maintenance",
    "testing", "performance", "security", "ux/ui", "ci/cd",
)  # fmt: skip
THREE = ("bug", "enhancement", "question")
EVERY = 21  # of the rows that the large model labelled, one in so many is kept out of training


class Folder(Files):
    """The data folder as the scoreboard reads it."""

    def labelled(self, split: str) -> list[Labelled]:
        """Public issues of the split (train or dev) whose source uses at least two of the ten labels."""
        rows = (labelled(row, TEN) for row in self.issues if row.split == split)
        return [row for row in rows if len(row.space) > 1]

    def five(self) -> list[Labelled]:
        """Issues of five repositories, each with one of the three labels."""
        rows = []
        for where, line in self.rows(FIVE, "title", "body", "labels", "label_space", "source", "repo"):
            rows.append(labelled(converted(FIVE, where, line, public_issue), THREE))
            if len(rows[-1].labels) != 1:
                raise InputError(f"{where}: labels: not one of {', '.join(THREE)}", "Give each issue exactly one.")
        return rows

    def large(self, name: str) -> dict[int, Labelled]:
        """Row -> the public issue with all ten labels as the large model set them; `name`: `LARGE` or `LARGE_MORE`."""
        found = {}
        for where, row, said in self.labels_by_row(name):
            if unknown := sorted(said - set(TEN)):
                raise InputError(f"{where}: {unknown[0]!r} is none of the ten labels", "Mend the line.")
            found[row.row] = Labelled(row.issue, said, TEN, "large_model_labels")
        return found

    def kept_out(self) -> list[int]:
        """Rows of `LARGE` that nothing may be trained on: every 21st."""
        return sorted(self.large(LARGE))[::EVERY]

    def remedy(self, name: str) -> str:
        return "Give the data folder by --data, or choose other sets by --sets."


def labelled(row: PublicIssue, names: tuple[str, ...]) -> Labelled:
    """A row with its labels, and those that its source uses, among `names`."""
    labels = row.labels & set(names)
    space = tuple(name for name in names if name in row.space or name in labels)
    return Labelled(row.issue, labels, space, row.source)


def issue_of(row: Mapping[str, Any]) -> Issue:
    """Title, body and repository; labels must not reach a system by way of the issue."""
    return Issue(row["title"] or "", row["body"] or "", repository=row.get("repo") or "")


def label_list(entries: Any, where: str) -> LabelSet:
    """A row's list of labels, checked."""
    return LabelSet.from_dicts(entries, where)
