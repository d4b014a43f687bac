"""The numbers of the gate: eval/gate/gate.toml, which explains each, and a file of a user's own over it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.base.toml import read_toml
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
    toml = read_toml(path)
    flat: dict[str, Any] = {}
    for section, entries in toml.values.items():
        if not isinstance(entries, dict):
            raise InputError(f"{toml.at(section)}: {section} is not in a section", f"{RULES.name} shows the sections.")
        flat |= {f"{section}_{key}": value for key, value in entries.items()}
    found = toml.source(named=_key, written=_key).some(Rules, flat)
    for name, value in found.items():
        least = int(name in _FROM_ONE)
        if not least <= value < float("inf"):
            what = f"{toml.at(_key(name))}: {_key(name)} is {value!r}."
            form = "a whole number" if isinstance(value, int) else "a number"
            raise InputError(what, f"Accepted: {form} from {least} up.")
    return found


def _key(name: str) -> str:
    return name.replace("_", ".", 1)
