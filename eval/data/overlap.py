"""Finds issues that stand, word for word or nearly, in two sets of rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from eval.data.rows import Labelled
from synthetic.preparing.duplicates import NEAR, jaccard, shingles, words

_ALIKE_TITLES = 0.5  # share of words: two issues that hardly filled in their template are alike in all but the title


def overlapping(rows: Sequence[Labelled], others: Sequence[Labelled]) -> list[tuple[int, int]]:
    """(position in `rows`, position in `others`) of the same issue, at most one pair for each of `rows`.

    The same are issues with equal words, and issues whose sets of three successive words have a Jaccard index of
    `synthetic.preparing.duplicates.NEAR` or more and whose titles share half of their words.
    """
    exact: dict[str, int] = {}
    holders: dict[int, list[int]] = defaultdict(list)
    held, titles = [], []
    for place, other in enumerate(others):
        found = _words(other)
        exact.setdefault(" ".join(found), place)
        held.append(shingles(found))
        titles.append(set(words(other.issue.title)))
        for run in _telling(held[-1]):
            holders[run].append(place)
    pairs = []
    for place, row in enumerate(rows):
        found = _words(row)
        same = exact.get(" ".join(found))
        if same is None:
            runs, title = shingles(found), set(words(row.issue.title))
            candidates = sorted({other for run in _telling(runs) for other in holders.get(run, ())})
            near = (
                other
                for other in candidates
                if len(title & titles[other]) >= _ALIKE_TITLES * len(title | titles[other])
                and jaccard(runs, held[other]) >= NEAR
            )
            same = next(near, None)
        if same is not None:
            pairs.append((place, same))
    return pairs


def apart(rows: Sequence[Labelled], others: Sequence[Labelled]) -> list[int]:
    """Positions of the `rows` that are the same as none of `others`."""
    twins = {place for place, _ in overlapping(rows, others)}
    return [place for place in range(len(rows)) if place not in twins]


def _telling(runs: np.ndarray) -> list[int]:
    """The first of a text's runs, in the order of their hashes, of which any text that is near has one among its own
    first (prefix filtering: Chaudhuri et al. 2006, "A primitive operator for similarity joins")."""
    found: list[int] = runs[: len(runs) - math.ceil(NEAR * len(runs)) + 1].tolist()
    return found


def _words(row: Labelled) -> list[str]:
    return words(f"{row.issue.title}\n{row.issue.body}")
