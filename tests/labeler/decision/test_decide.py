from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.decision.abstain import Judgement, Reason
from labeler.decision.decide import Decision, Policy, Present, Verdict, decide
from labeler.labels.label_set import Label, LabelSet, fold

LABELS = LabelSet(
    (
        Label("bug", family="type"),
        Label("type: feature", aliases=("enhancement",), family="Type"),
        Label("docs", threshold=0.7),
        Label("area/cli", family="area"),
        Label("area/api", family="area"),
        Label("area/web", family="area"),
        Label("needs-triage"),
    )
)


def person(*names: str) -> tuple[Present, ...]:
    return tuple(Present(name, "person") for name in names)


def action(*names: str) -> tuple[Present, ...]:
    return tuple(Present(name, "action") for name in names)


def unknown(*names: str) -> tuple[Present, ...]:
    return tuple(Present(name) for name in names)


@dataclass
class Case:
    """What is given, and what must come of it; `verdicts` need not name every label."""

    why: str
    probabilities: dict[str, float]
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    thresholds: dict[str, float] = field(default_factory=dict)
    present: tuple[Present, ...] = ()
    removed: tuple[str, ...] = ()
    repository: tuple[str, ...] | None = None
    labels: LabelSet = LABELS
    told: dict[str, str] = field(default_factory=dict)
    judgement: Judgement | None = None
    language: str = ""

    def decide(self) -> Decision:
        return decide(
            self.probabilities,
            self.labels,
            self.thresholds,
            self.policy,
            self.present,
            self.removed,
            self.repository,
            self.told,
            self.judgement,
            self.language,
        )


V = Verdict
FALLBACK = Policy(fallback="needs-triage")
RELABEL = Policy(relabel=True)
BOTH = Policy(fallback="needs-triage", relabel=True)
THIN, SPAM = Judgement(-3.0, Reason.LITTLE_TEXT), Judgement(-3.0, Reason.CHATTER)
REAL, MIDDLING = Judgement(3.0, is_real=True), Judgement(0.0)
INFO = Policy(needs_info="needs-info")
INFO_TOO = Policy(needs_info="needs-info", fallback="needs-triage", relabel=True)
SKIP = Policy(skip_languages=("de", "ja"), fallback="needs-triage", needs_info="needs-info")

THRESHOLDS = [
    Case("half is the default", {"bug": 0.5, "area/cli": 0.49}, ("bug",), verdicts={"area/cli": V.BELOW}),
    Case("the manifest's", {"bug": 0.35}, ("bug",), thresholds={"BUG": 0.3}),
    Case("the manifest's by alias", {"enhancement": 0.35}, ("type: feature",), thresholds={"enhancement": 0.3}),
    Case("policy before manifest", {"bug": 0.35}, policy=Policy(threshold=0.4), thresholds={"bug": 0.3}),
    Case("labels.yml before policy", {"docs": 0.65}, policy=Policy(threshold=0.1)),
    Case("labels.yml before manifest", {"docs": 0.65}, thresholds={"docs": 0.1}),
    Case("named in policy before all", {"docs": 0.2}, ("docs",), policy=Policy(0.9, {"Docs": 0.1})),
    Case(
        "named in policy by alias", {"type: feature": 0.2}, ("type: feature",), policy=Policy(0.9, {"Enhancement": 0.1})
    ),
    Case("zero is a threshold", {"bug": 0.0}, ("bug",), policy=Policy(threshold=0.0)),
    Case("zero for one label", {"docs": 0.0}, ("docs",), policy=Policy(thresholds={"docs": 0.0})),
    Case("nan never passes", {"bug": float("nan")}, policy=Policy(threshold=0.0), verdicts={"bug": V.BELOW}),
]

