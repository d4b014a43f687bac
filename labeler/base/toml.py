"""TOML files: read once, so that every error names the file and, where it can be found, the line of the key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from labeler.base.typed import Source
from labeler.data.textfile import decoded_lines
from labeler.errors import InputError, LabelerError

T = TypeVar("T")
_HEADER = re.compile(r"\s*\[+\s*([^\[\],]+?)\s*\]+\s*(?:#.*)?")


@dataclass(frozen=True)
class Toml:
    """A file's values, with its text, in which their lines are found."""

    path: Path
    text: str
    values: dict[str, Any]

    def at(self, key: str) -> str:
        """Where "section.key" stands: "file:line", or the file alone where the line is not certain."""
        wanted = re.sub(r"\[\d+\]$", "", key)  # an item stands somewhere in its list
        lines = [number for number, keys in self._lines() if wanted in keys]
        return f"{self.path}:{lines[0]}" if len(lines) == 1 else str(self.path)

    def source(
        self,
        compare: str = "",
        named: Callable[[str], str] = str,
        written: Callable[[str], str] = str,
        error: type[LabelerError] = InputError,
    ) -> Source:
        """For reading the values by type hints. Args: as of `Source`; written: key -> "section.key" in the file."""
        return Source(lambda key: self.at(written(key)), compare, named, error)

    def _lines(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Each line that begins a section or a value, with what it may be called."""
        section = ""
        for number, line in enumerate(self.text.split("\n"), 1):
            if header := _HEADER.fullmatch(line.rstrip("\r")):
                section = header[1].replace('"', "")
                yield number, (section,)
            elif found := re.match(r'\s*"?([\w.-]+)"?\s*=', line):
                yield number, (f"{section}.{found[1]}" if section else found[1],)


def read_toml(path: Path) -> Toml:
    """A TOML file. Raises InputError: it cannot be read, or is not TOML."""
    text = "".join(decoded_lines(path))
    try:
        return Toml(path, text, tomllib.loads(text))
    except ValueError as error:
        raise InputError(f"{path}: not valid TOML: {error}", "Mend it at that line.") from error


def read_toml_as(kind: type[T], path: Path, compare: str = "") -> T:
    """The dataclass `kind` of a TOML file, section by section.

    Args:
        compare: what to do about missing or unknown keys; "" lists those that there are.

    Raises:
        InputError: it is not TOML, or a key is missing, unknown, or of another type: names file, line and key.
    """
    toml = read_toml(path)
    return toml.source(compare).whole(kind, toml.values)
