"""Which issues name each other, and groups of whatever belongs together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from labeler.text.template import outside_code

Reference = tuple[str, int]  # repository in lower case, number

_LINK = re.compile(
    r"https?://[\w.-]{1,80}/(?P<url>[\w.-]{1,40}/[\w.-]{1,100})/(?:issues|pull)/(?P<a>\d{1,9})\b"
    r"|(?<![\w./-])(?:(?P<repository>[\w.-]{1,40}/[\w.-]{1,100})#|GH-)(?P<b>\d{1,9})\b"
    r"|(?<![\w&#/.-])#(?P<c>\d{1,9})\b(?!-)"
)
_FRAME = re.compile(r"[ \t>]*#(\d{1,4})[ \t]")
_SPAN = re.compile(r"`[^`\n]*`")


def references(text: str, repository: str) -> set[Reference]:
    """The issues that a text names ("#12", "GH-12", "owner/name#12", an address; so also "duplicate of #12").

    Numbers in code are none, nor are those of a stack trace's frames (#0, #1, … one below the other).
    """
    found: set[Reference] = set()
    for line in _plain_lines(text):
        for match in _LINK.finditer(line):
            home = match["url"] or match["repository"] or repository
            found.add((home.casefold(), int(match["a"] or match["b"] or match["c"])))
    return found


def _plain_lines(text: str) -> list[str]:
    lines = [_SPAN.sub(" ", line) for line, plain in outside_code(text) if plain]
    numbers = [(i, int(found[1])) for i, line in enumerate(lines) if (found := _FRAME.match(line))]
    frames = set[int]()
    for (i, number), (j, following) in pairwise(numbers):
        if following == number + 1:
            frames |= {i, j}
    return [line for i, line in enumerate(lines) if i not in frames]


def linked(texts: Sequence[str], places: Mapping[Reference, int], repositories: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of positions of which one names the other.

    Args:
        places: the position of each issue by repository and number.
        repositories: of each text.
    """
    pairs = {
        (min(i, j), max(i, j))
        for i, (text, repository) in enumerate(zip(texts, repositories, strict=True))
        for key in references(text, repository)
        if (j := places.get(key, i)) != i
    }
    return sorted(pairs)


def components(size: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `size` positions the lowest that it is connected with, by any number of pairs (union-find)."""
    parent = list(range(size))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        a, b = root(i), root(j)
        parent[max(a, b)] = min(a, b)
    return [root(i) for i in range(size)]