NAMES = [
    Case("an alias stands for its label", {"enhancement": 0.9}, ("type: feature",)),
    Case("the higher of two spellings counts", {"enhancement": 0.1, "type: feature": 0.9}, ("type: feature",)),
    Case("the repository's spelling", {"bug": 0.9}, ("Bug",), repository=("Bug", "docs")),
    Case("the repository has the alias", {"enhancement": 0.9}, ("Enhancement",), repository=("Enhancement",)),
    Case("name before alias", {"enhancement": 0.9}, ("Type: Feature",), repository=("enhancement", "Type: Feature")),
    Case("not in the repository", {"bug": 0.9}, repository=("docs",), verdicts={"bug": V.NOT_IN_REPOSITORY}),
    Case("a repository without labels", {"bug": 0.9}, repository=(), verdicts={"bug": V.NOT_IN_REPOSITORY}),
    Case("not in the list", {"wontfix": 0.9}, repository=("wontfix",), verdicts={"wontfix": V.NOT_ALLOWED}),
    Case("added in listed order", {"area/api": 0.8, "docs": 0.9, "bug": 0.7}, ("bug", "docs", "area/api")),
]

ALLOWED = [
    Case(
        "allowed", {"bug": 0.9, "docs": 0.9}, ("docs",), policy=Policy(allow=("DOC*",)), verdicts={"bug": V.NOT_ALLOWED}
    ),
    Case(
        "blocked", {"bug": 0.9, "docs": 0.9}, ("docs",), policy=Policy(block=("B?g",)), verdicts={"bug": V.NOT_ALLOWED}
    ),
    Case(
        "block before allow", {"bug": 0.9}, policy=Policy(allow=("*",), block=("bug",)), verdicts={"bug": V.NOT_ALLOWED}
    ),
    Case("blocked by alias", {"type: feature": 0.9}, policy=Policy(block=("enh*",))),
    Case("allowed by alias", {"type: feature": 0.9}, ("type: feature",), policy=Policy(allow=("enh*",))),
    Case(
        "a slash is a character",
        {"area/api": 0.9},
        policy=Policy(block=("area*",)),
        verdicts={"area/api": V.NOT_ALLOWED},
    ),
    Case(
        "brackets name themselves",
        {"[x]": 0.9, "bug": 0.9},
        ("[x]",),
        policy=Policy(allow=("[x]",)),
        labels=LabelSet((Label("[x]"), Label("bug"))),
    ),
    Case("below, then blocked", {"bug": 0.1}, policy=Policy(block=("bug",)), verdicts={"bug": V.BELOW}),
    Case(
        "a blocked label frees its family",
        {"bug": 0.9, "enhancement": 0.6},
        ("type: feature",),
        policy=Policy(block=("bug",)),
    ),
]

PERSONS = [
    Case("present by a person", {"bug": 0.9}, present=person("BUG"), verdicts={"bug": V.PRESENT}),
    Case("present and unlikely", {"bug": 0.1}, present=person("bug"), verdicts={"bug": V.PRESENT}),
    Case("present under its alias", {"type: feature": 0.9}, present=person("enhancement")),
    Case("removed", {"bug": 0.9}, removed=("Bug",), verdicts={"bug": V.REMOVED_BY_PERSON}),
    Case("removed under its alias", {"type: feature": 0.9}, removed=("ENHANCEMENT",)),
    Case("removed, then put back by a person", {"bug": 0.9}, present=person("bug"), removed=("bug",)),
    Case("removed frees its family", {"bug": 0.9, "type: feature": 0.6}, ("type: feature",), removed=("bug",)),
    Case("a person's stays on relabel", {"bug": 0.1}, policy=RELABEL, present=person("bug")),
    Case("an unknown's stays on relabel", {"bug": 0.1}, policy=RELABEL, present=unknown("bug")),
    Case("both put it there", {"bug": 0.1}, policy=RELABEL, present=action("bug") + person("Bug")),
]

FAMILIES = [
    Case("the most probable", {"bug": 0.7, "type: feature": 0.8}, ("type: feature",), verdicts={"bug": V.FAMILY_TAKEN}),
    Case("not the widest margin", {"bug": 0.7, "enhancement": 0.8}, ("type: feature",), thresholds={"bug": 0.1}),
    Case("the first of equals", {"enhancement": 0.8, "bug": 0.8}, ("bug",)),
    Case("two families", {"bug": 0.8, "area/api": 0.8}, ("bug", "area/api")),
    Case("a person's", {"bug": 0.9}, present=person("type: feature"), verdicts={"bug": V.FAMILY_TAKEN}),
    Case("a person's by alias", {"bug": 0.9}, present=person("enhancement"), verdicts={"bug": V.FAMILY_TAKEN}),
    Case("a person's on relabel", {"bug": 0.9}, policy=RELABEL, present=person("type: feature")),
    Case("the action's", {"bug": 0.9, "enhancement": 0.6}, present=action("type: feature")),
    Case("one the model does not rate", {"bug": 0.9}, policy=RELABEL, present=action("enhancement")),
    Case(
        "not in the repository", {"bug": 0.9, "type: feature": 0.6}, ("type: feature",), repository=("type: feature",)
    ),
]

