"""Rules by which an issue's form or title decides a label before the model is asked: `from` in labels.yml.

    - name: bug
      from:
        - {field: Type, value: Bug}        # the form's field of that heading has this answer, or this among others
        - {field: Area, pattern: "^core/"} # a regular expression is found in the field's answer
        - {title: "[Bug]"}                 # the title begins so
        - {title-pattern: "^fix(ed)?:"}    # a regular expression is found in the title

One rule that holds is enough, case is ignored everywhere, and ^ and $ stand for ends of lines. What an issue says is
compared in labeler.decision.told.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from labeler.labels.label_fields import Value, wrong

MOST_CHARACTERS = 300  # of a heading, a value, a title or a pattern
_KEYS = {"field": "field", "value": "value", "pattern": "pattern", "title": "title", "title-pattern": "title_pattern"}
_PATTERNS = ("pattern", "title-pattern")
_KINDS = (["field", "value"], ["field", "pattern"], ["title"], ["title-pattern"])
_REMEDY = "A rule is {field: Type, value: Bug}, {field: Type, pattern: …}, {title: '[Bug]'} or {title-pattern: …}."


@dataclass(frozen=True)
class Rule:
    """One rule; only the fields of its kind are not empty."""

    field: str = ""
    value: str = ""
    pattern: str = ""
    title: str = ""
    title_pattern: str = ""

    @property
    def expression(self) -> str:
        """The regular expression of the rule, or empty."""
        return self.pattern or self.title_pattern

    @property
    def said(self) -> str:
        """What holds where the rule holds.

        >>> Rule("Type", "Bug").said, Rule(title="[Bug]").said
        ('form answer: Type = Bug', 'title begins with [Bug]')
        """
        if self.field:
            return f"form answer: {self.field} " + (f"= {self.value}" if self.value else f"matches {self.pattern}")
        return f"title begins with {self.title}" if self.title else f"title matches {self.title_pattern}"

    def to_dict(self) -> dict[str, str]:
        return {key: text for key, name in _KEYS.items() if (text := getattr(self, name))}


def checked_rules(given: Value) -> tuple[Rule, ...]:
    """The rules of one label, given as one mapping or a list of them. Raises InputError naming place and field."""
    entries = [given] if isinstance(given.value, Mapping) else given.value
    if not isinstance(entries, (list, tuple)) or not entries:
        wrong(given.place, "from", "neither a rule nor a list of rules", _REMEDY)
    return tuple(_rule(entry if isinstance(entry, Value) else Value(entry, given.place)) for entry in entries)


def _rule(given: Value) -> Rule:
    if not isinstance(given.value, Mapping):
        wrong(given.place, "from", "a rule that is no mapping", _REMEDY)
    texts = {}
    for key, written in given.value.items():
        if key not in _KEYS:
            wrong(given.place, f"from: {key}", "unknown key", _REMEDY)
        texts[str(key)] = _text(written if isinstance(written, Value) else Value(written, given.place), str(key))
    if sorted(texts) not in _KINDS:
        wrong(given.place, "from", f"no rule is made of {' and '.join(texts) or 'nothing'}", _REMEDY)
    return Rule(**{_KEYS[key]: text for key, text in texts.items()})


def _text(given: Value, key: str) -> str:
    field = f"from: {key}"
    if given.value is None or given.value == "":
        wrong(given.place, field, "empty", _REMEDY)
    if not isinstance(given.value, str):
        wrong(given.place, field, "not text", "Write plain text, in quotes if need be.")
    if key in _PATTERNS:
        _check_pattern(given.value, given.place, field)
    text = given.value if key in _PATTERNS else " ".join(given.value.split())
    if not text:
        wrong(given.place, field, "empty", _REMEDY)
    if len(text) > MOST_CHARACTERS:
        wrong(given.place, field, f"{len(text)} characters long", f"Write at most {MOST_CHARACTERS}.")
    return text


def _check_pattern(pattern: str, place: str, field: str) -> None:
    remedy = "Mend the expression: it is read by Python's re module. In YAML it is safest in single quotes."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what a later Python may read differently
            found = re.compile(pattern[: MOST_CHARACTERS + 1], re.IGNORECASE | re.MULTILINE).search("")
    except (re.error, RecursionError, OverflowError) as error:
        wrong(place, field, f"{pattern[:MOST_CHARACTERS]!r} is no regular expression: {error}", remedy)
    if found:
        remedy = "It would decide every issue. Ask for at least one character."
        wrong(place, field, f"{pattern[:MOST_CHARACTERS]!r} is found in no text at all", remedy)
