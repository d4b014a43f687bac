"""From a repository's own labels to those of the list: names and aliases in any case, and only what people set."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from labeler.github.history import LabelEvent
from labeler.labels.label_set import LabelSet, fold
from synthetic.workspace.records import Record

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Unmapped:
    """A label of the repository that is neither name nor alias in the list.

    Attributes:
        issues: how many have it.
        likely: the list's label that it may mean, by its words; "" for no idea.
    """

    name: str
    issues: int
    likely: str


def human_labels(record: Record, bots: Collection[str] = ()) -> tuple[str, ...]:
    """The labels that a person set; all of them where the fetch brought no label events.

    A label that a bot set last is no truth, even if nobody objected. One without an event (renamed since, or moved with
    the issue from another repository) counts, unless a bot had set a label here that is gone without being taken off:
    then it may be that one under a new name.

    Args:
        bots: logins that count as bots, in lower case.
    """
    if record.changes is None:
        return record.labels
    last = {fold(change.name): change for change in sorted(record.changes, key=lambda change: change.created_at)}
    present = {fold(name) for name in record.labels}
    set_by_bot = {name for name, change in last.items() if change.change == "labeled" and _is_bot(change, bots)}
    doubtful = not set_by_bot <= present

    def is_human(name: str) -> bool:
        change = last.get(fold(name))
        if change is None or change.change != "labeled":
            return not doubtful
        return fold(name) not in set_by_bot

    return tuple(filter(is_human, record.labels))


def _is_bot(change: LabelEvent, bots: Collection[str]) -> bool:
    return change.kind == "bot" or change.login.lower() in bots


def map_labels(names: Iterable[str], labels: LabelSet) -> tuple[str, ...]:
    """The list's labels that `names` stand for, in its spelling and order; others are passed over."""
    return labels.only(names).names


def unmapped(sets: Iterable[Sequence[str]], labels: LabelSet) -> list[Unmapped]:
    """The labels that map to nothing, the most frequent first, in their most frequent spelling."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for names in sets:
        for name in labels.unknown(names):
            spellings[fold(name)][name] += 1
    found = [(counts.total(), counts.most_common(1)[0][0]) for counts in spellings.values()]
    return [
        Unmapped(name, count, _likely(name, labels)) for count, name in sorted(found, key=lambda one: (-one[0], one[1]))
    ]


def alias_lines(found: Iterable[Unmapped], labels: LabelSet) -> Mapping[str, str]:
    """Label of the list -> the line to paste below it in labels.yml (instead of its aliases, if it has any)."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for one in found:
        if one.likely:
            by_label[one.likely].append(one.name)
    return {
        label.name: f"  aliases: {alias_list((*label.aliases, *by_label[label.name]))}"
        for label in labels
        if label.name in by_label
    }


def alias_list(names: Sequence[str]) -> str:
    """A YAML list on one line."""
    return f"[{', '.join(json.dumps(name, ensure_ascii=not name.isprintable()) for name in names)}]"


def _likely(name: str, labels: LabelSet) -> str:
    """The label one of whose spellings has the most words in common with the name, as a share of both's words."""
    words = _words(name)
    best, chosen = 0.0, ""
    for label in labels:
        for spelling in label.spellings:
            other = _words(spelling)
            shared = sum(any(_same(one, two) for two in other) for one in words)
            likeness = shared / (len(words) + len(other) - shared) if shared else 0.0
            if likeness > best:
                best, chosen = likeness, label.name
    return chosen


def _words(name: str) -> set[str]:
    """Words without case and a plural's s: "type: Bugs" -> type, bug."""
    return {word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(fold(name))}


def _same(one: str, two: str) -> bool:
    """Whether two words are equal or one abbreviates the other: doc, documentation."""
    short, long = sorted((one, two), key=len)
    return one == two or (len(short) >= 3 and long.startswith(short))
