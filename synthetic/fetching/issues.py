"""The issues of a working folder: how one becomes a Record, and how issues.jsonl comes to hold each exactly once.

Records are appended as they are fetched, so a changed issue is there twice for a while, its newest line last.
`compact` leaves that one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.text.issue import from_rest
from synthetic.workspace.jsonl import read_lines, write_lines
from synthetic.workspace.records import FETCH, ISSUES, Record, from_line

# What `gh issue list --json` calls the fields.
_GH_NAMES = {"createdAt": "created_at", "updatedAt": "updated_at", "closedAt": "closed_at"}


@dataclass(frozen=True)
class Totals:
    """What issues.jsonl holds: issues by their state, "" where a file did not say it, and pull requests of any."""

    open: int = 0
    closed: int = 0
    unknown: int = 0
    pull_requests: int = 0


class Held:
    """What issues.jsonl holds already, in little memory: a time and a hash an issue."""

    def __init__(self, path: Path) -> None:
        self._stamps: dict[str, tuple[str, int]] = {}
        for number, line in enumerate(read_lines(path), 1):
            self.add(from_line(Record, line, f"{path}:{number}"))

    def __contains__(self, record: Record) -> bool:
        """Whether an issue of this repository and number is held, in any version."""
        return record.id in self._stamps

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, record: Record) -> None:
        self._stamps[record.id] = (record.updated_at, _content(record, record.changes is not None))

    def is_current(self, record: Record, *, with_changes: bool) -> bool:
        """Whether there is nothing to gain from `record`: it is held like this, with its label changes if they are
        wanted, or in a newer version."""
        updated_at, content = self._stamps.get(record.id, ("", 0))
        return record.updated_at < updated_at or content in {_content(record, with_changes), _content(record, True)}


def _content(record: Record, with_changes: bool) -> int:
    return hash((replace(record, changes=None), with_changes))


def record_of(item: Mapping[str, Any], where: str, *, repository: str = "", default: str = "") -> Record:
    """The record of a REST object, of a line of `gh issue list --json`, or of an object with a Record's own keys.

    Args:
        repository: whose issue it is, whatever the object says; `default` only where the object doesn't say it.

    Raises:
        InputError: there is no title, number or repository, or a field is of a wrong kind; begins with `where`.
    """
    item = {_GH_NAMES.get(name, name): value for name, value in item.items()}
    if isinstance(author := item.get("author"), Mapping):
        item["user"] = {"login": author.get("login"), "type": "Bot" if author.get("is_bot") else "User"}
    issue = from_rest(item, repository, where)
    if issue.number is None:
        raise InputError(f"{where}: number: missing", "Give every issue its number, or none of them.")
    if not (issue.repository or default):
        raise InputError(f"{where}: repository: missing", "Say by --repo owner/name whose issues these are.")
    return Record(
        repo=issue.repository or default,
        number=issue.number,
        title=issue.title,
        body=issue.body,
        labels=issue.labels,
        author=issue.author,
        author_kind=issue.author_kind,
        state=issue.state.lower(),
        is_pull_request=issue.is_pull_request,
        created_at=_time(item, "created_at", where),
        updated_at=_time(item, "updated_at", where),
        closed_at=_time(item, "closed_at", where),
    )


def _time(item: Mapping[str, Any], field: str, where: str) -> str:
    value = item.get(field)
    if value is None or value == "":
        return ""
    try:
        return utc(value if isinstance(value, datetime) else datetime.fromisoformat(value))
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {field}: {value!r} is no time", "Write it like 2026-11-20T09:30:00Z.") from error


def utc(time: datetime) -> str:
    """A time as GitHub writes it; without a zone it is taken to be in UTC."""
    whole = time if time.tzinfo else time.replace(tzinfo=UTC)
    return whole.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(path: Path) -> Totals:
    """Leaves the last line of each issue, in the order of repository and number; the file is replaced as a whole."""
    if not path.is_file():
        return Totals()
    places: dict[tuple[str, int], int] = {}
    kinds: dict[tuple[str, int], str] = {}
    in_order, place, previous = True, 0, ("", 0)
    with open(path, "rb") as file:
        for line in file:
            one = json.loads(line)
            key = (one["repo"], one["number"])
            in_order, previous = in_order and key > previous, key
            places[key], place = place, place + len(line)
            kinds[key] = "pull request" if one.get("is_pull_request") else one.get("state", "")
    if not in_order:
        write_lines(path, _at(path, [places[key] for key in sorted(places)]))
    found = Counter(kinds.values())
    known = found["open"], found["closed"], found["pull request"]
    return Totals(found["open"], found["closed"], found.total() - sum(known), found["pull request"])


def _at(path: Path, places: list[int]) -> Iterator[dict[str, Any]]:
    with open(path, "rb") as file:
        for place in places:
            file.seek(place)
            yield json.loads(file.readline())


def sweep(folder: Path) -> None:
    """Removes what a killed run of these files' writers left half-written."""
    for name in (ISSUES, FETCH):
        for left in folder.glob(f".{name}.*.partial"):
            left.unlink(missing_ok=True)