MAXIMUM = [
    Case(
        "the most probable first",
        {"bug": 0.6, "docs": 0.9, "area/api": 0.8},
        ("docs", "area/api"),
        policy=Policy(max_labels=2),
        verdicts={"bug": V.OVER_MAXIMUM},
    ),
    Case("none at all", {"bug": 0.9}, policy=Policy(max_labels=0), verdicts={"bug": V.OVER_MAXIMUM}),
    Case(
        "an issue with 99 labels has room for the most probable one",
        {"bug": 0.8, "area/cli": 0.9},
        ("area/cli",),
        present=tuple(Present(f"area {n}") for n in range(99)),
        verdicts={"bug": V.NO_ROOM, "area/cli": V.ADD},
    ),
    Case(
        "present ones are free",
        {"bug": 0.9, "docs": 0.9},
        ("docs",),
        policy=Policy(max_labels=1),
        present=person("bug"),
    ),
    Case(
        "a loser takes no room",
        {"bug": 0.9, "enhancement": 0.8, "docs": 0.7},
        ("bug", "docs"),
        policy=Policy(max_labels=2),
    ),
    Case(
        "a swap over the maximum is none",
        {"bug": 0.9, "enhancement": 0.6},
        policy=Policy(max_labels=0, relabel=True),
        present=action("enhancement"),
        verdicts={"bug": V.OVER_MAXIMUM, "type: feature": V.PRESENT},
    ),
]

FALLBACKS = [
    Case("nothing passes", {"bug": 0.1}, ("needs-triage",), policy=FALLBACK, verdicts={"needs-triage": V.FALLBACK}),
    Case("something passes", {"bug": 0.9}, ("bug",), policy=FALLBACK),
    Case("no labels rated", {}, ("needs-triage",), policy=FALLBACK),
    Case(
        "rated below", {"needs-triage": 0.1}, ("needs-triage",), policy=FALLBACK, verdicts={"needs-triage": V.FALLBACK}
    ),
    Case("rated above", {"needs-triage": 0.9}, ("needs-triage",), policy=FALLBACK, verdicts={"needs-triage": V.ADD}),
    Case("in any case", {"bug": 0.1}, ("needs-triage",), policy=Policy(fallback="NEEDS-Triage")),
    Case("by alias", {"bug": 0.1}, ("type: feature",), policy=Policy(fallback="enhancement")),
    Case("not in the list", {"bug": 0.1}, ("Triage",), policy=Policy(fallback="triage"), repository=("Triage",)),
    Case("rated, not in the list", {"Triage": 0.9, "triage": 0.1}, ("Triage",), policy=Policy(fallback="triage")),
    Case("another label present", {"bug": 0.1}, policy=FALLBACK, present=person("wontfix")),
    Case(
        "itself present",
        {"bug": 0.1},
        policy=FALLBACK,
        present=person("Needs-Triage"),
        verdicts={"needs-triage": V.PRESENT},
    ),
    Case(
        "removed",
        {"bug": 0.1},
        policy=FALLBACK,
        removed=("needs-triage",),
        verdicts={"needs-triage": V.REMOVED_BY_PERSON},
    ),
    Case(
        "not in the repository",
        {"bug": 0.1},
        policy=FALLBACK,
        repository=("bug",),
        verdicts={"needs-triage": V.NOT_IN_REPOSITORY},
    ),
    Case(
        "blocked",
        {"bug": 0.1},
        policy=Policy(fallback="needs-triage", block=("needs-*",)),
        verdicts={"needs-triage": V.NOT_ALLOWED},
    ),
    Case(
        "need not be allowed", {"bug": 0.9}, ("needs-triage",), policy=Policy(fallback="needs-triage", allow=("docs",))
    ),
    Case(
        "over the maximum",
        {"bug": 0.9},
        policy=Policy(fallback="needs-triage", max_labels=0),
        verdicts={"needs-triage": V.OVER_MAXIMUM},
    ),
    Case("everything was removed", {"bug": 0.9}, ("needs-triage",), policy=FALLBACK, removed=("bug",)),
]

