"""One kind of secret, and how its places in a text are found."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Where a token begins; \n and %3D before it are a newline and a "=" of another writing.
START = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt])|(?<=%[0-9A-F][0-9A-F]))"


@dataclass(frozen=True)
class Rule:
    """One kind of secret. Of a match only the group `secret` goes, or all of it where there is no such group.

    Fields:
        fits: whether a match is one indeed.
        words: lower-case texts of which one stands in every match: without them the search is spared. () searches always.
        starts: every match begins with one of the words, so that only their places need a look.
    """  # noqa: E501

    kind: str
    pattern: re.Pattern[str]
    fits: Callable[[re.Match[str]], bool] = lambda match: True
    words: tuple[str, ...] = ()
    starts: bool = False

    def spans(self, text: str, lowered: str) -> Iterator[tuple[int, int]]:
        """Start and end of what is to go; those of one word overlap nowhere. `lowered`: the text by `lower`."""
        group = "secret" if "secret" in self.pattern.groupindex else 0
        for match in matches(self.pattern, self.words, self.starts, text, lowered):
            if self.fits(match):
                yield match.span(group)


def matches(
    pattern: re.Pattern[str], words: tuple[str, ...], starts: bool, text: str, lowered: str
) -> Iterator[re.Match[str]]:
    """A pattern's matches, sought only where its words stand (Rule says what words and starts mean)."""
    if not starts:
        if not words or any(word in lowered for word in words):
            yield from pattern.finditer(text)
        return
    for word in words:
        at = lowered.find(word)
        while at >= 0:
            match = pattern.match(text, at)
            if match is not None:
                yield match
            at = lowered.find(word, at + 1 if match is None else max(match.end(), at + 1))


def token(kind: str, *patterns: str, words: tuple[str, ...], starts: bool = True) -> Rule:
    """A secret that is known by its own form."""
    pattern = re.compile(rf"{START}(?:{'|'.join(patterns)})(?![A-Za-z0-9_])", re.ASCII)
    return Rule(kind, pattern, words=words, starts=starts)


def valued(
    kind: str,
    before: str,
    value: str,
    fits: Callable[[re.Match[str]], bool] = lambda match: True,
    words: tuple[str, ...] = (),
    starts: bool = False,
) -> Rule:
    """A value that is known by what stands before it, whatever the case of that."""
    return Rule(kind, re.compile(rf"(?i:{before})(?P<secret>{value})"), fits, words, starts)


def entropy(text: str) -> float:
    """Bits a character by the characters' own frequencies (Shannon): 0 for "aaaa", about 4 for 20 random letters."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def lower(text: str) -> str:
    """The text in lower case and of the same length ("İ" has a lower case of two characters: then ASCII alone)."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else re.sub("[A-Z]+", lambda match: match[0].lower(), text)
