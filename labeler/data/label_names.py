"""Label names from one field of text, in the forms in which people's tools write a list.

    bug, ci/cd            the answer line; also bug;ci/cd, bug|ci/cd, or a name a line, where there is no comma
    ["bug", "ci/cd"]      JSON, also of objects with a name
    ['bug', 'ci/cd']      Python's way, of a list, tuple or set; also NumPy's, without commas
    [bug, ci/cd]          without quotes, from two names on
    {bug,"needs info"}    PostgreSQL's arrays

A name that itself has a comma, a semicolon, a bar, or brackets around it, is written in JSON.
"""

from __future__ import annotations

import ast
import json
import re

_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
_STARTS_QUOTED_LIST = re.compile(r"[\[({]\s*(?:[\"'{]|\Z)")
_OTHER_SEPARATORS = (";", "|")


def names_of(text: str) -> tuple[str, ...]:
    """The names that the text lists, without the white space around them; none for an empty text.

    Raises:
        ValueError: it may be read in more than one way, or begins as a list and isn't one; says which.
    """
    text = text.strip()
    if not text:
        return ()
    if text[0] in _BRACKETS and text.endswith(_BRACKETS[text[0]]):
        inside = text[1:-1].strip()
        if not inside:
            return ()
        if (found := _json(text)) is not None or (found := _quoted(inside)) is not None:
            return _whole(found)
        if text[0] == "{" and "'" not in text:
            return _whole([_unquoted(item) for item in re.findall(r'"(?:[^"\\]|\\.)*"|[^,"]+', inside)])
        if starts_quoted_list(text):
            raise ValueError("begins as a list and cannot be read as one")
        # "[area] ui, [area] api" has brackets too, but not one pair around everything.
        if _closes_at(text) == len(text) - 1:
            if "," not in inside:
                raise ValueError("may be a list of one name, or a name in brackets")
            return _split(inside)
    elif starts_quoted_list(text):
        raise ValueError("begins as a list that is not closed")
    if text[0] in "\"'" and (found := _quoted(text)) is not None:
        return _whole(found)
    return _split(text)


def starts_quoted_list(text: str) -> bool:
    """Whether the text begins as the written form of a list does, which no label's name should."""
    return bool(_STARTS_QUOTED_LIST.match(text.lstrip()))


def _split(text: str) -> tuple[str, ...]:
    lines = [line for line in text.splitlines() if line.strip()]
    found = [mark for mark in _OTHER_SEPARATORS if mark in text]
    kinds = len(found) + ("," in text) + (len(lines) > 1)
    if kinds > 1:
        marks = [*([","] if "," in text else []), *found, *(["a new line"] if len(lines) > 1 else [])]
        raise ValueError(f"separates names by more than one of {' '.join(marks)}")
    parts = lines if len(lines) > 1 else text.split(found[0] if found else ",")
    return tuple(name for part in parts if (name := part.strip()))


def _json(text: str) -> list[str] | None:
    """The names of a JSON array of names or of objects with a name; None where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    names = [item.get("name") if isinstance(item, dict) else item for item in found]
    return [name for name in names if name is not None] if all(isinstance(n, str | None) for n in names) else None


def _quoted(text: str) -> list[str] | None:
    """The names, all of them in quotes, with commas or white space between; None where the text is anything else."""
    names: list[str] = []
    end = 0
    for found in _QUOTED.finditer(text):
        between = text[end : found.start()]
        if not re.fullmatch(r"\s*,\s*|\s+" if names else r"\s*", between):
            return None
        names.append(_unquoted(found[0]))
        end = found.end()
    return names if names and re.fullmatch(r"\s*,?\s*", text[end:]) else None


def _unquoted(text: str) -> str:
    text = text.strip()
    if not _QUOTED.fullmatch(text):
        return text
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return text[1:-1]


def _whole(names: list[str]) -> tuple[str, ...]:
    return tuple(name.strip() for name in names if name.strip())


def _closes_at(text: str) -> int:
    """Where the bracket that the text begins with is closed; -1 where it isn't."""
    depth, (opening, closing) = 0, (text[0], _BRACKETS[text[0]])
    for place, mark in enumerate(text):
        depth += (mark == opening) - (mark == closing)
        if not depth:
            return place
    return -1
