"""What the steps hand to each other, and where it lies.

A working folder, every file of which can be opened with an editor:

    issues.jsonl      one fetched issue a line (Record), as GitHub had it
    fetch.json        how far the fetching has come
    labels.yml        the labels: names, descriptions, aliases
    prepared.jsonl    the issues that are left, cleaned, redacted, grouped (Prepared)
    prepare.json      what was dropped, stripped, redacted and left unmapped
    batch.json        batches handed in and not yet collected
    answers.jsonl     one annotator's answer on one issue a line, appended as it comes (Answer)
    unmatched.jsonl   answers of batches that do not say which issue they are of, with what they cost
    agreement.json    how far the annotators agree; agreement.md for people
    decisions.jsonl   what people decided, appended as they decide (Decision)
    active.json       rounds of active learning; picked.json: the ids that were picked last
    synthetic.jsonl   issues written by a model (Prepared, source "synthetic"); generate.jsonl: the requests for them
    dataset.csv       the dataset, with labels.yml beside it
    split.json        in which split each row was, also of those that are not in the dataset for the moment
    build.json        what `build` has done, and from what
    publish/          the files as they are uploaded
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from labeler.errors import InputError
from labeler.github.history import LabelEvent
from labeler.text.issue import Issue

ISSUES, FETCH, PREPARED, PREPARE = "issues.jsonl", "fetch.json", "prepared.jsonl", "prepare.json"
ANSWERS, AGREEMENT, DECISIONS, SYNTHETIC = "answers.jsonl", "agreement.json", "decisions.jsonl", "synthetic.jsonl"
SPLIT, UNMATCHED_ANSWERS = "split.json", "unmatched.jsonl"


@dataclass(frozen=True)
class Record:
    """One issue as it was fetched. Times are ISO 8601; `changes` is None where label events were not asked for."""

    repo: str
    number: int
    title: str
    body: str = ""
    labels: tuple[str, ...] = ()
    author: str = ""
    author_kind: str = ""  # "user", "bot" or "" for unknown
    state: str = ""
    is_pull_request: bool = False
    created_at: str = ""
    updated_at: str = ""
    closed_at: str = ""
    changes: tuple[LabelEvent, ...] | None = None

    @property
    def id(self) -> str:
        return f"{self.repo}#{self.number}"


@dataclass(frozen=True)
class Prepared:
    """One issue made ready: redacted, stripped of empty form sections, its labels mapped to the list.

    Attributes:
        labels: the repository's own labels, as far as they map to the list.
        group: id of the first issue that this one is a near-duplicate of, or linked with: one group, one split.
        source: the repository, or "synthetic".
    """

    id: str
    repo: str
    number: int | None
    title: str
    body: str
    labels: tuple[str, ...]
    group: str
    created_at: str = ""
    source: str = ""

    @property
    def issue(self) -> Issue:
        return Issue(self.title, self.body, self.number, self.repo, id=self.id)


@dataclass(frozen=True)
class Answer:
    """What one annotator said of one issue, or why there is no answer.

    Attributes:
        annotator: the model, with "/2" and so on for its further samples.
        labels: None where it failed; then `error` says how.
        cut_characters: how much of the body the annotator did not see.
        tokens: prompt, cached, thoughts and output tokens; `cost` in US dollars.
        prompt: hash of instruction and label list: answers to another prompt do not count.
    """

    id: str
    annotator: str
    labels: tuple[str, ...] | None
    prompt: str
    error: str = ""
    cut_characters: int = 0
    tokens: Mapping[str, int] | None = None
    cost: float = 0.0
    at: str = ""


@dataclass(frozen=True)
class Decision:
    """What a person decided on one issue. `labels` is None where it was skipped."""

    id: str
    labels: tuple[str, ...] | None
    by: str
    at: str


T = TypeVar("T", Record, Prepared, Answer, Decision)


def to_line(one: Record | Prepared | Answer | Decision) -> dict[str, Any]:
    """What `from_line` reads back."""
    return asdict(one)


def from_line(kind: type[T], line: Mapping[str, Any], where: str = "") -> T:
    """A record from its JSON object.

    Raises:
        InputError: a field is missing or unknown.
    """
    try:
        given = {field.name: line[field.name] for field in fields(kind) if field.name in line}
        for name in ("labels", "changes"):
            if isinstance(given.get(name), list):
                given[name] = tuple(LabelEvent(**v) if name == "changes" else v for v in given[name])
        return kind(**given)
    except TypeError as error:
        raise InputError(f"{where or kind.__name__}: {error}", "Make the file anew, or mend the line.") from error


def labels_file(folder: Path) -> Path:
    return folder / "labels.yml"