RELABELS = [
    Case("below now", {"bug": 0.1}, (), ("bug",), {"bug": V.TAKE_BACK}, RELABEL, present=action("bug")),
    Case(
        "as it is spelled there",
        {"enhancement": 0.1},
        (),
        ("Enhancement",),
        policy=RELABEL,
        present=action("Enhancement"),
    ),
    Case("still passes", {"bug": 0.9}, policy=RELABEL, present=action("bug"), verdicts={"bug": V.PRESENT}),
    Case("not asked for", {"bug": 0.1}, present=action("bug"), verdicts={"bug": V.PRESENT}),
    Case("not rated", {"docs": 0.1}, policy=RELABEL, present=action("bug")),
    Case(
        "replaced",
        {"bug": 0.1, "enhancement": 0.9},
        ("type: feature",),
        ("bug",),
        policy=RELABEL,
        present=action("bug"),
    ),
    Case(
        "a better one of its family",
        {"bug": 0.6, "enhancement": 0.9},
        ("type: feature",),
        ("bug",),
        {"bug": V.TAKE_BACK, "type: feature": V.ADD},
        RELABEL,
        present=action("bug"),
    ),
    Case(
        "a worse one of its family",
        {"bug": 0.9, "enhancement": 0.6},
        policy=RELABEL,
        present=action("bug"),
        verdicts={"type: feature": V.FAMILY_TAKEN},
    ),
    Case(
        "a better one that was removed",
        {"bug": 0.6, "enhancement": 0.9},
        policy=RELABEL,
        present=action("bug"),
        removed=("type: feature",),
    ),
    Case(
        "two of a family",
        {"bug": 0.6, "enhancement": 0.9},
        (),
        ("bug",),
        policy=RELABEL,
        present=action("bug", "type: feature"),
    ),
    Case(
        "beside a person's of the family",
        {"bug": 0.6, "enhancement": 0.9},
        policy=RELABEL,
        present=action("bug") + person("type: feature"),
    ),
    Case(
        "two of a family that a person settled",
        {"area/cli": 0.9, "area/api": 0.8},
        policy=RELABEL,
        present=action("area/cli", "area/api") + person("area/web"),
    ),
    Case(
        "removed ones in listed order",
        {"docs": 0, "bug": 0},
        (),
        ("bug", "docs"),
        policy=RELABEL,
        present=action("docs", "bug"),
    ),
    Case(
        "fallback no longer needed",
        {"bug": 0.9},
        ("bug",),
        ("needs-triage",),
        policy=BOTH,
        present=action("needs-triage"),
    ),
    Case(
        "fallback still needed",
        {"bug": 0.1},
        policy=BOTH,
        present=action("needs-triage"),
        verdicts={"needs-triage": V.PRESENT},
    ),
    Case("rated fallback still needed", {"needs-triage": 0.1}, policy=BOTH, present=action("needs-triage")),
    Case(
        "fallback beside a person's label",
        {"bug": 0.1},
        (),
        ("needs-triage",),
        policy=BOTH,
        present=action("needs-triage") + person("wontfix"),
    ),
    Case("a person's fallback", {"bug": 0.9}, ("bug",), policy=BOTH, present=person("needs-triage")),
    Case(
        "all taken back, then the fallback",
        {"bug": 0.1},
        ("needs-triage",),
        ("bug",),
        policy=BOTH,
        present=action("bug"),
    ),
]

