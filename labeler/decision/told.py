"""Labels that the form or the title of an issue tells, by the rules in labels.yml: no model is asked for these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labeler.labels.form_rules import Rule
from labeler.labels.label_set import LabelSet
from labeler.text.forms.fields import chosen, folded, form_answers, text_of
from labeler.text.issue import Issue
from labeler.text.timed_search import SECONDS, search_all


@dataclass(frozen=True)
class Told:
    """`reasons`: label name -> the rule that holds, in words. `warnings` name rules that could not be asked."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def told_of(issue: Issue, labels: LabelSet) -> Told:
    """What the rules of `labels` say of one issue; of a label's rules the first that holds is named.

    Plain rules first; expressions are only searched for labels that no plain rule tells, within `SECONDS` in all.
    """
    if not any(label.rules for label in labels):
        return Told()
    answers, title = form_answers(issue.body), " ".join(issue.title.casefold().split())
    reasons: dict[str, str] = {}
    asked: list[tuple[str, Rule, str]] = []
    for label in labels:
        if rule := next((rule for rule in label.rules if _holds(rule, answers, title)), None):
            reasons[label.name] = rule.said
        else:
            asked += [(label.name, rule, _searched(rule, answers, issue.title)) for rule in label.rules]
    # Short texts first: what takes long on a long text then keeps no other from being asked.
    asked = sorted((one for one in asked if one[1].expression and one[2]), key=lambda one: len(one[2]))
    late = []
    found = search_all([(rule.expression, text) for _, rule, text in asked])
    for (name, rule, _), is_found in zip(asked, found, strict=True):
        if is_found:
            reasons.setdefault(name, rule.said)
        elif is_found is None:
            late.append((name, rule))
    return Told({label.name: reasons[label.name] for label in labels if label.name in reasons}, _said_of(late))


def _holds(rule: Rule, answers: Mapping[str, tuple[str, ...]], title: str) -> bool:
    if rule.value:
        return chosen(answers.get(folded(rule.field), ()), rule.value)
    return bool(rule.title) and title.startswith(rule.title.casefold())


def _searched(rule: Rule, answers: Mapping[str, tuple[str, ...]], title: str) -> str:
    return text_of(answers, rule.field) if rule.field else title


def _said_of(late: list[tuple[str, Rule]]) -> tuple[str, ...]:
    if not late:
        return ()
    (name, rule), *others = late
    what = f"the rule of {name} ({rule.said}) was not answered within {SECONDS:g} s on this issue"
    rest = f", so {len(others)} more {'was' if len(others) == 1 else 'were'} not asked" * bool(others)
    return (f"In the labels file {what}{rest}. Make the expression simpler: no repetition within a repetition.",)
