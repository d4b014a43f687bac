"""Append-only JSON lines that survive a kill at any moment: at worst the last line is torn, and that one is dropped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from labeler.errors import InputError
from labeler.files import replaced


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file, oldest first; nothing where there is no file. A torn last line is passed over.

    Raises:
        InputError: a line that isn't the last is no JSON object; the message names file and line.
    """
    if not path.is_file():
        return
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                found = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}:{number}: not a JSON line: {error}", "Mend or delete that line.") from error
            if not isinstance(found, dict):
                raise InputError(f"{path}:{number}: not a JSON object", "Mend or delete that line.")
            yield found


class Appender:
    """Appends objects to a file; each is on the disk, whole, when `write` returns. Cuts off a torn last line first."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a+b")  # noqa: SIM115  closed by __exit__
        _drop_torn_line(path, self._file.fileno())

    def write(self, *objects: dict[str, Any]) -> None:
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)
        self._file.write(lines.encode("utf-8", errors="surrogatepass"))
        self._file.flush()

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def write_lines(path: Path, objects: Iterable[dict[str, Any]]) -> int:
    """Writes a whole file, or nothing; returns the number of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with replaced(path) as partial, open(partial, "wb") as file:
        for one in objects:
            count += 1
            file.write((json.dumps(one, ensure_ascii=False) + "\n").encode("utf-8", errors="surrogatepass"))
    return count


def _drop_torn_line(path: Path, descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    end = size
    with open(path, "rb") as file:
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
    if end < size:
        os.truncate(descriptor, end)