BUG_TOLD = {"bug": "form answer: Type = Bug"}
TOLD = [
    Case("before the model", {"bug": 0.1, "docs": 0.8}, ("bug", "docs"), verdicts={"bug": V.TOLD}, told=BUG_TOLD),
    Case("a label that the model was not asked for", {}, ("bug",), verdicts={"bug": V.TOLD}, told=BUG_TOLD),
    Case("blocked", {"bug": 0.9}, policy=Policy(block=("bug",)), verdicts={"bug": V.NOT_ALLOWED}, told=BUG_TOLD),
    Case("not allowed", {"bug": 0.9}, policy=Policy(allow=("x",)), verdicts={"bug": V.NOT_ALLOWED}, told=BUG_TOLD),
    Case("removed", {}, removed=("Bug",), verdicts={"bug": V.REMOVED_BY_PERSON}, told=BUG_TOLD),
    Case("no such label", {}, repository=("docs",), verdicts={"bug": V.NOT_IN_REPOSITORY}, told=BUG_TOLD),
    Case("in the repository's spelling", {}, ("BUG",), repository=("BUG",), told=BUG_TOLD),
    Case(
        "the model's label of its family stays off",
        {"bug": 0.1, "enhancement": 0.9},
        ("bug",),
        verdicts={"type: feature": V.FAMILY_TAKEN},
        told=BUG_TOLD,
    ),
    Case(
        "the family is told even where its label may not be set",
        {"bug": 0.1, "enhancement": 0.9},
        policy=Policy(block=("bug",)),
        verdicts={"type: feature": V.FAMILY_TAKEN},
        told=BUG_TOLD,
    ),
    Case(
        "two of a family: the first of the list",
        {"area/web": 0.9},
        ("area/cli",),
        verdicts={"area/api": V.FAMILY_TAKEN, "area/web": V.FAMILY_TAKEN},
        told={"area/api": "a", "area/cli": "b"},
    ),
    Case(
        "a person's label of the family stands",
        {},
        present=person("enhancement"),
        verdicts={"bug": V.FAMILY_TAKEN},
        told=BUG_TOLD,
    ),
    Case(
        "first within the maximum",
        {"docs": 0.9},
        ("bug",),
        policy=Policy(max_labels=1),
        verdicts={"docs": V.OVER_MAXIMUM},
        told=BUG_TOLD,
    ),
    Case("no fallback beside it", {"docs": 0.1}, ("bug",), policy=FALLBACK, told=BUG_TOLD),
    Case("a fallback that is told", {}, ("needs-triage",), policy=FALLBACK, told={"needs-triage": "title"}),
    Case("stays on an edit", {"bug": 0.1}, policy=RELABEL, present=action("bug"), told=BUG_TOLD),
    Case(
        "another of its family goes on an edit",
        {"enhancement": 0.9},
        ("bug",),
        ("type: feature",),
        policy=RELABEL,
        present=action("type: feature"),
        told=BUG_TOLD,
    ),
]
ABSTAINING = [
    Case("what passes", {"bug": 0.9}, (), verdicts={"bug": V.LEFT_ALONE}, judgement=SPAM),
    Case("what does not pass", {"bug": 0.1}, (), verdicts={"bug": V.BELOW}, judgement=SPAM),
    Case("if that is not wanted", {"bug": 0.9}, ("bug",), policy=Policy(abstain=False), judgement=SPAM),
    Case("a person's label", {"bug": 0.9}, present=person("bug"), verdicts={"bug": V.PRESENT}, judgement=SPAM),
    Case("its own label", {"bug": 0.9}, remove=("bug",), policy=RELABEL, present=action("bug"), judgement=SPAM),
    Case("the fallback", {"bug": 0.9}, ("needs-triage",), policy=FALLBACK, judgement=SPAM),
    Case("too little text", {"bug": 0.9}, ("needs-info",), verdicts={"needs-info": V.NEEDS_INFO}, policy=INFO,
         judgement=THIN),
    Case("no evidence", {"bug": 0.9}, ("needs-info",), policy=INFO, judgement=Judgement(-3.0, Reason.NO_EVIDENCE)),
    Case("more of spam is not asked for", {"bug": 0.9}, (), policy=INFO, judgement=SPAM),
    Case("nor of another language", {"bug": 0.9}, (), policy=INFO, judgement=Judgement(-3.0, Reason.LANGUAGE)),
    Case("nor of a real issue", {"bug": 0.1}, (), policy=INFO, judgement=MIDDLING),
    Case("nor where a person has labelled", {"bug": 0.9}, (), policy=INFO, present=person("docs"), judgement=THIN),
    Case("one of the two is enough", {"bug": 0.9}, ("needs-info",), policy=INFO_TOO, judgement=THIN),
    Case("it is not allowed by name but by being named", {"bug": 0.9}, ("needs-info",),
         policy=Policy(allow=("bug",), needs_info="needs-info"), judgement=THIN),
    Case("still too little", {"bug": 0.9}, (), (), {"needs-info": V.PRESENT}, INFO_TOO,
         present=action("needs-info"), judgement=THIN),
    Case("enough by now", {"bug": 0.9}, ("bug",), ("needs-info",), policy=INFO_TOO, present=action("needs-info"),
         judgement=MIDDLING),
    Case("enough, but nothing passes", {"bug": 0.1}, ("needs-triage",), ("needs-info",), policy=INFO_TOO,
         present=action("needs-info"), judgement=MIDDLING),
]  # fmt: skip

