"""Divides groups of multi-label rows so that every part has its share of each label.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", 2011), over
groups instead of single rows: the rarest label that is left is dealt out first, each of its groups to the part that
lacks it most.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Group:
    """Rows that must not be parted.

    Attributes:
        rows: how many there are.
        labels: label -> how many of the rows have it.
        parts: positions of the parts that the group may go to.
    """

    rows: int
    labels: Counter[str] = field(default_factory=Counter)
    parts: Collection[int] = ()


def stratify(groups: Sequence[Group], shares: Sequence[float], seed: int = 0) -> list[int]:
    """For each group the position of its part.

    Args:
        shares: of the parts; they sum to 1. A part without a share gets only groups that may go nowhere else.
        seed: decides between equally good choices.
    """
    chance = random.Random(seed)
    chosen = [next(iter(group.parts)) if len(group.parts) == 1 else -1 for group in groups]
    lacks = _lacks(groups, chosen, shares)
    order = [i for i, part in enumerate(chosen) if part < 0]
    left = Counter[str](
        label for i in order for label in groups[i].labels.elements()
    )  # label -> rows that are not dealt yet
    chance.shuffle(order)
    # Large groups first, while there is room for them; among equals as shuffled.
    order.sort(key=lambda i: -groups[i].rows)

    def deal(i: int, label: str) -> None:
        group = groups[i]
        some = [part for part in group.parts if shares[part] > 0] or list(group.parts)
        part = max(some, key=lambda part: (lacks[part][label], lacks[part][_ROWS], chance.random()))
        chosen[i] = part
        left.subtract(group.labels)
        lacks[part].subtract(group.labels)
        lacks[part][_ROWS] -= group.rows

    while rest := [(count, label) for label, count in left.items() if count > 0]:
        label = min(rest)[1]
        for i in order:
            if chosen[i] < 0 and label in groups[i].labels:
                deal(i, label)
    for i in order:
        if chosen[i] < 0:
            deal(i, _ROWS)
    return chosen


_ROWS = ""  # no label: the rows themselves


def _lacks(groups: Sequence[Group], chosen: Sequence[int], shares: Sequence[float]) -> list[Counter[str]]:
    """Of each part, how many rows of each label, and in all, it should get of those that are free to be dealt.

    A part's due is its share of all rows, less what is fixed there. Where one has more than its due already, the free
    rows do not suffice for the others: they get theirs in proportion.
    """
    fixed = [Counter[str]() for _ in shares]
    free = Counter[str]()
    for group, part in zip(groups, chosen, strict=True):
        (free if part < 0 else fixed[part]).update(group.labels + Counter({_ROWS: group.rows}))
    lacks = [Counter[str]() for _ in shares]
    for label, count in free.items():
        total = count + sum(has[label] for has in fixed)
        due = [max(0.0, share * total - has[label]) for share, has in zip(shares, fixed, strict=True)]
        for part, value in enumerate(due):
            lacks[part][label] = value * count / (sum(due) or 1)  # type: ignore[assignment]
    return lacks
