"""The rules for each field of a label, the same for labels.yml and for a JSON manifest.

Every check takes a value as it was written and returns it in its final form, or raises InputError with
`place: field: what is wrong` and the remedy.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from labeler.errors import InputError

NAME_LIMIT = 50  # GitHub's own limits
DESCRIPTION_LIMIT = 100


@dataclass(frozen=True)
class Value:
    """A value as it was written, and where ("labels.yml:7", "bundle.json: label 3")."""

    value: object
    place: str


def wrong(place: str, field: str, what: str, remedy: str) -> NoReturn:
    raise InputError(f"{place}: {field}: {what}", remedy)


def checked_name(given: Value, field: str) -> str:
    name, place = given.value, given.place
    if name is None or name == "":
        wrong(place, field, "empty", f"Write 1 to {NAME_LIMIT} characters.")
    if not isinstance(name, str):
        wrong(place, field, "not text", "Write plain text, in quotes if need be.")
    _no_control_characters(name, given, field)
    if "," in name:
        wrong(place, field, f"{name!r} has a comma", "A comma separates labels in an answer: rename the label.")
    if name != name.strip():
        wrong(place, field, f"{name!r} begins or ends with a space", "Remove the space.")
    if len(name) > NAME_LIMIT:
        wrong(place, field, f"{len(name)} characters long", f"GitHub allows {NAME_LIMIT}: shorten it.")
    return name


def checked_description(given: Value) -> str:
    if given.value is None:
        return ""
    if not isinstance(given.value, str):
        wrong(given.place, "description", "not text", "Write plain text, in quotes if need be.")
    # A folded or literal block ends with a newline and may have some within: they mean spaces.
    text = " ".join(given.value.split())
    _no_control_characters(text, given, "description")
    if len(text) > DESCRIPTION_LIMIT:
        remedy = f"GitHub allows {DESCRIPTION_LIMIT}: shorten it."
        wrong(given.place, "description", f"{len(text)} characters long", remedy)
    return text


def _no_control_characters(text: str, given: Value, field: str) -> None:
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            what = "newline" if character in "\n\r" else f"control character (U+{ord(character):04X})"
            wrong(given.place, field, f"has a {what}", "Delete it.")


def checked_color(given: Value) -> str:
    if given.value in (None, ""):
        wrong(given.place, "color", "empty", "Quote it ('#d73a4a': a bare # starts a comment) or leave the key out.")
    if not isinstance(given.value, str) or not re.fullmatch(r"#?[0-9A-Fa-f]{6}", given.value):
        wrong(given.place, "color", f"{given.value!r} is no colour", "Write six hex digits, for example d73a4a.")
    return given.value.removeprefix("#").lower()


def checked_threshold(given: Value) -> float | None:
    if given.value is None:
        return None
    try:
        number = float(given.value) if isinstance(given.value, (str, int, float)) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if isinstance(given.value, bool) or not 0 <= number <= 1:
        remedy = "Write a number such as 0.4."
        wrong(given.place, "threshold", f"{given.value!r} is no number between 0 and 1", remedy)
    return number


def checked_show(given: Value) -> str:
    if given.value != "always":
        wrong(given.place, "show", f"{given.value!r} is no choice", "Write always, or leave the key out.")
    return "always"