SKIPPED = [
    Case("no label of the model", {"bug": 0.9}, ("needs-triage",), (), {"bug": V.LEFT_ALONE}, SKIP, language="de"),
    Case("nor the nearest", {"bug": 0.4}, ("needs-triage",), policy=SKIP, judgement=REAL, language="ja"),
    Case("nor is more asked for", {"bug": 0.9}, ("needs-triage",), policy=SKIP, judgement=THIN, language="de"),
    Case("nothing without a fallback", {"bug": 0.9}, policy=Policy(skip_languages=("de",)), language="de"),
    Case("all the same if none is left alone for what it says", {"bug": 0.9},
         policy=Policy(skip_languages=("de",), abstain=False), language="de"),
    Case("another language", {"bug": 0.9}, ("bug",), policy=SKIP, language="fr"),
    Case("none that is known", {"bug": 0.9}, ("bug",), policy=SKIP),
    Case("a rule still holds", {"bug": 0.9}, ("docs",), policy=SKIP, told={"docs": "a rule"}, language="de"),
    Case("its own label", {"bug": 0.9}, remove=("bug",), policy=Policy(skip_languages=("de",), relabel=True),
         present=action("bug"), language="de"),
]  # fmt: skip

NEAREST = [
    Case("clearly real", {"bug": 0.4, "docs": 0.1}, ("bug",), (), {"bug": V.NEAREST, "docs": V.BELOW}, judgement=REAL),
    Case("by log-odds from the threshold", {"bug": 0.4, "area/cli": 0.15}, ("area/cli",),
         thresholds={"bug": 0.8, "area/cli": 0.2}, judgement=REAL),
    Case("not so clearly", {"bug": 0.4}, (), judgement=MIDDLING),
    Case("something passes", {"bug": 0.4, "area/cli": 0.9}, ("area/cli",), judgement=REAL),
    Case("something passes and is blocked", {"bug": 0.4, "area/cli": 0.9}, (), policy=Policy(block=("area/*",)),
         judgement=REAL),
    Case("a threshold that was asked for", {"bug": 0.4, "area/cli": 0.1}, ("area/cli",),
         policy=Policy(thresholds={"bug": 0.5}), judgement=REAL),
    Case("a threshold for all", {"bug": 0.4}, (), policy=Policy(threshold=0.5), judgement=REAL),
    Case("a threshold in the list", {"docs": 0.69}, (), judgement=REAL),
    Case("a label is there", {"bug": 0.4, "area/cli": 0.1}, (), present=person("area/cli"), judgement=REAL),
    Case("no room", {"bug": 0.4}, (), (), {"bug": V.OVER_MAXIMUM}, Policy(max_labels=0), judgement=REAL),
    Case("a person took it off", {"bug": 0.4, "area/cli": 0.1}, (), (), {"bug": V.REMOVED_BY_PERSON},
         removed=("bug",), judgement=REAL),
    Case("no fallback beside it", {"bug": 0.4}, ("bug",), policy=FALLBACK, judgement=REAL),
    Case("it stays", {"bug": 0.4}, (), (), {"bug": V.PRESENT}, RELABEL, present=action("bug"), judgement=REAL),
]  # fmt: skip

