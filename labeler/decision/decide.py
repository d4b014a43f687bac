"""Which labels to put on an issue and which to take back: a pure function of what is known about it.

The policy: only add; what a person put there or took away stands; a family that has a label already is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from labeler.decision.candidates import Candidate, candidates_of
from labeler.decision.policy import Policy as Policy
from labeler.decision.policy import Present as Present
from labeler.decision.room import is_full, room_of, why_full
from labeler.labels.label_set import LabelSet, fold


class Verdict(StrEnum):
    """What became of a label."""

    ADD = "add"
    FALLBACK = "fallback"  # added because nothing else was
    PRESENT = "present"
    BELOW = "below threshold"
    REMOVED_BY_PERSON = "removed by a person"
    FAMILY_TAKEN = "family taken"
    OVER_MAXIMUM = "over maximum"
    NO_ROOM = "no room"  # GitHub's own limit of labels an issue
    NOT_ALLOWED = "not allowed"
    NOT_IN_REPOSITORY = "not in the repository"
    TAKE_BACK = "take back"  # put there by this action, no longer warranted


@dataclass(frozen=True)
class Row:
    """The verdict on one label, under its name in the repository; a fallback unknown to the model has no numbers."""

    label: str
    probability: float | None
    threshold: float | None
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Decision:
    """Names to add and to remove, both in listed order, and a row for every label considered."""

    add: tuple[str, ...]
    remove: tuple[str, ...]
    rows: tuple[Row, ...]


def decide(
    probabilities: Mapping[str, float],
    labels: LabelSet,
    thresholds: Mapping[str, float],
    policy: Policy,
    present: Sequence[Present] = (),
    removed: Collection[str] = (),
    repository: Collection[str] | None = None,
) -> Decision:
    """The decision on one issue.

    `probabilities` and `thresholds` (the manifest's) are keyed by the model's names, which are names or aliases of
    `labels`. `removed` are names that a person took off the issue. `repository` are the live label names, which give
    the spelling to write; None means unknown, and the names of `labels` are written.
    A label's threshold is the policy's for it, else its own, else the policy's, else the manifest's, else 0.5.
    """
    candidates = tuple(candidates_of(probabilities, labels, thresholds, policy, present, removed, repository))
    verdicts = {i: verdict for i, c in enumerate(candidates) if (verdict := _alone(c, policy))}
    running = [(i, c) for i, c in enumerate(candidates) if i not in verdicts]
    running.sort(key=lambda item: (-(item[1].probability or 0), item[0]))
    verdicts |= _in_turn(running, _settled_families(candidates, labels, present), policy, present)
    verdicts |= _of_fallback(candidates, verdicts, policy, present)

    judged = [(c, *verdicts[i]) for i, c in enumerate(candidates)]
    # A fallback that the model does not know and that nobody needs is not worth a row.
    shown = [item for item in judged if item[1] is not Verdict.BELOW or item[0].probability is not None]
    return Decision(
        add=tuple(c.name for c, verdict, _ in judged if verdict in (Verdict.ADD, Verdict.FALLBACK)),
        remove=tuple(p.name for c, verdict, _ in judged if verdict is Verdict.TAKE_BACK for p in c.on_issue),
        rows=tuple(Row(c.name, c.probability, c.threshold, verdict, reason) for c, verdict, reason in shown),
    )


_Judgement = tuple[Verdict, str]


def _alone(candidate: Candidate, policy: Policy) -> _Judgement | None:
    """The verdict that needs no look at other labels; None where the label is in the running."""
    if candidate.on_issue and not candidate.is_changeable:
        return Verdict.PRESENT, "already on the issue"
    if candidate.is_changeable:
        return None if candidate.passes else (Verdict.TAKE_BACK, f"put there by this action: {candidate.numbers}")
    if not candidate.passes:
        return Verdict.BELOW, candidate.numbers
    return _obstacle(candidate, policy)


def _obstacle(candidate: Candidate, policy: Policy) -> _Judgement | None:
    """Why the label must not be added whatever its probability; None where nothing forbids it."""
    names = [candidate.name, *candidate.label.spellings]
    if not candidate.is_listed:
        return Verdict.NOT_ALLOWED, "not in the label list"
    if _match(names, policy.block):
        return Verdict.NOT_ALLOWED, "on the block list"
    # Whoever names a fallback allows it.
    if policy.allow and not candidate.is_fallback and not _match(names, policy.allow):
        return Verdict.NOT_ALLOWED, "not on the allow list"
    if not candidate.is_live:
        return Verdict.NOT_IN_REPOSITORY, "the repository has no such label"
    if candidate.is_removed:
        return Verdict.REMOVED_BY_PERSON, "a person took it off this issue"
    return None


def _match(names: Iterable[str], patterns: Iterable[str]) -> bool:
    # Equality too, since a name such as [bug] is no pattern that matches itself.
    pairs = [(fold(name), fold(pattern)) for name in names for pattern in patterns]
    return any(name == pattern or fnmatchcase(name, pattern) for name, pattern in pairs)


def _settled_families(candidates: Iterable[Candidate], labels: LabelSet, present: Iterable[Present]) -> set[str]:
    """Families with a label on the issue that is not to be changed."""
    changeable = {c.label for c in candidates if c.is_changeable}
    on_issue = (labels.find(p.name) for p in present)
    return {fold(label.family) for label in on_issue if label and label.family and label not in changeable}


def _in_turn(
    running: Sequence[tuple[int, Candidate]], settled: Collection[str], policy: Policy, present: Sequence[Present]
) -> dict[int, _Judgement]:
    """Verdicts on the labels that pass, the most probable first: one a family, and no more than the maximum."""
    verdicts: dict[int, _Judgement] = {}
    chosen: set[str] = set()
    room, full = room_of(policy, present), _full(policy, present)
    for i, candidate in running:
        verdicts[i] = _beside(candidate, settled, chosen, None if room else full)
        room -= verdicts[i][0] is Verdict.ADD
        if candidate.label.family and verdicts[i][0] in (Verdict.ADD, Verdict.PRESENT):
            chosen.add(fold(candidate.label.family))
    return verdicts


def _full(policy: Policy, present: Sequence[Present]) -> _Judgement:
    if is_full(policy, present):
        return Verdict.NO_ROOM, why_full(present)
    return Verdict.OVER_MAXIMUM, "the maximum of new labels is reached"


def _beside(
    candidate: Candidate, settled: Collection[str], chosen: Collection[str], full: _Judgement | None
) -> _Judgement:
    family = candidate.label.family
    if candidate.is_changeable:
        if fold(family) in chosen and fold(family) not in settled:
            return Verdict.TAKE_BACK, f"put there by this action: another label of family {family} is more probable"
        return Verdict.PRESENT, "already on the issue"
    if fold(family) in settled:
        return Verdict.FAMILY_TAKEN, f"the issue has a label of family {family}"
    if fold(family) in chosen:
        return Verdict.FAMILY_TAKEN, f"another label of family {family} is more probable"
    if full:
        return full
    return Verdict.ADD, candidate.numbers


def _of_fallback(
    candidates: Sequence[Candidate], verdicts: Mapping[int, _Judgement], policy: Policy, present: Iterable[Present]
) -> dict[int, _Judgement]:
    """The last word on the fallback, which is wanted only where the issue would otherwise have no label at all."""
    found = next(((i, c) for i, c in enumerate(candidates) if c.is_fallback), None)
    if found is None:
        return {}
    i, fallback = found
    leaving = [p for j, c in enumerate(candidates) if verdicts[j][0] is Verdict.TAKE_BACK for p in c.on_issue]
    stays = any(p not in leaving and p not in fallback.on_issue for p in present)
    needed = not stays and all(verdict is not Verdict.ADD for verdict, _ in verdicts.values())
    if fallback.is_changeable and not fallback.passes:
        taken_back = Verdict.TAKE_BACK, "put there by this action: the issue has another label now"
        return {i: (Verdict.PRESENT, "already on the issue, and nothing else passes") if needed else taken_back}
    if fallback.on_issue or not needed:
        return {}
    if room_of(policy, tuple(present)) == 0:
        return {i: _full(policy, tuple(present))}
    return {i: _obstacle(fallback, policy) or (Verdict.FALLBACK, "no other label passes")}
