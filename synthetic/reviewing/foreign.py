"""What the formats of labelling programs have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.files import write_text
from synthetic.reviewing.decisions import Item

QUESTION = "labels"


def said(item: Item) -> str:
    """Who answered what, as text."""
    given = [*sorted(item.answers.items()), ("repository", item.issue.labels)]
    return "\n".join(f"{name}: {', '.join(labels) or 'none'}" for name, labels in given)


def objects(value: object, where: str) -> list[Mapping[str, Any]]:
    """A JSON list of objects. Raises InputError, beginning with `where`."""
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return value
    raise InputError(f"{where}: no list of objects", "Export it anew, as JSON.")


def names(value: object, where: str) -> list[str]:
    """A JSON list of texts. Raises InputError."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return value
    raise InputError(f"{where}: {str(value)[:80]!r} is no list of labels", "Mend it, or export it anew.")


def issue_id(record: object, where: str) -> str:
    """The field `id`. Raises InputError."""
    value = record.get("id") if isinstance(record, Mapping) else None
    if not isinstance(value, str) or not value:
        raise InputError(f"{where}: id: missing", "It must be what `python -m synthetic export` wrote, with its ids.")
    return value


def write_json(path: Path, value: object) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n", parents=True)
