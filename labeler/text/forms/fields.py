"""What the fields of an issue's form were answered with, from the text that the form left in the body.

GitHub's forms write `### Heading`, an empty line and the answer, several choices with commas between; checkboxes are a
list with ticks. Older templates write a bold heading, with the answer behind it or below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from labeler.text.attestations import BOX
from labeler.text.template import outside_code

MOST_OF_A_CHOICE = 300  # characters of a line; more is no choice
MOST_OF_AN_ANSWER = 10_000
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+\S")
_BOLD = re.compile(r"[ \t]{0,3}(?:[-*+][ \t]+)?(\*\*|__)([^*\n]{1,120}?)\1[ \t]*")
_TICKS = "xX✓✔☑"
_NO_ANSWER = "no response"


def form_answers(body: str) -> dict[str, tuple[str, ...]]:
    """By `folded` heading, the answer's lines: of a field with boxes what is ticked. Of two equal headings the first
    counts, since what follows may be quoted; fenced code and HTML comments are no answer."""
    answers: dict[str, list[str]] = {}
    lines: list[str] = []  # those before the first heading are nobody's
    for line, plain in outside_code(_without_comments(body)):
        if not plain:
            continue
        heading, said = _heading_of(line)
        if heading:
            lines = []
            answers.setdefault(heading, lines)
        lines.append(said)
    return {heading: tuple(_choices(said)) for heading, said in answers.items()}


def folded(text: str) -> str:
    """A heading as it is compared: one line, any case, without what marks it.

    >>> folded("## **Type of  issue:** ")
    'type of issue'
    """
    return _one_line(text).lstrip("#").strip(" :*_`")


def chosen(answer: tuple[str, ...], value: str) -> bool:
    """Whether `value` is a line of the answer, or stands between commas there (it may hold commas itself)."""
    wanted = f", {_one_line(value)}, "
    return any(wanted in f", {_one_line(line)}, " for line in answer if len(line) <= MOST_OF_A_CHOICE)


def text_of(answers: Mapping[str, tuple[str, ...]], heading: str) -> str:
    """The whole answer of a field, for a pattern; empty where the field is not there or not answered."""
    return "\n".join(answers.get(folded(heading), ()))[:MOST_OF_AN_ANSWER]


def _one_line(text: str) -> str:
    return " ".join(text.casefold().split()).strip("*_`")


def _heading_of(line: str) -> tuple[str, str]:
    """The folded heading and what stands behind it; an empty heading where the line is none."""
    if _HEADING.match(line):
        return folded(line), ""
    if found := _BOLD.match(line):
        rest = line[found.end() :].strip()
        if found[2].rstrip().endswith(":") or rest.startswith(":") or not rest:
            return folded(found[2]), rest.lstrip(": \t")
    return "", line.strip()


def _choices(lines: list[str]) -> list[str]:
    said = [line for line in lines if line and _one_line(line) != _NO_ANSWER]
    boxes = [(found[0], line[found.end() :].strip()) for line in said if (found := BOX.match(line))]
    if boxes:
        return [label for box, label in boxes if any(tick in box for tick in _TICKS)]
    return [re.sub(r"^[-*+][ \t]+", "", line) for line in said]


def _without_comments(text: str) -> str:
    kept, place = [], 0
    while (opens := text.find("<!--", place)) >= 0 and (closes := text.find("-->", opens + 4)) >= 0:
        kept.append(text[place:opens])
        place = closes + 3
    return "".join([*kept, text[place:]]).replace("\r\n", "\n").replace("\r", "\n")
