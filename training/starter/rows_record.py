"""What a run may read and what it has read of the issues file: `rows.json` beside the run.

{"issues sha256": of the file, "held out": [rows], "validation": [rows],
 "piles": {"people": [rows], …}, "dealt": {"people": [rows], …} or null while the run goes on}

Rows are lines of the issues file, from 0. A pile can be larger than what the run came to; `dealt` is what it showed the
model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.starter.files import ISSUES
from labeler.errors import InputError
from labeler.files import write_text
from labeler.model.bundle import sha256
from training.starter.selection import Selection

ROWS = "rows.json"


def write_rows(path: Path, data: Path, selection: Selection, dealt: Mapping[str, Sequence[int]] | None) -> None:
    """Writes the record, whole or not at all."""
    record = {
        "issues sha256": sha256(data / ISSUES),
        "held out": sorted(selection.held_out),
        "validation": sorted(example.row for example in selection.validation),
        "piles": selection.rows(),
        "dealt": None if dealt is None else {name: sorted(set(rows)) for name, rows in dealt.items()},
    }
    write_text(path, json.dumps(record) + "\n")


def read_used(paths: Sequence[Path], data: Path) -> set[int]:
    """The rows that runs have shown their model; where a record has no `dealt`, all of its piles.

    Raises:
        InputError: there is no such record, it is damaged, or it speaks of another issues file.
    """
    used: set[int] = set()
    wanted = sha256(data / ISSUES)
    for path in paths:
        record = _read(path)
        if record["issues sha256"] != wanted:
            raise InputError(
                f"{path}: its rows are those of another {ISSUES}", "Give the data that the run was made of."
            )
        for rows in (record.get("dealt") or record["piles"]).values():
            used.update(rows)
    return used


def add_dealt(path: Path, dealt: Mapping[str, Iterable[int]]) -> None:
    """Says of these rows, too, that the model has seen them.

    Raises:
        InputError: there is no such record, or it is damaged.
    """
    record = _read(path)
    known = record.get("dealt") or {}
    merged = {name: sorted({*known.get(name, ()), *rows}) for name, rows in dealt.items()}
    write_text(path, json.dumps(record | {"dealt": known | merged}) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Give the rows.json of a run.") from error
    except ValueError as error:
        raise InputError(f"{path}: damaged: {error}", "Give the rows.json of a run.") from error
    if not isinstance(record, dict) or not {"issues sha256", "piles"} <= record.keys():
        raise InputError(f"{path}: no record of rows", "Give the rows.json of a run.")
    return record
