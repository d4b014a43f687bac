"""The numbers of the gate: eval/gate/gate.toml, which explains each, and a file of a user's own over it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from labeler.data.textfile import decoded_lines
from labeler.errors import InputError

RULES = Path(__file__).with_name("gate.toml")
_FROM_ONE = ("labels_support", "answers_issues")  # with none of them, nothing could be refused


@dataclass(frozen=True)
class Rules:
    """gate.toml, its sections joined: `champion.micro_f1_margin` is `champion_micro_f1_margin`. See there."""

    test_issues: int
    champion_micro_f1_margin: float
    champion_macro_f1_margin: float
    linear_micro_f1_lead: float
    linear_significant: bool
    labels_f1_drop: float
    labels_support: int
    answers_issues: int
    answers_malformed: int
    cost_seconds_an_issue: float
    cost_cold_seconds: float
    cost_megabytes: float
    cost_times_champion: float


def read_rules(path: Path | None) -> Rules:
    """gate.toml, overridden by what the file at `path` says.

    Raises:
        InputError: not TOML, an unknown section or key, or no fitting value; names file, line and key.
    """
    given = _read(RULES)
    if path:
        given |= _read(path)
    return Rules(**given)


def _read(path: Path) -> dict[str, Any]:
    text = "".join(decoded_lines(path))
    try:
        sections = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}", f"Mend it; {RULES.name} shows the form.") from error
    kinds = {field.name: str(field.type) for field in fields(Rules)}
    found = {}
    for section, entries in sections.items():
        if not isinstance(entries, dict):
            raise InputError(f"{_place(path, text, section)}: not in a section", f"{RULES.name} shows the sections.")
        for key, value in entries.items():
            name = f"{section}_{key}"
            if name not in kinds:
                known = ", ".join(sorted(name.replace("_", ".", 1) for name in kinds))
                raise InputError(f"{_place(path, text, key)}: no rule {section}.{key}", f"There are: {known}.")
            if not _fits(value, kinds[name], least := int(name in _FROM_ONE)):
                form = {"bool": "true or false", "int": "a whole number", "float": "a number"}[kinds[name]]
                form += "" if kinds[name] == "bool" else f" from {least} up"
                raise InputError(f"{_place(path, text, key)}: {section}.{key}: {value!r}", f"Give {form}.")
            found[name] = value
    return found


def _fits(value: Any, kind: str, least: int) -> bool:
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    return isinstance(value, int if kind == "int" else (int, float)) and least <= value < float("inf")


def _place(path: Path, text: str, key: str) -> str:
    found = re.search(rf"^\s*\[?\"?{re.escape(key)}\b", text, re.MULTILINE)
    return f"{path}:{text.count(chr(10), 0, found.end()) + 1}" if found else str(path)
