"""Which labels to put on an issue and which to take back: a pure function of what is known about it.

The policy: only add; what a person put there or took away stands; a family that has a label already is left alone.
An issue that says nothing is left alone, and one that clearly says something has a label at least.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from types import MappingProxyType

from labeler.decision.abstain import Judgement
from labeler.decision.candidates import Candidate, candidates_of
from labeler.decision.policy import Policy as Policy
from labeler.decision.policy import Present as Present
from labeler.decision.room import is_full, room_of, why_full
from labeler.labels.label_set import LabelSet, fold
from labeler.text.language import NAMES


class Verdict(StrEnum):
    """What became of a label."""

    ADD = "add"
    TOLD = "told"  # added because a rule of the list says so: the form's answer, the title
    NEAREST = "nearest"  # added below its threshold: the issue is clearly real and nothing passes
    FALLBACK = "fallback"  # added because nothing else was
    NEEDS_INFO = "needs info"  # added because the issue says too little
    LEFT_ALONE = "left alone"  # it passes, and the issue has nothing to say
    PRESENT = "present"
    BELOW = "below threshold"
    REMOVED_BY_PERSON = "removed by a person"
    FAMILY_TAKEN = "family taken"
    OVER_MAXIMUM = "over maximum"
    NO_ROOM = "no room"  # GitHub's own limit of labels an issue
    NOT_ALLOWED = "not allowed"
    NOT_IN_REPOSITORY = "not in the repository"
    TAKE_BACK = "take back"  # put there by this action, no longer warranted


# Verdicts that add the label.
ADDED = (Verdict.ADD, Verdict.TOLD, Verdict.NEAREST, Verdict.FALLBACK, Verdict.NEEDS_INFO)


@dataclass(frozen=True)
class Row:
    """The verdict on one label, under its name in the repository; a fallback unknown to the model has no numbers."""

    label: str
    probability: float | None
    threshold: float | None
    verdict: Verdict
    reason: str
    told: str = ""  # the rule that wants the label, in words, whatever became of it


@dataclass(frozen=True)
class Decision:
    """Names to add and to remove, both in listed order, and a row for every label considered.

    `left_alone` is why no label of the model was to be set; empty where that was not so. `skipped`: somebody asked that
    such issues be left alone, whatever they say.
    """

    add: tuple[str, ...]
    remove: tuple[str, ...]
    rows: tuple[Row, ...]
    left_alone: str = ""
    skipped: bool = False


_NOTHING_TOLD: Mapping[str, str] = MappingProxyType({})


def decide(
    probabilities: Mapping[str, float],
    labels: LabelSet,
    thresholds: Mapping[str, float],
    policy: Policy,
    present: Sequence[Present] = (),
    removed: Collection[str] = (),
    repository: Collection[str] | None = None,
    told: Mapping[str, str] = _NOTHING_TOLD,
    judgement: Judgement | None = None,
    language: str = "",
) -> Decision:
    """The decision on one issue.

    `probabilities` and `thresholds` (the manifest's) are keyed by the model's names, which are names or aliases of
    `labels`. `removed` are names that a person took off the issue. `repository` are the live label names, which give
    the spelling to write; None means unknown, and the names of `labels` are written.
    `told` are labels, by their names in `labels`, that a rule wants whatever their probability, with the rule in words:
    they come first, and of a family that is told nothing else is set. All else that keeps a label off holds for them.
    `judgement` is whether the issue says anything; None: not known. `language` is what it is written in, two letters.
    A label's threshold is the policy's for it, else its own, else the policy's, else the manifest's, else 0.5.
    """
    candidates = tuple(candidates_of(probabilities, labels, thresholds, policy, present, removed, repository, told))
    skipped = f"language: {NAMES.get(language, language)} is to be skipped" if language in policy.skip_languages else ""
    judgement = judgement if policy.abstain and not skipped else None
    why = judgement.reason.value if judgement and judgement.reason else skipped
    verdicts = {i: verdict for i, c in enumerate(candidates) if (verdict := _alone(c, policy, why))}
    running = [(i, c) for i, c in enumerate(candidates) if i not in verdicts]
    running.sort(key=lambda item: (not item[1].told, -(item[1].probability or 0), item[0]))
    settled = _settled_families(candidates, labels, present)
    told_families = {fold(c.label.family) for c in candidates if c.told and c.label.family}
    verdicts |= _in_turn(running, settled, told_families, policy, present)
    if judgement and judgement.is_real:
        verdicts |= _nearest(candidates, verdicts, settled, policy, present)
    # What says too little needs more than a fallback, which comes where there is nothing else.
    more = bool(judgement and judgement.reason and judgement.reason.wants_more)
    needs_info = _Spare(next(filter(lambda c: c.is_needs_info, candidates), None), Verdict.NEEDS_INFO, why, more)
    fallback = _Spare(
        next(filter(lambda c: c.is_fallback, candidates), None), Verdict.FALLBACK, "no other label passes"
    )
    for spare in (needs_info, fallback):
        verdicts |= _of_spare(spare, candidates, verdicts, policy, present, why)

    judged = [(c, *verdicts[i]) for i, c in enumerate(candidates)]
    is_told = any(verdict is Verdict.TOLD for _, verdict, _ in judged)
    # A fallback that the model does not know and that nobody needs is not worth a row.
    shown = [item for item in judged if item[1] is not Verdict.BELOW or item[0].probability is not None]
    return Decision(
        add=tuple(c.name for c, verdict, _ in judged if verdict in ADDED),
        remove=tuple(p.name for c, verdict, _ in judged if verdict is Verdict.TAKE_BACK for p in c.on_issue),
        rows=tuple(Row(c.name, c.probability, c.threshold, verdict, reason, c.told) for c, verdict, reason in shown),
        left_alone="" if is_told else why,
        skipped=bool(skipped) and not is_told,
    )


_Judgement = tuple[Verdict, str]
_MORE_PROBABLE = "another label of family {} is more probable"


def _alone(candidate: Candidate, policy: Policy, why: str) -> _Judgement | None:
    """The verdict that needs no look at other labels; None where the label is in the running.

    `why`: why the issue is left alone; empty where it is not.
    """
    if candidate.on_issue and not candidate.is_changeable:
        return Verdict.PRESENT, "already on the issue"
    if candidate.is_changeable:
        if candidate.passes and (candidate.told or not why):
            return None
        return Verdict.TAKE_BACK, f"put there by this action: {why if candidate.passes else candidate.numbers}"
    if not candidate.passes:
        return Verdict.BELOW, candidate.numbers
    return _obstacle(candidate, policy) or ((Verdict.LEFT_ALONE, why) if why and not candidate.told else None)


def _obstacle(candidate: Candidate, policy: Policy) -> _Judgement | None:
    """Why the label must not be added whatever its probability; None where nothing forbids it."""
    names = [candidate.name, *candidate.label.spellings]
    if not candidate.is_listed:
        return Verdict.NOT_ALLOWED, "not in the label list"
    if _match(names, policy.block):
        return Verdict.NOT_ALLOWED, "on the block list"
    # Whoever names a fallback allows it.
    if policy.allow and not candidate.is_spare and not _match(names, policy.allow):
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
    running: Sequence[tuple[int, Candidate]],
    settled: Collection[str],
    told: Collection[str],
    policy: Policy,
    present: Sequence[Present],
) -> dict[int, _Judgement]:
    """Verdicts on the labels that pass, the most probable first: one a family, and no more than the maximum.

    `settled` and `told` are families: those with a label on the issue that stays, those that a rule decides.
    """
    verdicts: dict[int, _Judgement] = {}
    chosen: set[str] = set()
    room, full = room_of(policy, present), _full(policy, present)
    for i, candidate in running:
        verdicts[i] = _beside(candidate, settled, told, chosen, None if room else full)
        room -= verdicts[i][0] in ADDED
        if candidate.label.family and verdicts[i][0] in (*ADDED, Verdict.PRESENT):
            chosen.add(fold(candidate.label.family))
    return verdicts


def _full(policy: Policy, present: Sequence[Present]) -> _Judgement:
    if is_full(policy, present):
        return Verdict.NO_ROOM, why_full(present)
    return Verdict.OVER_MAXIMUM, "the maximum of new labels is reached"


def _beside(
    candidate: Candidate,
    settled: Collection[str],
    told: Collection[str],
    chosen: Collection[str],
    full: _Judgement | None,
) -> _Judgement:
    family = candidate.label.family
    by_rule = fold(family) in told
    rival = f"a rule tells another label of family {family}" if by_rule else _MORE_PROBABLE.format(family)
    is_taken = fold(family) in chosen or (by_rule and not candidate.told)
    if candidate.is_changeable:
        if is_taken and fold(family) not in settled:
            return Verdict.TAKE_BACK, f"put there by this action: {rival}"
        return Verdict.PRESENT, "already on the issue"
    if fold(family) in settled:
        return Verdict.FAMILY_TAKEN, f"the issue has a label of family {family}"
    if is_taken:
        return Verdict.FAMILY_TAKEN, rival
    if full:
        return full
    return Verdict.TOLD if candidate.told else Verdict.ADD, candidate.numbers


def _nearest(
    candidates: Sequence[Candidate],
    verdicts: Mapping[int, _Judgement],
    settled: Collection[str],
    policy: Policy,
    present: Sequence[Present],
) -> dict[int, _Judgement]:
    """The label nearest to its threshold, for an issue that is clearly real and has no label of the list.

    Thresholds that somebody asked for stand, and what passes but is forbidden has no stand-in.
    """
    able = [(i, c) for i, c in enumerate(candidates) if c.probability is not None and c.is_listed and c.is_fitted]
    here = any(c.on_issue and verdicts[i][0] is Verdict.PRESENT and not c.is_spare for i, c in enumerate(candidates))
    if here or not able or any(c.passes for c in candidates):
        return {}
    i, nearest = max(able, key=lambda item: (item[1].margin, -item[0]))
    obstacle = None if nearest.is_changeable else _obstacle(nearest, policy)
    verdict, reason = obstacle or _beside(
        nearest, settled, (), (), None if room_of(policy, present) else _full(policy, present)
    )
    if verdict is Verdict.ADD:
        return {i: (Verdict.NEAREST, f"nothing passes, and this comes nearest: {nearest.numbers}")}
    return {i: (verdict, reason)}


@dataclass(frozen=True)
class _Spare:
    """A label for an issue that has no other: the verdict that sets it, why, and whether the issue calls for it."""

    candidate: Candidate | None
    verdict: Verdict
    reason: str
    wanted: bool = True


def _of_spare(
    spare: _Spare,
    candidates: Sequence[Candidate],
    verdicts: Mapping[int, _Judgement],
    policy: Policy,
    present: Iterable[Present],
    why: str,
) -> dict[int, _Judgement]:
    """The last word on a label that is wanted only where the issue would otherwise have no label at all."""
    label = spare.candidate
    if label is None:
        return {}
    i = candidates.index(label)
    leaving = [p for j, c in enumerate(candidates) if verdicts[j][0] is Verdict.TAKE_BACK for p in c.on_issue]
    stays = any(p not in leaving and p not in label.on_issue for p in present)
    needed = spare.wanted and not stays and all(verdict not in ADDED for verdict, _ in verdicts.values())
    if label.is_changeable and (why or not label.passes):
        if verdicts[i][0] is Verdict.PRESENT:  # as the other spare
            return {}
        other = stays or any(verdict in ADDED for verdict, _ in verdicts.values())
        now = "the issue has another label now" if other else "the issue says enough now"
        taken_back = Verdict.TAKE_BACK, f"put there by this action: {now}"
        return {i: (Verdict.PRESENT, "already on the issue, and nothing else passes") if needed else taken_back}
    if label.on_issue or not needed:
        return {}
    if room_of(policy, tuple(present)) == 0:
        return {i: _full(policy, tuple(present))}
    return {i: _obstacle(label, policy) or (spare.verdict, spare.reason)}
