"""The commands that are shown: by README and docs/ in blocks of code and in the text between, by --help as examples."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
_INLINE = re.compile(r"`([^`]+)`")
_COMMENT = re.compile(r"(?m)(^|\s)#.*$")
_END = {"<", ">", ">>", "|", "&&", ";"}


@dataclass(frozen=True)
class Command:
    """One command: where it stands, and its words without NAME=VALUE before it.

    `whole` is that it can be given so, as those in blocks can; one that is named in a sentence may lack arguments.
    """

    page: str
    words: tuple[str, ...]
    whole: bool = True

    @property
    def module(self) -> str:
        """`labeler` of `python -m labeler …`; empty where it is another program."""
        python = bool(self.words) and re.fullmatch(r"(\S*/)?python3?", self.words[0])
        return self.words[2] if python and len(self.words) > 2 and self.words[1] == "-m" else ""


def blocks(text: str, *languages: str) -> list[str]:
    """The blocks of code in these languages, in order."""
    return [code for language, code in _BLOCK.findall(text) if language in languages]


def commands(page: Path) -> Iterator[Command]:
    """All commands of a page's sh and console blocks, and those `python -m` that stand in its text."""
    text = page.read_text(encoding="utf-8")
    for language, code in _BLOCK.findall(text):
        if language in ("sh", "console"):
            for line in _lines(code, language):
                yield from _of_line(page.name, line)
    for inline in _INLINE.findall(_BLOCK.sub("", text)):
        if re.match(r"(\S*/)?python3? -m \S", inline):
            said = " ".join(inline.split()).partition("…")[0]
            yield Command(page.name, tuple(shlex.split(said)), whole=False)


def examples(name: str, text: str) -> Iterator[Command]:
    """The commands of an EXAMPLES text, which stand between its first line and an empty one, or its end.

    One with "…" among its words, for what is left out, is not whole.
    """
    for line in _lines(text.partition("\n")[2].partition("\n\n")[0], "sh"):
        for command in _of_line(name, line):
            words = command.words
            if words[:2] == ("accelerate", "launch"):  # starts the module as Python would, once a GPU
                words = ("python", *words[2:])
            yield Command(name, words, whole="…" not in words)


def _lines(code: str, language: str) -> Iterator[str]:
    joined = _COMMENT.sub("", code).replace("\\\n", " ")
    for line in filter(str.strip, joined.split("\n")):
        if language == "sh":
            yield line
        elif line.startswith("$ "):  # all else is what was printed
            yield line[2:]


def _of_line(page: str, line: str) -> Iterator[Command]:
    words: list[str] = []
    for word in [*shlex.split(line), ";"]:
        if word in _END:
            if words:
                yield Command(page, tuple(words))
            words = []
            if word in ("<", ">", ">>"):
                return
        elif words or not re.match(r"[A-Z_]+=", word):
            words.append(word)
