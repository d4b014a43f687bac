"""Few labels or none: one repository's issues, its labels mapped to a short list, and ever larger slices of them.

After Tunstall, von Werra, Wolf: Natural Language Processing with Transformers, ch. 9, on the issues of the Transformers
repository: those with at least one of nine labels, half for training, a quarter each for validation and test, split by
iterative stratification.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeler.base.examples import Examples, Splits
from labeler.data.issue_files import read_issues
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue
from synthetic.dataset.stratify import Group, stratify

Array = np.ndarray
LABELS = Path(__file__).with_name("transformers-labels.yml")
SHARES = (0.5, 0.25, 0.25)  # of train, validation and test


@dataclass(frozen=True)
class Mapped:
    """A repository's issues with labels of the list; the others are only counted."""

    examples: Examples
    unlabelled: int
    duplicates: int


def read_mapped(path: Path, labels: LabelSet) -> Mapped:
    """Issues as GitHub's REST API gives them, one object a line, pull requests among them as in its listing.

    A label counts by its name or an alias in the list; others are passed over. Of issues with the same text the first
    one stays.

    Raises:
        InputError: naming file and line; or no issue has a label of the list.
    """
    return map_issues(read_issues(path), labels, str(path))


def map_issues(issues: Iterable[Issue], labels: LabelSet, source: str) -> Mapped:
    """`read_mapped`, of issues already read; `source` is named where there are none."""
    texts: set[tuple[str, str]] = set()
    kept: list[Issue] = []
    rows: list[list[bool]] = []
    unlabelled = duplicates = 0
    for issue in issues:
        names = labels.only(issue.labels).names
        if (issue.title, issue.body) in texts:
            duplicates += 1
        elif not names:
            unlabelled += 1
        else:
            # The truth must not reach a system by way of the issue.
            kept.append(Issue(issue.title, issue.body, issue.number, issue.repository, id=issue.id))
            rows.append([name in names for name in labels.names])
        texts.add((issue.title, issue.body))
    if not kept:
        raise InputError(
            f"{source}: no issue has a label of the list",
            f"Name the repository's labels as aliases in the labels file; it has {', '.join(labels.names)}.",
        )
    truth = np.array(rows)
    ids = tuple(issue.id or str(i) for i, issue in enumerate(kept))
    return Mapped(Examples(ids, tuple(kept), truth, np.ones_like(truth)), unlabelled, duplicates)


def split(mapped: Mapped, labels: LabelSet, name: str, seed: int) -> Splits:
    """Train, validation and test by `SHARES`.

    Raises:
        InputError: too few issues for that.
    """
    examples = mapped.examples
    part = stratified(examples.truth, SHARES, seed)
    train, validation, test = (examples.take(np.flatnonzero(part == i)) for i in range(3))
    if not (len(train) and len(validation) and len(test)):
        raise InputError(f"{name}: {len(examples)} labelled issues, too few to split", "Give at least a dozen.")
    content = hashlib.sha256(repr((labels.to_dicts(), seed)).encode() + part.astype(np.int8).tobytes())
    for issue in examples.issues:
        content.update(f"{issue.title}\0{issue.body}\0".encode())
    content.update(np.packbits(examples.truth).tobytes())
    return Splits(name, labels, train, validation, test, content.hexdigest())


def stratified(truth: Array, shares: Sequence[float], seed: int) -> Array:
    """A part for each issue, so that every label is spread over the parts by their shares: int (n,).

    Args:
        truth: bool (n, labels), at least one label true in every row.
        shares: of the parts, together 1.
    """
    parts = range(len(shares))
    rows = [Group(1, Counter(map(str, np.flatnonzero(row))), parts) for row in truth]
    return np.array(stratify(rows, shares, seed), dtype=int)
