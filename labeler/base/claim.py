"""What a folder is for, written down before anything else in it: a later command must not go on with something else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labeler.errors import InputError, LabelerError
from labeler.files import write_text

Purpose = Mapping[str, Any] | str
_LONG = 60  # characters of a value in a message; of a longer one only the key is told
_REMEDY = "Give another --out, or the same as then to go on with it."


def claim(path: Path, wanted: Purpose) -> bool:
    """Writes to `path` what its folder is for, in JSON or as the text it is; returns whether that stood there already.

    Raises:
        InputError: the folder is for something else, as `refuse_other` says it; or the file is damaged.
    """
    if path.is_file():
        refuse_other(path.parent, _read(path, isinstance(wanted, Mapping)), wanted)
        return True
    text = wanted if isinstance(wanted, str) else json.dumps(wanted, indent=1) + "\n"
    write_text(path, text, parents=True)
    return False


def refuse_other(folder: Path, there: Purpose, wanted: Purpose, error: type[LabelerError] = InputError) -> None:
    """For a folder that keeps what it is for in a file of another form: does nothing where both are the same.

    Raises:
        error: they differ; names the folder and what differs, with both values where they are short.
    """
    if isinstance(there, str) or isinstance(wanted, str):
        if there != wanted:
            raise error(f"{folder}: holds {there}, not {wanted}", _REMEDY)
        return
    before, now = (dict(_leaves(json.loads(json.dumps(one)))) for one in (there, wanted))  # tuples become lists
    keys = [*before, *(key for key in now if key not in before)]
    other = [_told(key, before.get(key), now.get(key)) for key in keys if before.get(key) != now.get(key)]
    if other:
        raise error(f"{folder}: was begun with other values: {', '.join(other)}", _REMEDY)


def _read(path: Path, is_json: bool) -> dict[str, Any] | str:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if is_json else text
        if isinstance(found, dict if is_json else str):
            return found
    except ValueError:
        pass
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Check the folder.") from error
    raise InputError(f"{path}: damaged: it does not say what the folder is for", "Begin anew with another --out.")


def _told(key: str, before: Any, now: Any) -> str:
    shown = [str(one) for one in (before, now)]
    return f"{key} {shown[0]} → {shown[1]}" if max(map(len, shown)) <= _LONG and "\n" not in "".join(shown) else key


def _leaves(given: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Values that are no mapping, by their whole keys: "tuning.rank"."""
    for key, value in given.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{within}{key}.")
        else:
            yield f"{within}{key}", value
