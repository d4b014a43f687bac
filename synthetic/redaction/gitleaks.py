"""gitleaks' rules, as `synthetic.redaction.translate` has written them to gitleaks.json."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from synthetic.redaction.rule import entropy, matches

FILE = Path(__file__).parent / "gitleaks.json"
_NAMED_ENTROPY = 3.0  # bits a character; a hash of 16 digits has about 3.2, a word of 16 letters may have 3


@dataclass(frozen=True)
class Exceptions:
    """What a secret is not: patterns that it has, words that it contains, sha256 of published examples."""

    patterns: tuple[re.Pattern[str], ...] = ()
    words: tuple[str, ...] = ()
    sha256: frozenset[str] = frozenset()

    def hold(self, secret: str) -> bool:
        if any(pattern.search(secret) for pattern in self.patterns) or any(w in secret.lower() for w in self.words):
            return True
        return bool(self.sha256) and hashlib.sha256(secret.encode()).hexdigest() in self.sha256


@dataclass(frozen=True)
class Leak:
    """One rule of gitleaks.

    Fields:
        words: lower-case key words, of which one stands in the text.
        starts: each match begins with one of the words, so that only their places need a look.
        least: bits a character that a secret has at least.
        named: the value is known by a vendor's name before it, so it has to look drawn at random itself.
    """

    kind: str
    pattern: re.Pattern[str]
    words: tuple[str, ...]
    starts: bool
    least: float
    named: bool
    group: int
    exceptions: Exceptions = field(default_factory=Exceptions)

    def spans(self, text: str, lowered: str) -> Iterator[tuple[int, int]]:
        """Start and end of what is to go; `lowered` is the text in lower case, as long."""
        for match in matches(self.pattern, self.words, self.starts, text, lowered):
            group = self.group or next((n for n, value in enumerate(match.groups(), 1) if value), 0)
            if self._fits(match[group]):
                yield match.span(group)

    def _fits(self, secret: str) -> bool:
        if entropy(secret) < (max(self.least, _NAMED_ENTROPY) if self.named else self.least):
            return False
        if self.named and not (re.search(r"\d", secret) and re.search(r"[A-Za-z]", secret)):
            return False
        return not (self.exceptions.hold(secret) or _read()[1].hold(secret))


@cache
def _read() -> tuple[str, Exceptions, tuple[Leak, ...]]:
    given = json.loads(FILE.read_text(encoding="utf-8"))
    rules = tuple(
        Leak(
            one["id"].replace("-", " "),
            re.compile(one["pattern"], re.ASCII),
            tuple(word.lower() for word in one["keywords"]),
            bool(one["keywords"]) and all(_starts(one["pattern"], word.lower()) for word in one["keywords"]),
            one.get("entropy", 0.0),
            one.get("named", False),
            one.get("group", 0),
            _exceptions(one.get("exceptions", {})),
        )
        for one in given["rules"]
    )
    return given["version"], _exceptions(given["exceptions"]), rules


def leaks() -> tuple[Leak, ...]:
    """The rules, in gitleaks' order; read once."""
    return _read()[2]


def version() -> str:
    """gitleaks' version that the rules are of, such as "v8.30.1"."""
    return _read()[0]


def _exceptions(given: dict[str, Any]) -> Exceptions:
    return Exceptions(
        tuple(re.compile(one, re.ASCII) for one in given.get("patterns", ())),
        tuple(word.lower() for word in given.get("words", ())),
        frozenset(given.get("sha256", ())),
    )


def _starts(pattern: str, word: str) -> bool:
    """Whether every match surely begins with the word: a pattern of one branch at its head, and that is the word."""
    head = re.sub(r"^(?:\\b|\((?:\?[i-]*:)?)+", "", pattern)
    return _literal(head).startswith(word) and "|" not in re.sub(r"\[[^\]]*\]|\\.", "", _outer(pattern, len(head)))


def _literal(pattern: str) -> str:
    """The literal text that a pattern begins with, in lower case."""
    found = re.match(r"(?:[\w~-]|\\[.~-])*", pattern)
    literal = found[0] if found is not None else ""
    # What is repeated or optional is not sure.
    if pattern[len(literal) : len(literal) + 1] in ("?", "*", "{"):
        literal = literal[:-1]
    return literal.replace("\\", "").lower()


def _outer(pattern: str, rest: int) -> str:
    """What stands in the groups that the head opens, without the groups within: there a "|" is another beginning."""
    head, depth, kept = pattern[: len(pattern) - rest], 0, []
    level = head.count("(")
    depth = level
    i = len(head)
    while i < len(pattern):
        if pattern[i] == "\\":
            i += 2
            continue
        if pattern[i] == "[":
            i = pattern.index("]", i + 2)
        elif pattern[i] == "(":
            depth += 1
        elif pattern[i] == ")":
            depth -= 1
            level = min(level, depth)
        elif depth <= level:
            kept.append(pattern[i])
        i += 1
    return "".join(kept)
