"""Which column of a table holds what: this project's own names, those of other trackers' exports, or as told.

Known are Jira (Summary, Issue key, Description, Labels once per label), GitLab (Title, Description, Issue ID, Labels),
Bugzilla (short_desc or Summary, bug_id or Bug ID, Keywords), Redmine (Subject, #), and `gh --json` made a table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from labeler.errors import InputError

# field -> names, the first that the table has is taken; all in the form of `column_name`
NAMES: Mapping[str, tuple[str, ...]] = {
    "title": (
        "title",
        "summary",
        "subject",
        "short_desc",
        "issue title",
        "titel",
        "thema",
        "zusammenfassung",
        "betreff",
    ),
    "body": ("body", "description", "text", "issue body", "beschreibung"),
    "labels": ("labels", "label", "tags", "keywords", "stichwörter"),
    "number": ("number", "issue key", "issue id", "bug id", "bug_id", "issue number", "#", "vorgangsschlüssel"),
    "id": ("id", "issue key", "vorgangsschlüssel"),
    "repo": ("repo", "repository"),
    "repository_url": ("repository_url",),
    "author": ("author username", "author", "reporter"),
    "author_kind": ("author_kind",),
    "is_pull_request": ("is_pull_request",),
    "state": ("state", "status", "bug_status"),
    "created_at": ("created_at", "createdat", "created at (utc)", "created at", "created", "erstellt", "angelegt"),
    "updated_at": (
        *("updated_at", "updatedat", "updated at (utc)", "updated at", "updated", "changed", "changeddate"),
        "aktualisiert",
    ),
    "closed_at": ("closed_at", "closedat", "closed at (utc)", "closed at", "closed", "resolved", "geschlossen"),
}
_NUMBERED = re.compile(r"[._ ]?\d+\Z")  # pandas and Power Query make "Labels.1" and "Labels_1" of a repeated "Labels"
_MOST_NAMES = 30  # in a message


@dataclass(frozen=True)
class Columns:
    """Field -> the places of its columns: one or none, but any number for `labels`. `header` is as the file has it."""

    header: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]

    def text(self, field: str, texts: Sequence[str]) -> str:
        return next((texts[place] for place in self.places[field]), "")


def column_name(text: str) -> str:
    """The form in which two spellings of a column's name are equal."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def choose_columns(header: Sequence[str], told: Mapping[str, str], where: str) -> Columns:
    """The columns of a table with this header.

    Args:
        told: field (title, body, labels) -> the name that somebody gave its column, "" for none.

    Raises:
        InputError: no column of titles, none of a name that was told, or two where one is wanted.
    """
    names = [column_name(name) for name in header]
    places = {}
    for field, known in NAMES.items():
        if name := told.get(field, ""):
            if column_name(name) not in names:
                raise InputError(f"{where}: no column {name!r}", f"The columns are: {listed(header)}.")
            known = (column_name(name),)
        name = next((one for one in known if one in names), "")
        places[field] = tuple(place for place, one in enumerate(names) if name and _is(one, name, field))
        if len(places[field]) > 1 and field != "labels":
            what = f"{where}: column {name}: twice"
            raise InputError(what, f"Take one out or rename it, or name another by --{field}-column.")
    if not places["title"]:
        remedy = f"--title-column names it; the columns are: {listed(header)}."
        if not any(names):
            remedy = "The first row names the columns: title,body and, if you like, number,labels,id,repo."
        raise InputError(f"{where}: column title: missing", remedy)
    return Columns(tuple(header), places)


def recognised(header: Iterable[str], told: Mapping[str, str]) -> tuple[bool, int]:
    """Whether a header has a column of titles, and how many names in it are known: what tells delimiters apart."""
    names = {column_name(name) for name in header}
    known = {field: {column_name(told[field])} if told.get(field) else set(NAMES[field]) for field in NAMES}
    return bool(names & known["title"]), len(names & set().union(*known.values()))


def single_columns(header: Sequence[str], where: str, wanted: Iterable[str]) -> dict[str, int]:
    """The places of the columns among `wanted` that are there, by their lower-case names.

    Raises:
        InputError: one of them is there twice, so that one would hide the other.
    """
    names = [column_name(name) for name in header]
    for name in wanted:
        if names.count(name) > 1:
            raise InputError(f"{where}: column {name}: twice", "Take one of them out or rename it.")
    return {name: names.index(name) for name in wanted if name in names}


def listed(header: Sequence[str]) -> str:
    """The names of the columns for a message, each once."""
    names = list(dict.fromkeys(name.strip() for name in header if name.strip()))
    return ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")


def _is(one: str, name: str, field: str) -> bool:
    return one == name or (field == "labels" and one.startswith(name) and bool(_NUMBERED.match(one[len(name) :])))