RULES = {
    "left alone": ABSTAINING,
    "skipped": SKIPPED,
    "nearest": NEAREST,
    "threshold": THRESHOLDS,
    "name": NAMES,
    "allowed": ALLOWED,
    "person": PERSONS,
    "family": FAMILIES,
    "maximum": MAXIMUM,
    "fallback": FALLBACKS,
    "relabel": RELABELS,
    "told": TOLD,
}
CASES = {f"{rule}: {case.why}": case for rule, cases in RULES.items() for case in cases}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_rule_holds(case: Case) -> None:
    decision = case.decide()
    verdicts = {row.label: row.verdict for row in decision.rows}
    assert (decision.add, decision.remove) == (case.add, case.remove)
    assert {label: verdicts.get(label) for label in case.verdicts} == case.verdicts


def test_every_verdict_is_reached_by_a_case() -> None:
    assert {row.verdict for case in CASES.values() for row in case.decide().rows} == set(Verdict)


def test_a_row_gives_name_numbers_and_reason() -> None:
    decision = decide({"bug": 0.25, "docs": 0.75}, LABELS, {"bug": 0.4}, Policy(), repository=["Bug", "docs"])
    assert [(row.label, row.probability, row.threshold, row.verdict.value) for row in decision.rows] == [
        ("Bug", 0.25, 0.4, "below threshold"),
        ("docs", 0.75, 0.7, "add"),
    ]
    assert decision.rows[0].reason == "probability 0.25, threshold 0.40"


def test_a_row_says_which_rule_wants_the_label_whatever_became_of_it() -> None:
    told = {"bug": "form answer: Type = Bug", "docs": "title begins with docs"}
    rows = decide({"bug": 0.1}, LABELS, {}, Policy(block=("docs",)), told=told).rows
    assert [(row.reason, row.told) for row in rows] == [(told["bug"], told["bug"]), ("on the block list", told["docs"])]


def test_a_fallback_that_the_model_does_not_rate_has_a_row_only_where_it_matters() -> None:
    (row,) = decide({}, LABELS, {}, FALLBACK).rows
    assert (row.label, row.probability, row.threshold, row.verdict) == ("needs-triage", None, None, V.FALLBACK)
    assert [row.label for row in decide({"bug": 0.9}, LABELS, {}, FALLBACK).rows] == ["bug"]


def test_rows_are_in_listed_order_with_strangers_last() -> None:
    probabilities = {"stranger": 0.9, "docs": 0.1, "bug": 0.1}
    decision = decide(probabilities, LABELS, {}, Policy(fallback="triage"))
    assert [row.label for row in decision.rows] == ["bug", "docs", "stranger", "triage"]


Situation = dict[str, Any]

NAMES_IN_ALL = [spelling for label in LABELS for spelling in label.spellings] + ["stranger", "triage"]
any_name = st.sampled_from([variant for name in NAMES_IN_ALL for variant in (name, name.upper())])
policies = st.builds(
    Policy,
    threshold=st.none() | st.floats(0, 1),
    thresholds=st.dictionaries(any_name, st.floats(0, 1), max_size=3),
    max_labels=st.none() | st.integers(0, 3),
    allow=st.just(()) | st.lists(any_name | st.just("area/*"), max_size=4).map(tuple),
    block=st.just(()) | st.lists(any_name | st.just("area/*"), max_size=2).map(tuple),
    fallback=st.just("") | any_name,
    needs_info=st.just("") | any_name,
    abstain=st.booleans(),
    relabel=st.booleans(),
)
situations = st.fixed_dictionaries(
    {
        "probabilities": st.dictionaries(any_name, st.floats(0, 1), max_size=8),
        "labels": st.just(LABELS),
        "thresholds": st.dictionaries(any_name, st.floats(0, 1), max_size=4),
        "policy": policies,
        "present": st.lists(
            st.builds(Present, any_name, st.sampled_from(["person", "action", "unknown"])),
            max_size=4,
            unique_by=lambda present: fold(present.name),
        ),
        "removed": st.lists(any_name, max_size=3),
        "repository": st.none() | st.lists(any_name, max_size=8, unique_by=fold),
        "judgement": st.sampled_from([None, THIN, SPAM, MIDDLING, REAL]),
    }
)


def meaning(name: str) -> str:
    """The listed label that a name means, by name or alias; itself where none."""
    found = LABELS.find(name)
    return fold(found.name if found else name)


