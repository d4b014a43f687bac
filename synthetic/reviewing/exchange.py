"""Issues for other labelling programs, and the decisions made there."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from synthetic.reviewing.argilla import RECORDS, read_argilla, write_argilla
from synthetic.reviewing.decisions import Item
from synthetic.reviewing.label_studio import INTERFACE, TASKS, read_label_studio, write_label_studio
from synthetic.workspace.records import Decision


@dataclass(frozen=True)
class Tool:
    """One program: how its files are written into a folder, and its export is read.

    Attributes:
        read: parsed JSON, labels, what to call the file, time for decisions without one -> (decision, place), of which
            the last on an issue counts.
        file: the records within the folder.
        next_step: what to do with `{folder}`.
    """

    write: Callable[[Path, Sequence[Item], LabelSet], None]
    read: Callable[[object, LabelSet, str, str], list[tuple[Decision, str]]]
    file: str
    next_step: str


TOOLS: Mapping[str, Tool] = {
    "argilla": Tool(
        write_argilla,
        read_argilla,
        RECORDS,
        'rg.Dataset.from_disk("{folder}", name="issues", workspace="argilla"), and for the way back dataset.to_disk(…)',
    ),
    "label-studio": Tool(
        write_label_studio,
        read_label_studio,
        TASKS,
        f'make a project with the interface {{folder}}/{INTERFACE}, import {{folder}}/{TASKS}, and export as "JSON"',
    ),
}


@dataclass(frozen=True)
class Imported:
    """What a file brings: `new` decisions, one an issue; `unchanged` issues; those that people `differ` on."""

    new: tuple[Decision, ...]
    unchanged: int
    differ: tuple[str, ...]


def read_export(
    tool: Tool,
    path: Path,
    labels: LabelSet,
    known: Collection[str],
    held: Mapping[str, Decision],
    at: str,
    by: str = "",
) -> Imported:
    """The decisions in a program's export that are not held yet. Of several on an issue the last counts.

    Args:
        path: the file, or the folder that holds it.
        known: ids of the prepared issues.
        held: issue id -> the decision that holds; a newer one than that in the file stays.
        at: the present time.
        by: who decided, instead of what the file says.

    Raises:
        InputError: the file is no such export, or names an issue or a label that there is not; says where.
    """
    file = path / tool.file if path.is_dir() else path
    try:
        records = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}", "Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not a JSON file: {error}", "Give the program's JSON export.") from error
    last: dict[str, Decision] = {}
    differ: dict[str, None] = {}
    for decision, where in tool.read(records, labels, str(file), at):
        if decision.id not in known:
            remedy = "Export from the folder that the issues came from, or prepare it as it was."
            raise InputError(f"{where}: {decision.id!r} is no prepared issue", remedy)
        if decision.id in last and last[decision.id].labels != decision.labels:
            differ[decision.id] = None
        last[decision.id] = replace(decision, by=by or decision.by)
    new = tuple(one for one in last.values() if _is_news(one, held.get(one.id)))
    return Imported(new, len(last) - len(new), tuple(differ))


def _is_news(decision: Decision, held: Decision | None) -> bool:
    if held is None:
        return True
    return (held.labels, held.by) != (decision.labels, decision.by) and held.at <= decision.at
