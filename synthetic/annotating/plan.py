"""What is left to ask the annotators about the prepared issues."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeler.errors import InputError
from synthetic.llm.annotator import Annotator
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.records import ANSWERS, PREPARED, Answer, Prepared, from_line

LEAST_MEASURED = 20  # answers of a model before their mean counts for more than an assumption


@dataclass(frozen=True)
class Task:
    """One annotator asked about one issue."""

    annotator: Annotator
    issue: Prepared

    @property
    def key(self) -> tuple[str, str, str]:
        return self.issue.id, self.annotator.name, self.annotator.prompt.hash


@dataclass(frozen=True)
class Plan:
    """What is left to ask.

    Attributes:
        answered: (issue, annotator) pairs that have an answer already.
        failed: of the tasks those that failed before.
        other_prompts: answers in the file to another prompt, which do not count.
        measured: model -> mean tokens of an answer by kind, where there are enough answers.
    """

    tasks: tuple[Task, ...]
    answered: int
    failed: int
    other_prompts: int
    measured: Mapping[str, Mapping[str, float]]


def read_prepared(folder: Path) -> list[Prepared]:
    """The prepared issues. Raises InputError where there are none."""
    path = folder / PREPARED
    found = [from_line(Prepared, line, str(path)) for line in read_lines(path)]
    if not found:
        raise InputError(f"{path}: no issues", "Make it by: python -m synthetic prepare DIR")
    return found


def read_only(path: Path) -> set[str]:
    """The issue ids of a JSON list. Raises InputError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Check the path.") from error
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file: {error}", 'Write it like ["owner/name#1"].') from error
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InputError(f"{path}: not a list of issue ids", 'Write it like ["owner/name#1"].')
    return set(found)


def plan(
    folder: Path,
    annotators: Sequence[Annotator],
    *,
    only: set[str] | None = None,
    limit: int | None = None,
    under_way: Iterable[tuple[str, str, str]] = (),
) -> Plan:
    """What is left to ask, issue by issue, so that a run that ends early leaves whole rows.

    Args:
        only: ids of the issues to ask about; None for all.
        limit: at most so many issues that lack an answer.
        under_way: keys of tasks that a batch holds.

    Raises:
        InputError: there are no prepared issues, or `only` names none of them.
    """
    issues = read_prepared(folder)
    if only is not None:
        issues = [one for one in issues if one.id in only]
        if not issues:
            raise InputError("None of the issues of --only is prepared.", "Ids are written like owner/name#1.")
    answers = [from_line(Answer, line, str(folder / ANSWERS)) for line in read_lines(folder / ANSWERS)]
    current = {annotator.prompt.hash for annotator in annotators}
    good = {(one.id, one.annotator, one.prompt) for one in answers if one.labels is not None}
    bad = {(one.id, one.annotator, one.prompt) for one in answers if one.labels is None} - good
    held = set(under_way)
    tasks: list[Task] = []
    answered = taken = 0
    for issue in issues:
        mine = [Task(annotator, issue) for annotator in annotators]
        left = [task for task in mine if task.key not in good]
        answered += len(mine) - len(left)
        left = [task for task in left if task.key not in held]
        if left and (limit is None or taken < limit):
            tasks += left
            taken += 1
    failed = sum(task.key in bad for task in tasks)
    return Plan(tuple(tasks), answered, failed, sum(one.prompt not in current for one in answers), _measured(answers))


def _measured(answers: Sequence[Answer]) -> dict[str, dict[str, float]]:
    """Mean tokens of an answer's thoughts and output by model, of those that the service counted."""
    by_model: dict[str, list[Mapping[str, int]]] = {}
    for one in answers:
        if one.labels is not None and one.tokens and "estimated" not in one.tokens:
            by_model.setdefault(one.annotator.split("/")[0], []).append(one.tokens)
    return {
        model: {kind: sum(one.get(kind, 0) for one in many) / len(many) for kind in ("thoughts", "output")}
        for model, many in by_model.items()
        if len(many) >= LEAST_MEASURED
    }
