"""Reads first what a reporter wrote, in a body that an issue form or a template gave its order.

A form asks for versions and choices before, between and after the text that an issue is about. A body that begins
with a heading is read as sections: the main one, by heading and by length of prose, comes first without its heading,
then the other prose in its order, then short answers. A choice or a machine's name is left out where it has no word of
what an issue can be about ("Severity: annoying" has none, "Kind: bug report" and "Area: documentation" have).
A body that begins with text has it first already and stays as it is, so that ordering twice is ordering once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from labeler.text.attestations import EVIDENCE
from labeler.text.forms.headings import kind_of
from labeler.text.template import BOLD_LEVEL, Code, Section, outside_code, sections_of

_MOST_SHORT = 60  # characters of a line that is an answer of a few words
_MOST_CHOICE, _WORDS_OF_A_CHOICE = 40, 4  # characters and words of a drop-down's answer
_MOST_MACHINE = 300  # characters that a machine is described by
_ENOUGH = 80  # characters of prose from which on a longer section is no likelier to be the main one
_WEIGHTS = {"machine": 0.15, "aside": 0.5, "main": 1.5, "": 1.0}
_CODE, _SHORT = 0.2, 0.3  # what code, and short answers, count for beside prose
_MOST_ROUNDS = 8  # a section may be a form's again: an issue pasted into an issue
_PAIR = re.compile(r"(?:[-*+][ \t]+)?[^\n:]{1,40}:[^\n]{0,60}")
_NO_PROSE = re.compile(r"!?\[[^\[\]\n]{0,200}\]\([^()\n]{0,400}\)|https?://[^\s<>]{1,400}|<[^<>\n]{1,300}>")


class _Block:
    """A section with those below it. `answer` is all that stands under its heading, `own` that without those below."""

    def __init__(self, sections: Sequence[Section]) -> None:
        lines = [line for section in sections for line in section.lines]
        self.name = lines[0].strip(" \t\n#*_:")
        self.text = "".join(lines).strip()
        self.own = "".join(sections[0].lines[1:]).strip()
        self.answer = "".join(lines[1:]).strip()
        self.kind = kind_of(self.name)

    @property
    def is_short(self) -> bool:
        """An answer of a few words, a list of names and values, or whatever describes a machine."""
        lines = [line.strip() for line in self.answer.split("\n") if line.strip()]
        if self.kind == "machine":
            return True
        if len(lines) == 1:
            return self.has_few_words or (self.kind == "" and len(self.answer) <= _MOST_SHORT)
        return all(map(_PAIR.fullmatch, lines))

    @property
    def is_idle(self) -> bool:
        """A choice or a machine's name without a word of what an issue can be about."""
        if EVIDENCE.search(self.answer.casefold()):
            return False
        if self.kind == "machine":
            short = all(len(line) <= _MOST_SHORT for line in self.answer.split("\n"))
            return short and len(self.answer) <= _MOST_MACHINE and "```" not in self.answer
        return self.has_few_words and self.kind != "main"

    @property
    def has_few_words(self) -> bool:
        """As many as a drop-down's answer."""
        return len(self.answer) <= _MOST_CHOICE and len(self.answer.split()) <= _WORDS_OF_A_CHOICE

    @property
    def weight(self) -> float:
        """How likely it is that this is what the issue is about."""
        length = 0.0
        for line, plain in outside_code(self.answer):
            length += len(_NO_PROSE.sub("", line).strip()) if plain else _CODE * len(line.strip())
        return min(length, _ENOUGH) * _WEIGHTS[self.kind] * (_SHORT if self.is_short else 1)


def ordered(body: str) -> str:
    """The body with its main section first; one that begins with text, or has no section with an answer, as it is."""
    text, before = body.strip(), ""
    for _ in range(_MOST_ROUNDS):
        text, before = _once(text), text
        if text == before:
            break
    return text


def _once(text: str) -> str:
    blocks = _blocks(text)
    # A comment that nobody closed goes on to the end, wherever it is put.
    if not blocks or any(plain and "<!--" in line for line, plain in outside_code(text)):
        return text
    if fence := _open_fence(text):
        return f"{text}\n{fence}"
    if all(block.kind == "machine" and block.is_idle for block in blocks):
        return ""
    main = max(blocks, key=lambda block: block.weight)
    if not main.weight:
        return text
    others = [block for block in blocks if block is not main]
    # A report of a few words looks like a choice: beside one, choices stay.
    idle = [block for block in others if block.is_idle and (block.kind == "machine" or not main.has_few_words)]
    short = [block.text for block in others if block.is_short and block not in idle]
    pieces = [ordered(main.answer), *(block.text for block in others if not block.is_short), *short]
    if not others and not main.own:  # a title above all sections, such as "Bug report"
        pieces.append(main.name)
    return "\n\n".join(piece for piece in pieces if piece)


def _blocks(text: str) -> list[_Block]:
    """The sections of a body that begins with one; empty for a body without this shape."""
    before, *sections = sections_of(text)
    if "".join(before.lines).strip() or not sections:
        return []
    bold = sum(section.level == BOLD_LEVEL for section in sections)
    if bold == 1 and sections[0].level == BOLD_LEVEL:  # somebody's emphasis
        return []
    groups: list[list[Section]] = []
    for section in sections:
        is_emphasis = bold == 1 and section.level == BOLD_LEVEL
        # A heading with nothing below it belongs to the next.
        if groups and (is_emphasis or section.level > sections[0].level or not _Block(groups[-1]).answer):
            groups[-1].append(section)
        else:
            groups.append([section])
    return [_Block(group) for group in groups]


def _open_fence(text: str) -> str:
    """The fence that nobody closed, without which sections cannot change places."""
    code = Code()
    for line in text.splitlines(keepends=True):
        code.holds(line)
    return code.fence
