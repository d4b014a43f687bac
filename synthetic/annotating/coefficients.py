"""Coefficients of agreement between annotators.

Each is 1 for full agreement and 0 for what chance brings; below 0 is worse than chance. It is None where it has no
value: no two answers differ anywhere, so chance would agree as well, or there are none to compare.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

Array = np.ndarray
MISSING = -1


def cohen_kappa(one: Array, other: Array) -> float | None:
    """Cohen's kappa of two annotators' yes and no: (p_o - p_e) / (1 - p_e), with p_e from each one's own shares
    (Cohen 1960, A coefficient of agreement for nominal scales).

    Args:
        one, other: bool (issues,).
    """
    if not len(one):
        return None
    observed = float((one == other).mean())
    first, second = float(one.mean()), float(other.mean())
    chance = first * second + (1 - first) * (1 - second)
    return None if chance == 1 else (observed - chance) / (1 - chance)


def fleiss_kappa(counts: Array) -> float | None:
    """Fleiss' kappa of n annotators, who need not be the same on each issue: (P - P_e) / (1 - P_e), with P the mean
    share of agreeing pairs and P_e from the shares of all answers (Fleiss 1971, Measuring nominal scale agreement among
    many raters).

    Args:
        counts: (issues, categories), how many of the n chose each; every row sums to n.
    """
    n = int(counts[0].sum()) if len(counts) else 0
    if n < 2:
        return None
    agreeing = ((counts * (counts - 1)).sum(1) / (n * (n - 1))).mean()
    chance = ((counts.sum(0) / counts.sum()) ** 2).sum()
    return None if chance == 1 else float((agreeing - chance) / (1 - chance))


def krippendorff_alpha(codes: Array, distance: Array) -> float | None:
    """Krippendorff's alpha, 1 - D_o / D_e, with answers missing at will: D_o is the mean distance within issues,
    D_e that between any two answers (Krippendorff 2011, Computing Krippendorff's alpha-reliability).

    Args:
        codes: int (issues, annotators), each an index into the values, or MISSING. Issues with one answer don't count.
        distance: float (values, values), symmetric, 0 on the diagonal.
    """
    there = codes != MISSING
    paired = there.sum(1) > 1
    codes, there = codes[paired], there[paired]
    answers = int(there.sum())
    if not answers:
        return None
    others = there.sum(1) - 1
    observed = 0.0
    for a, b in combinations(range(codes.shape[1]), 2):
        both = there[:, a] & there[:, b]
        observed += float((2 * distance[codes[both, a], codes[both, b]] / others[both]).sum())
    counts = np.bincount(codes[there], minlength=len(distance))
    expected = float(counts @ distance @ counts) / (answers - 1)
    return None if expected == 0 else 1 - observed / expected


def masi_distance(sets: Array) -> Array:
    """1 - J·M between any two sets: J their Jaccard index, M 1 for equal sets, 2/3 where one holds the other, 1/3 where
    they overlap otherwise, 0 where they are disjoint (Passonneau 2006, Measuring agreement on set-valued items). The
    empty set is disjoint from every other.

    Args:
        sets: bool (sets, labels), no two rows equal.

    Returns:
        float64 (sets, sets).
    """
    cells = sets.astype(np.float64)
    common = cells @ cells.T
    sizes = cells.sum(1)
    union = sizes[:, None] + sizes[None, :] - common
    index = common / np.maximum(union, 1)
    held = common == np.minimum(sizes[:, None], sizes[None, :])
    similarity: Array = index * np.where(held, 2 / 3, 1 / 3)
    np.fill_diagonal(similarity, 1.0)
    return 1 - similarity


def alpha_of_sets(votes: Array, there: Array) -> float | None:
    """Krippendorff's alpha of whole label sets by MASI distance.

    Args:
        votes: bool (issues, annotators, labels); there: bool (issues, annotators), who answered.
    """
    if not votes.size:
        return None
    values, codes = np.unique(votes.reshape(-1, votes.shape[2]), axis=0, return_inverse=True)
    return krippendorff_alpha(np.where(there, codes.reshape(there.shape), MISSING), masi_distance(values))