@given(situations)
def test_a_persons_label_is_never_removed(situation: Situation) -> None:
    by = {present.name: present.by for present in situation["present"]}
    decision = decide(**situation)
    assert all(by[name] == "action" for name in decision.remove)
    assert situation["policy"].relabel or not decision.remove
    assert not any(meaning(p.name) in map(meaning, decision.remove) for p in situation["present"] if p.by != "action")


@given(situations)
def test_what_a_person_removed_is_never_added(situation: Situation) -> None:
    assert not {meaning(name) for name in decide(**situation).add} & {meaning(name) for name in situation["removed"]}


@given(situations)
def test_nothing_is_added_that_is_there_or_not_in_the_repository(situation: Situation) -> None:
    decision = decide(**situation)
    assert not {meaning(name) for name in decision.add} & {meaning(p.name) for p in situation["present"]}
    assert len({meaning(name) for name in decision.add}) == len(decision.add)
    if situation["repository"] is not None:
        assert set(decision.add) <= set(situation["repository"])


@given(situations)
def test_only_listed_labels_and_the_fallback_are_added_and_nothing_blocked(situation: Situation) -> None:
    policy = situation["policy"]
    for name in decide(**situation).add:
        assert LABELS.find(name) or meaning(name) in (meaning(policy.fallback), meaning(policy.needs_info))
        assert meaning(name) not in {meaning(pattern) for pattern in policy.block}
        assert not (name.startswith("area/") and "area/*" in policy.block)


@given(situations)
def test_a_family_that_gets_a_label_has_one_in_the_end(situation: Situation) -> None:
    decision = decide(**situation)
    families = {fold(label.family) for name in decision.add if (label := LABELS.find(name)) and label.family}
    kept = [p.name for p in situation["present"] if p.name not in decision.remove]
    final = [label for name in {meaning(n) for n in (*kept, *decision.add)} if (label := LABELS.find(name))]
    for family in families:
        assert sum(fold(label.family) == family for label in final) == 1


@given(situations)
def test_never_more_than_the_maximum_is_added(situation: Situation) -> None:
    maximum = situation["policy"].max_labels
    assert maximum is None or len(decide(**situation).add) <= maximum


@given(situations)
def test_additions_and_rows_are_in_listed_order(situation: Situation) -> None:
    order = [meaning(name) for name in LABELS.names]
    decision = decide(**situation)
    for names in (decision.add, [row.label for row in decision.rows]):
        listed = [order.index(meaning(name)) for name in names if meaning(name) in order]
        assert listed == sorted(listed)


@given(situations, st.randoms())
def test_the_order_of_what_is_given_makes_no_difference(situation: Situation, random: Random) -> None:
    first = decide(**situation)
    for key in ("present", "removed"):
        random.shuffle(situation[key])
    listed = [item for item in situation["probabilities"].items() if LABELS.find(item[0])]
    others = [item for item in situation["probabilities"].items() if not LABELS.find(item[0])]
    random.shuffle(listed)
    again = decide(**{**situation, "probabilities": dict(others + listed)})
    assert (again.add, set(again.remove), again.rows) == (first.add, set(first.remove), first.rows)


@given(situations)
def test_deciding_again_once_it_is_done_changes_nothing(situation: Situation) -> None:
    first = decide(**situation)
    kept = [p for p in situation["present"] if p.name not in first.remove]
    done = [*kept, *(Present(name, "action") for name in first.add)]
    policy = situation["policy"]
    if policy.max_labels is None:
        again = decide(**{**situation, "present": done})
        assert (again.add, again.remove) == ((), ())


@given(situations)
def test_an_issue_is_left_bare_only_where_the_fallback_is_forbidden(situation: Situation) -> None:
    policy = situation["policy"]
    decision = decide(**situation)
    kept = [p.name for p in situation["present"] if p.name not in decision.remove]
    if policy.fallback and not kept and not decision.add:
        (verdict,) = {row.verdict for row in decision.rows if meaning(row.label) == meaning(policy.fallback)}
        assert verdict in {V.NOT_ALLOWED, V.NOT_IN_REPOSITORY, V.REMOVED_BY_PERSON, V.OVER_MAXIMUM, V.TAKE_BACK}
