"""Files that a command writes: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from labeler.errors import InputError


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text. Raises InputError where the path cannot be written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror}", "Check the folder and the disk.") from error
