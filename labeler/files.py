"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labeler.errors import InputError


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to. At the end that file takes the place of `path`; on an error it is removed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())  # or a power cut after the renaming could leave an empty file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, parents: bool = False) -> None:
    """Writes UTF-8 text; `parents` makes missing folders. Raises InputError where the path cannot be written."""
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}", "Check the folder and the disk.") from error
