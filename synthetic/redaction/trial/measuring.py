"""Recall by kind on both halves of the planted secrets, and what is taken from texts without any."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labeler.errors import InputError
from synthetic.preparing.redact import redact
from synthetic.redaction.gitleaks import leaks, version
from synthetic.redaction.trial import known, unseen
from synthetic.redaction.trial.clean import clean_texts
from synthetic.redaction.trial.planted import left, planted

# Kinds that are judged by a value's surroundings and looks; of the others the form is proof.
PROBABLE = {"password", "secret", "cookie", "email address", "ip address", "password in url", "authorization"}
SEED = 16


@dataclass(frozen=True)
class Trial:
    """The outcome.

    Fields:
        known, unseen: kind -> how many planted secrets were "full"y redacted, in "part", "missed"; in the contexts that
            the rules were written with, and in those written afterwards.
        clean: texts without a secret.
        taken: kind -> redactions in those, all of them false.
    """

    known: dict[str, Counter[str]]
    unseen: dict[str, Counter[str]]
    clean: int
    taken: Counter[str]


def trial(*, each: int = 7, seed: int = SEED, clean: int = 300) -> Trial:
    """Redacts `each` planted secrets of every kind in either half, and the clean texts."""
    taken: Counter[str] = Counter()
    for text in clean_texts(clean):
        taken += redact(text).counts
    halves = []
    for half in (known, unseen):
        found: dict[str, Counter[str]] = {}
        for one in planted(half.CONTEXTS, half.TOKENS, each=each, seed=seed):
            found.setdefault(one.kind, Counter())[left(one)] += 1
        halves.append(found)
    return Trial(halves[0], halves[1], clean, taken)


def recall(half: dict[str, Counter[str]]) -> float:
    """The share of planted secrets of which nothing is left."""
    return sum(one["full"] for one in half.values()) / sum(one.total() for one in half.values())


def table(result: Trial) -> str:
    """Markdown: one line a kind, then both halves in one."""

    def cell(one: Counter[str]) -> str:
        return f"{one['full']} of {one.total()}"

    lines = ["| kind | known contexts | later contexts |", "|---|---:|---:|"]
    lines += [f"| {kind} | {cell(one)} | {cell(result.unseen[kind])} |" for kind, one in result.known.items()]
    total = [sum(half.values(), Counter[str]()) for half in (result.known, result.unseen)]
    shares = (f"**{cell(one)} ({one['full'] / one.total():.1%})**" for one in total)
    lines.append(f"| **all** | {' | '.join(shares)} |")
    false = ", ".join(f"{count} {kind}" for kind, count in result.taken.most_common()) or "0"
    lines.append(
        f"\nFalse redactions in {result.clean} clean texts: {false}. Rules of gitleaks {version()}: {len(leaks())}."
    )
    return "\n".join(lines)


@dataclass(frozen=True)
class Taken:
    """What redaction took from texts: kind -> how many, and the certain ones with what stands around them."""

    texts: int
    counts: Counter[str]
    certain: tuple[str, ...]


def taken(texts: Iterable[str]) -> Taken:
    """Redacts texts, to be looked through: each certain redaction is told as "kind: line before -> after"."""
    counts: Counter[str] = Counter()
    certain, number = [], 0
    for text in texts:
        number += 1
        found = redact(text)
        counts += found.counts
        if found.counts.keys() - PROBABLE:
            kinds = sorted(found.counts.keys() - PROBABLE)
            lines = (line.strip() for line in found.text.splitlines() if any(f"[redacted: {k}]" in line for k in kinds))
            certain += [line[:200] for line in lines]
    return Taken(number, counts, tuple(certain))


def read_texts(path: Path, most: int) -> Iterator[str]:
    """Title and body of up to `most` issues of a JSON-lines file (also .gz), spread over the file evenly.

    Raises:
        InputError: it cannot be read, or a line is no object.
    """
    try:
        raw = path.read_bytes()
        lines = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().splitlines()
        step = max(1, len(lines) // most)
        for line in lines[::step][:most]:
            row = json.loads(line)
            yield f"{row.get('title') or ''}\n\n{row.get('body') or ''}"
    except (OSError, ValueError, AttributeError, RecursionError, EOFError) as error:
        raise InputError(
            f"{path}: no issues in JSON lines: {error}", "Give a file of objects with title and body."
        ) from None
