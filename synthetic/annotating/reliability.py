"""How far the annotators agree, beyond what chance would bring: per label, on whole label sets, with the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labeler.labels.label_set import LabelSet
from synthetic.annotating.coefficients import MISSING, alpha_of_sets, cohen_kappa, fleiss_kappa, krippendorff_alpha
from synthetic.annotating.consensus import Answers, Consensus, Labels, Rule, agreed, jaccard
from synthetic.workspace.records import Prepared

Array = np.ndarray


@dataclass(frozen=True)
class LabelAgreement:
    """One label.

    Attributes:
        votes: answers that set it; `issues`: issues whose consensus has it.
        kappa: Cohen's of two annotators, Fleiss' of more, over the issues that all of them answered.
        alpha: Krippendorff's for nominal data, over all issues with two answers or more.
        own, both: of the issues that the repository labelled, those with this label from there, and from there and
            from the consensus; `consensus`: those with it from the consensus. `own_kappa`: Cohen's of the two.
    """

    name: str
    votes: int
    issues: int
    kappa: float | None
    alpha: float | None
    own: int
    consensus: int
    both: int
    own_kappa: float | None


@dataclass(frozen=True)
class AnnotatorFigures:
    """One annotator: issues answered, asked in vain, mean labels an issue, mean Jaccard index with the consensus."""

    name: str
    answered: int
    failed: int
    labels_an_issue: float
    with_consensus: float


@dataclass(frozen=True)
class Agreement:
    """The figures over the prepared issues.

    Attributes:
        rule: what made the consensus.
        issues: with an answer at least; `prepared`: in all; `complete`: that all annotators answered.
        unanimous: issues on which two answers or more are all the same.
        mean_jaccard: mean over issues of the mean pairwise Jaccard index; None with one annotator.
        alpha: Krippendorff's for label sets by MASI distance.
        own_issues: issues with an answer that the repository labelled; `own_jaccard`: mean index with the consensus.
        other_prompts: answers to another instruction or label list, which do not count.
        disputed: ids of the issues for people, those with the least agreement first.
        undecided: how many of them nobody has decided.
    """

    rule: Rule
    prepared: int
    issues: int
    complete: int
    unanimous: int
    mean_jaccard: float | None
    alpha: float | None
    own_issues: int
    own_jaccard: float | None
    other_prompts: int
    annotators: tuple[AnnotatorFigures, ...]
    labels: tuple[LabelAgreement, ...]
    disputed: Labels
    undecided: int


def measure(
    issues: Sequence[Prepared], answers: Answers, labels: LabelSet, rule: Rule, decided: Mapping[str, object]
) -> Agreement:
    """The agreement on prepared issues; `decided` has the ids of those that a person decided."""
    found = agreed(answers, labels, rule)
    answered = [one for one in issues if one.id in found]
    sets = [answers.by_issue[one.id] for one in answered]
    # bool (issues, annotators, labels), and which of the annotators answered: bool (issues, annotators).
    votes = np.array([[_cells(given.get(who, ()), labels) for who in answers.annotators] for given in sets], dtype=bool)
    votes = votes.reshape(len(sets), len(answers.annotators), len(labels))
    there = np.array([[who in given for who in answers.annotators] for given in sets], dtype=bool).reshape(
        votes.shape[:2]
    )
    disputed = by_agreement([one.id for one in answered if found[one.id].disputed], found)
    scores = [score for one in answered if (score := found[one.id].agreement) is not None]
    own = [one for one in answered if one.labels]
    return Agreement(
        rule=rule,
        prepared=len(issues),
        issues=len(answered),
        complete=int(there.all(1).sum()),
        unanimous=sum(len(given) > 1 and len(set(given.values())) == 1 for given in sets),
        mean_jaccard=_mean(scores),
        alpha=alpha_of_sets(votes, there),
        own_issues=len(own),
        own_jaccard=_mean([jaccard(found[one.id].labels, one.labels) for one in own]),
        other_prompts=answers.other_prompts,
        annotators=_annotators(answered, answers, found),
        labels=_labels(labels, votes, there, answered, found),
        disputed=disputed,
        undecided=sum(issue not in decided for issue in disputed),
    )


def by_agreement(ids: Sequence[str], found: Mapping[str, Consensus]) -> Labels:
    """The ids, those with the least agreement first; those with a single answer last."""

    def place(issue: str) -> tuple[bool, float]:
        agreement = found[issue].agreement
        return (agreement is None, agreement or 0.0)

    return tuple(sorted(ids, key=place))


def _cells(given: Labels, labels: LabelSet) -> list[bool]:
    return [name in given for name in labels.names]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _annotators(
    issues: Sequence[Prepared], answers: Answers, found: Mapping[str, Consensus]
) -> tuple[AnnotatorFigures, ...]:
    ids = {one.id for one in issues}
    figures = []
    for who in answers.annotators:
        given = {issue: sets[who] for issue, sets in answers.by_issue.items() if issue in ids and who in sets}
        figures.append(
            AnnotatorFigures(
                name=who,
                answered=len(given),
                failed=sum(name == who for _, name in answers.failed),
                labels_an_issue=_mean([len(one) for one in given.values()]) or 0.0,
                with_consensus=_mean([jaccard(one, found[issue].labels) for issue, one in given.items()]) or 0.0,
            )
        )
    return tuple(figures)


def _labels(
    labels: LabelSet, votes: Array, there: Array, issues: Sequence[Prepared], found: Mapping[str, Consensus]
) -> tuple[LabelAgreement, ...]:
    whole = there.all(1)
    elected = np.array([_cells(found[one.id].labels, labels) for one in issues], bool).reshape(-1, len(labels))
    own = np.array([_cells(one.labels, labels) for one in issues], bool).reshape(-1, len(labels))
    labelled = own.any(1)
    figures = []
    for i, name in enumerate(labels.names):
        cells = votes[:, :, i]
        positive = cells[whole].sum(1)
        if there.shape[1] == 2:
            kappa = cohen_kappa(cells[whole, 0], cells[whole, 1])
        else:
            kappa = fleiss_kappa(np.stack([positive, there.shape[1] - positive], 1))
        theirs, ours = own[labelled, i], elected[labelled, i]
        figures.append(
            LabelAgreement(
                name=name,
                votes=int(cells.sum()),
                issues=int(elected[:, i].sum()),
                kappa=kappa,
                alpha=krippendorff_alpha(np.where(there, cells, MISSING), 1 - np.eye(2)),
                own=int(theirs.sum()),
                consensus=int(ours.sum()),
                both=int((theirs & ours).sum()),
                own_kappa=cohen_kappa(theirs, ours),
            )
        )
    return tuple(figures)
