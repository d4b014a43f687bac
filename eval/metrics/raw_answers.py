"""Raw answers of any system: is one well formed, and which labels does it name?

Two notions of malformed. *Format*: empty, more than one line, a backtick, square bracket or brace, or over 200
characters. *Strict*: that, or a name outside the list. An empty answer is a format fault even where no label is true,
since a system that writes whatever it likes may as well have failed. Where "no label" is a legitimate answer, as in
this project's grammar, look at how many of the empty ones stand on issues without a label: `eval score` shows both.
"""

from __future__ import annotations

import re
from enum import StrEnum

from labeler.data.textfile import split_answer
from labeler.labels.label_set import Label, LabelSet, fold

MOST_CHARACTERS = 200
_LINE_OR_COMMA = re.compile(r"[,\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # as str.splitlines sees lines
_NUMBER = re.compile(r"\A\d+[.)]\s")  # "1. bug"
_FRAME = " \t\"'`“”‘’[](){}*•-.;"  # what stands around a name in JSON, in code, in a list or at a sentence's end


class Fault(StrEnum):
    """Why an answer is malformed."""

    EMPTY = "empty"
    LINES = "more than one line"
    LONG = f"over {MOST_CHARACTERS} characters"
    BACKTICK = "a backtick"
    BRACKET = "a bracket or brace"
    OUTSIDE = "a name outside the list"


def format_fault(answer: str, labels: LabelSet | None = None) -> Fault | None:
    """What is wrong with the form of an answer, None if nothing. White space around the answer counts for nothing.

    With `labels`, a mark that belongs to the name of a label ("[area] ui") is no fault.
    """
    text = answer.strip()
    if not text:
        return Fault.EMPTY
    if len(text.splitlines()) > 1:
        return Fault.LINES
    if len(text) > MOST_CHARACTERS:
        return Fault.LONG
    strange = "".join(labels.unknown(split_answer(text))) if labels else text
    if "`" in strange:
        return Fault.BACKTICK
    return Fault.BRACKET if any(mark in strange for mark in "[]{}") else None


def strict_fault(answer: str, labels: LabelSet) -> Fault | None:
    """`format_fault`, or a name that is no label's name or alias in any case; None if nothing.

    Labels in another order, or one of them twice, are no fault; an empty name ("bug,,aws") is one.
    """
    fault = format_fault(answer, labels)
    return Fault.OUTSIDE if fault is None and labels.unknown(split_answer(answer)) else fault


def labels_of(answer: str, labels: LabelSet) -> tuple[str, ...]:
    """The labels that an answer names, as the list spells and orders them; names outside the list are passed over.

    A well-formed answer is names between commas. Of a malformed one counts what can be read: items of a list in JSON
    or with bullets or numbers, names in quotes or code, a name after a colon. Words of a sentence are no labels.
    """
    named = {_label(piece, labels) for piece in _LINE_OR_COMMA.split(answer)}
    return tuple(label.name for label in labels if label in named)


def outside(answer: str, labels: LabelSet) -> int:
    """How many different names an answer has that are no label, however read; 0 where its form is wrong.

    A malformed answer is counted as such: what it says instead of names cannot be counted as names.
    """
    if format_fault(answer, labels):
        return 0
    return len({fold(name) for name in split_answer(answer) if name and _label(name, labels) is None})


def _label(piece: str, labels: LabelSet) -> Label | None:
    """The label that a piece names: as it stands, without its frame, or else what follows its first colons."""
    piece = piece.strip()
    # No name is that long: what is, is text, and trying each of its colons would take long.
    while piece and len(piece) <= MOST_CHARACTERS:
        bare = _NUMBER.sub("", piece, count=1).strip(_FRAME)
        found = labels.find(piece) or labels.find(bare)
        if found or ":" not in piece:
            return found
        piece = piece.partition(":")[2].strip()
    return None
