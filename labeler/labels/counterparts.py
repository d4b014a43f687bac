"""Which labels of a repository are which of a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from labeler.labels.label_set import Label, LabelSet, fold


def counterparts(labels: LabelSet, names: Iterable[str]) -> dict[Label, tuple[str, ...]]:
    """Of the `names` of a repository, those that mean each label: its own name first, then its aliases in their order.

    Where none is written as a spelling of the label, one that only looks like it counts: if nothing else looks so.
    A label without any is not in the result.
    """
    exact: dict[Label, list[str]] = defaultdict(list)
    alike: dict[Label, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        if label := labels.find(name):
            (exact if _is_spelling(name, label) else alike)[label].append(name)
    return {
        label: _in_order(exact[label], label) if exact[label] else tuple(alike[label])
        for label in labels
        if exact[label] or len(alike[label]) == 1
    }


def _is_spelling(name: str, label: Label) -> bool:
    return fold(name) in (fold(spelling) for spelling in label.spellings)


def _in_order(names: Sequence[str], label: Label) -> tuple[str, ...]:
    order = [fold(spelling) for spelling in label.spellings]
    return tuple(sorted(names, key=lambda name: order.index(fold(name))))
