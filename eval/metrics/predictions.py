"""Answers of one or several systems in a file: what `eval score` reads and `eval compare --predictions` writes.

A line of JSON an answer, or one JSON array of them; keys that are not listed here are passed over:

    {"labels": ["bug", "aws"], "prediction": "bug, aws", "system": "tuned", "id": "octo/repo#7", "probabilities": […]}

`labels` are the true ones, `prediction` is the answer as the system wrote it. `probabilities` are in the order of the
labels file, or an object with one for each label, null for a label that the issue's source does not use. The reference
project's file has other names for the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from eval.systems.results import Comparison
from labeler.data.textfile import clean_text, decoded_lines, one_line, parsed_json
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet, fold

# field -> its name here, and in the reference project's file
NAMES = {
    "labels": ("labels", "actual_labels"),
    "prediction": ("prediction", "predicted_labels"),
    "system": ("system", "model_name"),
    "id": ("id", "index"),
    "probabilities": ("probabilities",),
}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "labels": list,
    "prediction": str,
    "system": str,
    "id": (str, int),
    "probabilities": (list, dict),
}
_REMEDIES = {
    "labels": 'List the true labels: "labels": ["bug"], or [] for none.',
    "prediction": 'Give the answer as text: "prediction": "bug, aws", or "" for no answer.',
    "system": "Give the system's name as text, or leave the key out.",
    "id": "Give the issue's id as text or a whole number, or leave the key out.",
    "probabilities": "Give each label of the file, in its order, a number from 0 to 1 or null, or leave the key out.",
}


@dataclass(frozen=True)
class Answer:
    """One system's answer to one issue.

    Attributes:
        where: file and line, for messages.
        id: empty where the file gives none.
        labels: the true ones, as the labels file spells them.
        probabilities: of every label in listed order, in 0..1, nan for null; None where the file gives none.
    """

    where: str
    system: str
    id: str
    labels: frozenset[str]
    prediction: str
    probabilities: tuple[float, ...] | None


def read_answers(path: Path, labels: LabelSet) -> dict[str, list[Answer]]:
    """The answers of each system, systems and answers in the order of the file.

    Raises:
        InputError: naming line and field; also for an id that a system answers twice, for an issue whose true labels
            are not the same everywhere, and for a file without answers.
    """
    systems: dict[str, list[Answer]] = {}
    answered: dict[tuple[str, str], Answer] = {}
    issues: dict[str, Answer] = {}
    for where, item in _items(path):
        answer = _answer(item, where, path.stem, labels)
        systems.setdefault(answer.system, []).append(answer)
        if not answer.id:
            continue
        before = answered.setdefault((answer.system, answer.id), answer)
        if before is not answer:
            _wrong(where, "id", f"{answer.id!r} is answered at {before.where} already", "Keep one of them.")
        if issues.setdefault(answer.id, answer).labels != answer.labels:
            what = f"not those of the same issue at {issues[answer.id].where}"
            _wrong(where, "labels", what, "Give an issue the same true labels everywhere.")
    if not systems:
        raise InputError(f"{path}: no answers", "Write one JSON object a line.")
    return systems


def prediction_lines(comparison: Comparison) -> list[dict[str, Any]]:
    """What `eval score` reads. Only known cells are written, except in what a system wrote itself.

    A probability of an unknown cell is null, so that `eval score` passes it over as well.
    """
    test, names = comparison.test, comparison.labels.names
    lines = []
    for result in comparison.results:
        for i, key in enumerate(test.ids):
            said = _names(names, result.predicted[i] & test.known[i])
            line: dict[str, Any] = {"id": key, "system": result.key, "labels": _names(names, test.truth[i])}
            line["prediction"] = ", ".join(said) if result.answers is None else result.answers[i]
            if result.probabilities is not None:
                cells = zip(names, result.probabilities[i].round(6).tolist(), test.known[i].tolist(), strict=True)
                line["probabilities"] = {name: value if known else None for name, value, known in cells}
            lines.append(line)
    return lines


def _items(path: Path) -> Iterator[tuple[str, Any]]:
    lines = list(decoded_lines(path))
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("["):
        for position, item in enumerate(parsed_json("".join(lines), str(path), 1), 1):
            yield f"{path}: item {position}", item
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"{path}:{number}", parsed_json(line, str(path), number)


def _answer(item: Any, where: str, stem: str, labels: LabelSet) -> Answer:
    if not isinstance(item, dict):
        raise InputError(f"{where}: not an object", 'Write it like {"labels": ["bug"], "prediction": "bug, aws"}.')
    true = _field(item, "labels", where)
    if true is None:
        _wrong(where, "labels", "missing", _REMEDIES["labels"])
    prediction = _field(item, "prediction", where)
    if prediction is None:
        _wrong(where, "prediction", "missing", _REMEDIES["prediction"])
    if not all(isinstance(name, str) for name in true):
        _wrong(where, "labels", "not all of them text", _REMEDIES["labels"])
    if unknown := labels.unknown(true):
        what = f"{one_line(unknown[0])!r} is not in the labels file"
        _wrong(where, "labels", what, f"The file has {', '.join(labels.names)}: add it there, as an alias perhaps.")
    given, name = _field(item, "id", where), _field(item, "system", where)
    return Answer(
        where,
        one_line(clean_text(name)) if name and name.strip() else stem,
        "" if given is None else clean_text(str(given)),
        frozenset(labels.only(true).names),
        prediction,
        _probabilities(_field(item, "probabilities", where), where, labels),
    )


def _field(item: dict[str, Any], field: str, where: str) -> Any:
    """The field's value by any of its names; None where it is absent or null."""
    for name in NAMES[field]:
        value = item.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, _TYPES[field]):
                _wrong(where, name, f"of type {type(value).__name__}", _REMEDIES[field])
            return value
    return None


def _probabilities(given: Any, where: str, labels: LabelSet) -> tuple[float, ...] | None:
    if given is None:
        return None
    if isinstance(given, dict):
        folded = {fold(name): value for name, value in given.items()}
        missing = [name for name in labels.names if fold(name) not in folded]
        if missing:
            _wrong(where, "probabilities", f"none for {missing[0]}", _REMEDIES["probabilities"])
        given = [folded[fold(name)] for name in labels.names]
    if len(given) != len(labels):
        what = f"{len(given)} of them for {len(labels)} labels"
        _wrong(where, "probabilities", what, _REMEDIES["probabilities"])
    for name, value in zip(labels.names, given, strict=True):
        # A comparison with nan is false, too.
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1
        ):
            what = f"{one_line(str(value))[:40]} for {name}"
            _wrong(where, "probabilities", what, _REMEDIES["probabilities"])
    return tuple(math.nan if value is None else float(value) for value in given)


def _wrong(where: str, field: str, what: str, remedy: str) -> NoReturn:
    raise InputError(f"{where}: {field}: {what}", remedy)


def _names(names: Sequence[str], row: Any) -> list[str]:
    return [name for name, chosen in zip(names, row, strict=True) if chosen]
