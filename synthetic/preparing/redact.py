"""Takes secrets and addresses out of issue text before it leaves the machine: `[redacted: github token]`.

A secret is known by its form (`synthetic.redaction.forms`, gitleaks' rules), by its place (`places`), or by a key word
before it (`keywords`). Commit hashes, UUIDs, checksums and versions by themselves stay; so do MAC addresses, @mentions
and names. What nothing marks as a secret (a bare password in prose) is not found. docs/security.md has the measure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from synthetic.redaction.addresses import ADDRESSES
from synthetic.redaction.forms import KNOWN, VENDORS
from synthetic.redaction.gitleaks import Leak, leaks
from synthetic.redaction.keywords import KEYWORDS
from synthetic.redaction.numbers import CARDS, phone_spans
from synthetic.redaction.places import PLACES
from synthetic.redaction.rule import Rule, entropy, lower

__all__ = ["RULES", "Redacted", "entropy", "redact"]

# What a rule of these kinds takes is a secret for certain: it is known by its own form.
RULES = (*KNOWN, *VENDORS, *PLACES, *KEYWORDS, CARDS, *ADDRESSES)
PHONE = "telephone number"


@dataclass(frozen=True)
class Redacted:
    """A text without its secrets, and how many of each kind there were."""

    text: str
    counts: Counter[str]


@cache
def _in_order() -> tuple[Rule | Leak, ...]:
    """What is known for certain first, so that `token=ghp_…` counts as GitHub's."""
    return (*KNOWN, *leaks(), *VENDORS, *PLACES, *KEYWORDS, CARDS, *ADDRESSES)


def redact(text: str, *, phones: bool = False) -> Redacted:
    """Replaces every secret by its kind. Doing it twice changes nothing more.

    Args:
        phones: telephone numbers in international form as well.

    Raises:
        InputError: `phones`, and the library for them (phonenumbers) is not installed.
    """
    counts: Counter[str] = Counter()
    before = None
    # What is taken out can lay bare what stood right beside it.
    while text != before:
        before, lowered = text, lower(text)
        for rule in _in_order():
            spans = list(rule.spans(text, lowered))
            if spans:
                text, count = _without(text, spans, rule.kind)
                lowered = lower(text)
                counts[rule.kind] += count
    if phones:
        text, count = _without(text, phone_spans(text), PHONE)
        counts.update({PHONE: count} if count else {})
    return Redacted(text, counts)


def _without(text: str, spans: Iterable[tuple[int, int]], kind: str) -> tuple[str, int]:
    """The text with each span replaced, and how many there were; of two that overlap the first counts."""
    parts: list[str] = []
    done = count = 0
    for start, end in sorted(spans):
        if start < done:
            continue
        parts += (text[done:start], f"[redacted: {kind}]")
        done = end
        count += 1
    return "".join((*parts, text[done:])), count
