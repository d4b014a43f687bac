"""What counts: the annotators' answers by vote, and over them what people decided.

An issue's labels are those that enough of its annotators set. How far the annotators agree on an issue is the mean
Jaccard index over all pairs of them (Jaccard 1901): the share of the labels that either set which both set; two empty
sets agree fully. Issues below a cut are disputed: they are for people, not for training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from labeler.errors import InputError, UsageError
from labeler.labels.label_set import LabelSet
from synthetic.annotating.instruction import prompt_for
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.records import AGREEMENT, ANSWERS, DECISIONS, Answer, Decision, from_line

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """When a label counts, and when an issue does.

    Attributes:
        votes: how many annotators must set a label; None: more than half of those that answered on the issue.
        min_agreement: an issue below it is disputed; 0..1.
    """

    votes: int | None = None
    min_agreement: float = 0.5


@dataclass(frozen=True)
class Consensus:
    """What the annotators say of one issue together.

    Attributes:
        labels: in listed order.
        agreement: 0..1, best 1; None where there is only one answer.
        annotators: who answered, sorted.
        disputed: the agreement is below the cut, fewer answered than a label needs votes, or only one of several
            annotators answered: for people to decide.
    """

    labels: Labels
    agreement: float | None
    annotators: Labels
    disputed: bool


@dataclass(frozen=True)
class Answers:
    """The answers that count, and how many don't.

    Attributes:
        by_issue: issue id -> annotator -> labels in listed order; in the order of the first answer on each issue.
        failed: (id, annotator) pairs that were asked and have no answer.
        other_prompts: answers to another instruction or label list.
    """

    by_issue: Mapping[str, Mapping[str, Labels]]
    failed: frozenset[tuple[str, str]] = frozenset()
    other_prompts: int = 0
    annotators: Labels = field(default=())


def consensus(
    folder: Path, labels: LabelSet, *, votes: int | None = None, min_agreement: float | None = None
) -> dict[str, Consensus]:
    """Issue id -> what its annotators say together, of the answers to the present labels.

    Args:
        votes, min_agreement: None for what `agreement` was last run with, else for what Rule says.

    Raises:
        InputError: answers.jsonl or agreement.json is damaged; the message says where.
    """
    kept = read_rule(folder)
    rule = Rule(kept.votes if votes is None else votes, kept.min_agreement if min_agreement is None else min_agreement)
    return agreed(read_answers(folder, labels), labels, rule)


def agreed(answers: Answers, labels: LabelSet, rule: Rule) -> dict[str, Consensus]:
    """Issue id -> consensus. Raises UsageError where more votes are asked for than there are annotators."""
    several = len(answers.annotators) > 1
    if rule.votes is not None and answers.annotators and rule.votes > len(answers.annotators):
        what = f"--votes {rule.votes}, and there are {len(answers.annotators)} annotators"
        raise UsageError(what, f"Give at most {len(answers.annotators)}, or have more of them answer.")
    found = {}
    for issue, given in answers.by_issue.items():
        sets = list(given.values())
        agreement = mean_jaccard(sets)
        disputed = several if agreement is None else agreement < rule.min_agreement
        disputed = disputed or len(sets) < (rule.votes or 1)
        found[issue] = Consensus(elected(sets, labels, rule.votes), agreement, tuple(sorted(given)), disputed)
    return found


def elected(sets: Sequence[Labels], labels: LabelSet, votes: int | None = None) -> Labels:
    """The labels that at least `votes` of the sets hold (None: more than half of them), in listed order."""
    need = len(sets) // 2 + 1 if votes is None else votes
    return tuple(name for name in labels.names if sum(name in one for one in sets) >= need)


def jaccard(one: Labels, other: Labels) -> float:
    """Size of the intersection by size of the union; 1 for two empty sets."""
    union = set(one) | set(other)
    return len(set(one) & set(other)) / len(union) if union else 1.0


def mean_jaccard(sets: Sequence[Labels]) -> float | None:
    """Mean over all pairs of sets; None where there is no pair."""
    pairs = [jaccard(one, other) for one, other in combinations(sets, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def read_answers(folder: Path, labels: LabelSet) -> Answers:
    """The newest answer of each annotator on each issue, of those to the present instruction and labels.

    Raises:
        InputError: a line is damaged or names a label that is not in the list.
    """
    path, prompt = folder / ANSWERS, prompt_for(labels).hash
    by_issue: dict[str, dict[str, Labels]] = {}
    failed: set[tuple[str, str]] = set()
    others = 0
    for number, line in enumerate(read_lines(path), 1):
        answer = from_line(Answer, line, f"{path}:{number}")
        if answer.prompt != prompt:
            others += 1
        elif answer.labels is None:
            failed.add((answer.id, answer.annotator))
        else:
            by_issue.setdefault(answer.id, {})[answer.annotator] = in_order(answer.labels, labels, f"{path}:{number}")
    names = {name for given in by_issue.values() for name in given}
    open_ = frozenset((issue, name) for issue, name in failed if name not in by_issue.get(issue, {}))
    return Answers(by_issue, open_, others, tuple(sorted(names | {name for _, name in failed})))


def read_decisions(folder: Path, labels: LabelSet) -> dict[str, Decision]:
    """Issue id -> the newest decision on it; its `labels` is None where it was skipped or taken back.

    Raises:
        InputError: a line is damaged or names a label that is not in the list.
    """
    path = folder / DECISIONS
    found = {}
    for number, line in enumerate(read_lines(path), 1):
        one = from_line(Decision, line, f"{path}:{number}")
        chosen = None if one.labels is None else in_order(one.labels, labels, f"{path}:{number}")
        found[one.id] = Decision(one.id, chosen, one.by, one.at)
    return found


def read_rule(folder: Path) -> Rule:
    """What `agreement` was last run with in this folder, else the defaults. Raises InputError."""
    path = folder / AGREEMENT
    if not path.is_file():
        return Rule()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["rule"]
        return Rule(found["votes"], float(found["min_agreement"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged: {error!r}", "Make it anew by: python -m synthetic agreement DIR") from error


def in_order(names: Sequence[str], labels: LabelSet, where: str) -> Labels:
    """The names as they are spelt and ordered in the list. Raises InputError, beginning with `where`, for others."""
    if unknown := labels.unknown(names):
        remedy = f"Correct it, or add it to labels.yml. There are: {', '.join(labels.names)}."
        raise InputError(f"{where}: {', '.join(map(repr, unknown))} is not in the label list", remedy)
    return labels.only(names).names
