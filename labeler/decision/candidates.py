"""What is known of every label that a decision must judge: its numbers, its spelling, where it stands on the issue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from labeler.decision.abstain import margin_of
from labeler.decision.policy import Policy, Present
from labeler.labels.counterparts import counterparts
from labeler.labels.label_set import Label, LabelSet, fold

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Candidate:
    """What is known of one label that the model or the policy names; `name` is the spelling to write."""

    label: Label
    name: str
    probability: float | None
    threshold: float | None
    is_fitted: bool  # the threshold comes with the model: nobody asked for it
    on_issue: tuple[Present, ...]
    is_changeable: bool  # on the issue by this action alone, which may take it back
    is_fallback: bool
    is_needs_info: bool
    is_listed: bool
    is_live: bool
    is_removed: bool
    told: str = ""  # why a rule wants the label, whatever its probability

    @property
    def passes(self) -> bool:
        if self.told:
            return True
        return self.probability is not None and self.threshold is not None and self.probability >= self.threshold

    @property
    def is_spare(self) -> bool:
        """It is set for want of others, and says nothing of the issue."""
        return self.is_fallback or self.is_needs_info

    @property
    def margin(self) -> float:
        """How far the probability is above the threshold, in log-odds."""
        assert self.probability is not None
        assert self.threshold is not None
        return margin_of([self.probability], [self.threshold])

    @property
    def numbers(self) -> str:
        if self.told:
            return self.told
        if self.probability is None or self.threshold is None:
            return "not a label of the model"
        return f"probability {self.probability:.2f}, threshold {self.threshold:.2f}"


def candidates_of(
    probabilities: Mapping[str, float],
    labels: LabelSet,
    thresholds: Mapping[str, float],
    policy: Policy,
    present: Sequence[Present],
    removed: Collection[str],
    repository: Collection[str] | None,
    told: Mapping[str, str],
) -> Iterator[Candidate]:
    """Listed labels in listed order, then the others that the model names, then a fallback that is neither.

    A label for issues that say too little is one like the fallback.
    """
    best: dict[Label, float] = {}
    unlisted: dict[str, Label] = {}
    for name, probability in probabilities.items():
        label = labels.find(name) or unlisted.setdefault(fold(name), Label(name))
        best[label] = max(best.get(label, probability), probability)
    fallback, needs_info = (_spare(name, labels, unlisted) for name in (policy.fallback, policy.needs_info))
    wanted, fitted = _folded(policy.thresholds), _folded(thresholds)
    everywhere = [*(labels.names if repository is None else repository), *(p.name for p in present), *removed]
    meant = counterparts(labels, everywhere)
    live = {fold(name): name for name in (labels.names if repository is None else repository)}
    gone = {fold(name) for name in removed}
    for label in (*labels, *unlisted.values()):
        is_spare = label in (fallback, needs_info)
        if label not in best and not is_spare and label.name not in told:
            continue
        own = [fold(spelling) for spelling in (*label.spellings, *meant.get(label, ()))]
        on_issue = tuple(p for p in present if fold(p.name) in own)
        given = _threshold(label, own, wanted, policy.threshold) if label in best else None
        yield Candidate(
            label=label,
            name=next((live[spelling] for spelling in own if spelling in live), label.name),
            probability=best.get(label),
            threshold=given if given is not None or label not in best else _fitted(own, fitted),
            is_fitted=label in best and given is None,
            on_issue=on_issue,
            is_changeable=policy.relabel and bool(on_issue) and all(p.by == "action" for p in on_issue),
            is_fallback=label == fallback,
            is_needs_info=label == needs_info,
            is_listed=labels.find(label.name) is not None or is_spare,
            is_live=repository is None or any(spelling in live for spelling in own),
            is_removed=any(spelling in gone for spelling in own),
            told=told.get(label.name, ""),
        )


def _folded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {fold(name): number for name, number in numbers.items()}


def _spare(name: str, labels: LabelSet, unlisted: dict[str, Label]) -> Label | None:
    """The label that the policy names for want of others, which need not be on the list; None where it names none."""
    if not name:
        return None
    return labels.find(name) or unlisted.setdefault(fold(name), Label(name))


def _threshold(label: Label, own: Sequence[str], wanted: Mapping[str, float], general: float | None) -> float | None:
    """What somebody asked of the label; None where nobody did."""
    from_policy = next((wanted[spelling] for spelling in own if spelling in wanted), None)
    return next((t for t in (from_policy, label.threshold, general) if t is not None), None)


def _fitted(own: Sequence[str], fitted: Mapping[str, float]) -> float:
    return next((fitted[spelling] for spelling in own if spelling in fitted), DEFAULT_THRESHOLD)
