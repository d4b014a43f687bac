"""From prepared issues and what was said of them to the dataset: which labels count, and which row is for what.

A row's labels are a person's decision, else the annotators' consensus, else the repository's own. Issues that are
linked or alike (`Prepared.group`) are in one split. A test set that exists stays: what was tested on before is tested
on again, and nothing that was trained on comes to it, so that a new model can be measured beside the old one. That
holds for rows that leave the dataset for a while, too (synthetic.dataset.earlier).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labeler.data.dataset import Row, write_dataset
from labeler.data.dataset_folder import DATASET
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from synthetic.annotating.consensus import Consensus, consensus, read_decisions
from synthetic.dataset.earlier import STALE, read_earlier, write_earlier
from synthetic.dataset.stratify import Group, stratify
from synthetic.preparing.label_map import map_labels
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.records import PREPARED, SYNTHETIC, Prepared, from_line

SPLITS = ("train", "validation", "test")
SYNTHETIC_SOURCE = "synthetic"
FEW = 5  # rows of a label in a split below which its score there means little
_TRAIN, _VALIDATION, _TEST = range(3)
# Where a row may go.
_ANYWHERE, _NOT_TEST, _ONLY_TEST, _NOWHERE = {_TRAIN, _VALIDATION, _TEST}, {_TRAIN, _VALIDATION}, {_TEST}, set[int]()


@dataclass(frozen=True)
class Wanted:
    """How to split.

    Attributes:
        shares: of train, validation and test; they sum to 1.
        test_from: date (2024-01-31) from which issues are test rows; then `shares` divides the others.
        labels_from: "annotators", "repository" or "both".
        min_agreement: below it the annotators' labels do not count; None for what `agreement` was run with.
        keep_test: let the rows that were test rows in this folder before be test rows, and no others that it had.
    """

    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    test_from: str = ""
    seed: int = 0
    labels_from: str = "both"
    min_agreement: float | None = None
    keep_test: bool = True


@dataclass(frozen=True)
class Report:
    """What the dataset holds.

    Attributes:
        rows: split -> rows.
        labels: label -> split -> rows.
        sources: whose labels they are (people, annotators, repository, synthetic) -> rows.
        left_out: reason -> prepared or synthetic issues.
        kept_test: test rows that were test rows before; `lost_test`: that were, and are not in the dataset now.
    """

    rows: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    sources: Mapping[str, int]
    left_out: Mapping[str, int]
    kept_test: int
    lost_test: int

    def few(self) -> dict[str, list[str]]:
        """Label -> the splits in which it has fewer than FEW rows, of those that have rows at all."""
        splits = [split for split in SPLITS if self.rows[split]]
        found = {label: [split for split in splits if counts[split] < FEW] for label, counts in self.labels.items()}
        return {label: lacking for label, lacking in found.items() if lacking}


def split(folder: Path, labels: LabelSet, wanted: Wanted = Wanted()) -> Report:
    """Writes dataset.csv.

    Raises:
        InputError: nothing is prepared or labelled, no issue is as new as `test_from`, or a file is damaged.
    """
    issues = _read(folder / PREPARED)
    if not issues:
        raise InputError(f"{folder / PREPARED}: no issues", f"Make it by: python -m synthetic prepare {folder}")
    left_out: Counter[str] = Counter()
    row_of = _labelling(folder, labels, wanted)
    rows, groups = [], []
    for issue in issues:
        row = row_of(issue)
        if isinstance(row, str):
            left_out[row] += 1
        else:
            rows.append(row)
            groups.append(issue.group)
    if not rows:
        why = "; ".join(f"{reason}: {count:,}" for reason, count in left_out.items())
        raise InputError(f"{folder / PREPARED}: no issue has labels that count ({why})", "See --labels-from.")
    old = read_earlier(folder) if wanted.keep_test else {}
    rows = _divided(rows, groups, old, wanted, left_out)
    if wanted.test_from and not any(row.split == "test" for row in rows):
        raise InputError(f"no labelled issue is from {wanted.test_from} or later", "Give an earlier --test-from.")
    written = _read(folder / SYNTHETIC)
    stale = {one.id for one in written if not old or old.get(one.id) == STALE}
    rows += _synthetic([one for one in written if one.id not in stale], labels)
    left_out["synthetic, of another split"] += len(stale)
    # This first: were dataset.csv new and this old, what is stale would be forgotten.
    write_earlier(folder, {**old, **{row.id: row.split for row in rows}, **dict.fromkeys(stale, STALE)})
    write_dataset(folder / DATASET, rows, labels)
    return _report(rows, labels, left_out, old)


def _read(path: Path) -> list[Prepared]:
    return [from_line(Prepared, line, f"{path}:{number}") for number, line in enumerate(read_lines(path), 1)]


def _labelling(folder: Path, labels: LabelSet, wanted: Wanted) -> Callable[[Prepared], Row | str]:
    """What makes a row of an issue, or says why it stays out."""
    decisions = read_decisions(folder, labels)
    agreed: dict[str, Consensus] = {}
    if wanted.labels_from != "repository":
        agreed = consensus(folder, labels, min_agreement=wanted.min_agreement)

    def row_of(issue: Prepared) -> Row | str:
        decision, answer = decisions.get(issue.id), agreed.get(issue.id)
        if decision is not None and decision.labels is not None:
            return _row(issue, decision.labels, f"person:{decision.by}")
        if answer is not None:
            if answer.disputed:
                return "annotators disagree"
            return _row(issue, answer.labels, "+".join(answer.annotators), answer.agreement)
        if wanted.labels_from == "annotators":
            return "no answer"
        own = map_labels(issue.labels, labels)
        # Nobody's labels are no labels: whether one would fit is not known.
        return _row(issue, own, "repository") if own else "no label of the list"

    return row_of


def _row(issue: Prepared, labels: tuple[str, ...], annotator: str, agreement: float | None = None) -> Row:
    one = issue
    rounded = None if agreement is None else round(agreement, 4)
    return Row(
        one.id, one.repo, one.number, one.title, one.body, labels, "", one.source, annotator, rounded, one.created_at
    )


def _divided(
    rows: Sequence[Row], groups: Sequence[str], old: Mapping[str, str], wanted: Wanted, left_out: Counter[str]
) -> list[Row]:
    """The rows with their splits; counts those that stay out."""
    members: dict[str, list[int]] = defaultdict(list)
    may = [_may_go(row, old, wanted) for row in rows]
    for i, group in enumerate(groups):
        if may[i]:
            members[group].append(i)
        else:
            left_out["trained on before, and as new as the test set"] += 1
    stay, dealt = [], []
    for found in members.values():
        some = found
        # One that must be a test row draws its group along, but nothing that was, or must be, trained on.
        if any(may[i] == _ONLY_TEST for i in found):
            some = [i for i in found if _TEST in may[i]]
            left_out["linked with a test row, and trained on before or older"] += len(found) - len(some)
        parts = set.intersection(*(may[i] for i in some))
        stay.append(some)
        dealt.append(Group(len(some), Counter(name for i in some for name in rows[i].labels), parts))
    shares = wanted.shares
    if wanted.test_from:
        shares = (shares[0] / (shares[0] + shares[1]), shares[1] / (shares[0] + shares[1]), 0.0)
    part_of: dict[int, int] = {}
    for some, part in zip(stay, stratify(dealt, shares, wanted.seed), strict=True):
        part_of |= dict.fromkeys(some, part)
    return [replace(row, split=SPLITS[part_of[i]]) for i, row in enumerate(rows) if i in part_of]


def _may_go(row: Row, old: Mapping[str, str], wanted: Wanted) -> set[int]:
    """The splits that a row may go to, apart from its group."""
    before = old.get(row.id, "")
    if before == "test":
        return _ONLY_TEST
    if wanted.test_from:
        if row.created_at < wanted.test_from:
            return _NOT_TEST
        return _NOWHERE if before else _ONLY_TEST
    return _NOT_TEST if before else _ANYWHERE


def _synthetic(issues: Sequence[Prepared], labels: LabelSet) -> list[Row]:
    """Rows that a model wrote, for training alone. Those that it wrote for another split are not among them: what it
    was shown then may be tested on now."""
    rows = [_row(issue, map_labels(issue.labels, labels), "") for issue in issues]
    return [replace(row, split="train", source=SYNTHETIC_SOURCE) for row in rows]


def _report(rows: Sequence[Row], labels: LabelSet, left_out: Counter[str], old: Mapping[str, str]) -> Report:
    counts = {name: dict.fromkeys(SPLITS, 0) for name in labels.names}
    for row in rows:
        for name in row.labels:
            counts[name][row.split] += 1
    test = {row.id for row in rows if row.split == "test"}
    before = {key for key, part in old.items() if part == "test"}
    return Report(
        rows={part: sum(row.split == part for row in rows) for part in SPLITS},
        labels=counts,
        sources=dict(Counter(map(_whose, rows))),
        left_out={reason: count for reason, count in left_out.items() if count},
        kept_test=len(before & test),
        lost_test=len(before - test),
    )


def _whose(row: Row) -> str:
    if row.source == SYNTHETIC_SOURCE:
        return "synthetic"
    if row.annotator.startswith("person:"):
        return "people"
    return "repository" if row.annotator == "repository" else "annotators"
