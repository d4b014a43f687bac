"""May a model replace the published one? Six rules, each of which can refuse it; their numbers are in gate.toml.

test       enough issues to judge by
champion   not worse than the published model beyond noise, in micro-F1, and in macro-F1 of labels that are not rare
linear     better than TF-IDF + logistic regression trained on the same rows
labels     no label that fell hard against the published model
answers    what the model writes without the grammar is well-formed
cost       an issue, a cold start and the bundle within budget

Models are judged as they are published, by their own thresholds. `eval.gate.evidence` gathers what is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.gate.rules import Rules
from eval.metrics.intervals import Difference, paired_difference
from eval.metrics.raw_answers import strict_fault
from labeler.base.f1 import f1_scores, micro_f1
from labeler.labels.label_set import Label, LabelSet

Array = np.ndarray
_FIGURES = {
    "micro_f1": ("micro-F1", micro_f1),
    "macro_f1": ("macro-F1", lambda *arrays: f1_scores(*arrays).mean()),
}


@dataclass(frozen=True)
class Cost:
    """What a model costs to run: median seconds of `n` issues, of a fresh process that labels one, and its size."""

    seconds_an_issue: float
    cold_seconds: float
    megabytes: float
    n: int


@dataclass(frozen=True)
class Evidence:
    """What the rules look at.

    Attributes:
        names: the labels; truth, known, candidate, linear: bool (n, labels); champion: the same, or None.
        asked: the names that the candidate is shown; answers: what it writes without the grammar.
        cost, champion_cost: None for a champion that is not there.
    """

    names: tuple[str, ...]
    truth: Array
    known: Array
    candidate: Array
    linear: Array
    champion: Array | None
    asked: tuple[str, ...]
    answers: tuple[str, ...]
    cost: Cost
    champion_cost: Cost | None


@dataclass(frozen=True)
class Finding:
    """What one rule says; `passed` is None where it was skipped."""

    rule: str
    passed: bool | None
    reason: str

    @property
    def mark(self) -> str:
        return {True: "✓", False: "✗", None: "–"}[self.passed]


def judge(evidence: Evidence, rules: Rules) -> tuple[Finding, ...]:
    """One finding a rule. The model may be published if none of them is False."""
    return (
        _test(evidence, rules),
        _champion(evidence, rules),
        _linear(evidence, rules),
        _labels(evidence, rules),
        _answers(evidence, rules),
        _cost(evidence, rules),
    )


def _test(evidence: Evidence, rules: Rules) -> Finding:
    count = int(evidence.known.any(1).sum())
    return Finding("test", count >= rules.test_issues, f"{count:,} issues to judge by (≥ {rules.test_issues:,})")


def _champion(evidence: Evidence, rules: Rules) -> Finding:
    if evidence.champion is None:
        return Finding("champion", None, "skipped: there is no champion yet")
    every = np.ones(len(evidence.names), dtype=bool)
    common = _support(evidence) >= rules.labels_support
    passed, parts = True, []
    for metric, labels, margin in (
        ("micro_f1", every, rules.champion_micro_f1_margin),
        ("macro_f1", common, rules.champion_macro_f1_margin),
    ):
        if labels.any():
            lead, beside = _compared(metric, evidence, evidence.champion, labels)
            passed &= lead.low > -margin
            parts.append(f"{beside} (lower end > {-margin:.3f}, {labels.sum()} labels, n = {lead.n:,})")
    return Finding("champion", passed, "; ".join(parts))


def _linear(evidence: Evidence, rules: Rules) -> Finding:
    lead, beside = _compared("micro_f1", evidence, evidence.linear, np.ones(len(evidence.names), dtype=bool))
    end, figure = ("lower end ", lead.low) if rules.linear_significant else ("", lead.value)
    passed = figure > rules.linear_micro_f1_lead
    return Finding("linear", passed, f"{beside} ({end}> {rules.linear_micro_f1_lead:.3f}); n = {lead.n:,}")


def _labels(evidence: Evidence, rules: Rules) -> Finding:
    if evidence.champion is None:
        return Finding("labels", None, "skipped: there is no champion yet")
    support = _support(evidence)
    judged = np.flatnonzero(support >= rules.labels_support)
    if not len(judged):
        return Finding("labels", None, f"skipped: no label has {rules.labels_support} true issues to judge it by")
    fell, all_of = [], []
    for label in judged:
        column = slice(label, label + 1)
        lead = paired_difference(
            "micro_f1",
            evidence.truth[:, column],
            evidence.candidate[:, column],
            evidence.champion[:, column],
            evidence.known[:, column],
        )
        all_of.append((lead.value, label))
        if lead.value < -rules.labels_f1_drop and lead.high < 0:
            fell.append(f"{evidence.names[label]} by {lead.cell} (n = {support[label]:,})")
    if fell:
        return Finding("labels", False, f"F1 fell by more than {rules.labels_f1_drop:.2f}: {', '.join(fell)}")
    least, label = min(all_of)
    rare = len(support) - len(judged)
    return Finding(
        "labels",
        True,
        f"no F1 of {len(judged)} labels fell by more than {rules.labels_f1_drop:.2f} for sure; lowest difference "
        f"{evidence.names[label]} {least:+.3f} (n = {support[label]:,})"
        + (f"; {rare} labels are too rare to judge" if rare else ""),
    )


def _answers(evidence: Evidence, rules: Rules) -> Finding:
    shown = LabelSet(tuple(map(Label, evidence.asked)))
    faults = [(text, fault) for text in evidence.answers if text.strip() and (fault := strict_fault(text, shown))]
    reason = f"{len(faults)} of {len(evidence.answers):,} answers written without the grammar are malformed"
    if faults:
        text, fault = faults[0]
        reason += f", the first by {fault}: {text[:60]!r}"
    return Finding("answers", len(faults) <= rules.answers_malformed, f"{reason}; at most {rules.answers_malformed}")


def _cost(evidence: Evidence, rules: Rules) -> Finding:
    limits = {
        "seconds_an_issue": (f"{{:.3f}} s an issue, median of n = {evidence.cost.n}", rules.cost_seconds_an_issue),
        "cold_seconds": ("{:.2f} s from cold", rules.cost_cold_seconds),
        "megabytes": ("{:.1f} MB", rules.cost_megabytes),
    }
    passed, parts = True, []
    for name, (form, limit) in limits.items():
        value = getattr(evidence.cost, name)
        passed &= value <= limit
        part = f"{form.format(value)} (≤ {limit:g}"
        if evidence.champion_cost and name != "megabytes":
            times = value / getattr(evidence.champion_cost, name)
            passed &= times <= rules.cost_times_champion
            part += f"; {times:.2f} times the champion's, ≤ {rules.cost_times_champion:g}"
        parts.append(part + ")")
    return Finding("cost", passed, ", ".join(parts))


def _support(evidence: Evidence) -> Array:
    """How many test issues have each label, (labels,)."""
    found: Array = (evidence.truth & evidence.known).sum(0)
    return found


def _compared(metric: str, evidence: Evidence, other: Array, labels: Array) -> tuple[Difference, str]:
    """The candidate's lead over another system on some labels, bool (labels,), and both figures as text."""
    truth, candidate, other, known = (
        cells[:, labels] for cells in (evidence.truth, evidence.candidate, other, evidence.known)
    )
    lead = paired_difference(metric, truth, candidate, other, known)
    name, figure = _FIGURES[metric]
    mine, its = figure(truth, candidate, known), figure(truth, other, known)
    return lead, f"{name} {mine:.3f} against {its:.3f}, difference {lead.cell}"
