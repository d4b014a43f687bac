"""What a step tells GitHub Actions: annotations and groups on standard output, outputs and the summary in files.

Text from an issue may hold lines that the runner would take for commands (`::set-output …`, `##[add-path]…`), so
everything printed goes through `harmless`.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

MOST_SUMMARY_BYTES = 1024 * 1024
ZERO_WIDTH_SPACE = "\u200b"
# `::` opens a command at the start of a line, the older `##[` anywhere in it.
_COMMAND = re.compile(r":(?=:)|#(?=#\[)")
# Marks that reorder the text around them, so that a log reads differently from what it says.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def harmless(text: str) -> str:
    """`text` on one line, without control characters and without anything that the runner takes for a command."""
    line = " ".join(text.split())
    shown = "".join("\ufffd" if c in _REORDERING or unicodedata.category(c) in ("Cc", "Cs") else c for c in line)
    return _COMMAND.sub(lambda match: match[0] + ZERO_WIDTH_SPACE, shown)


def harmless_lines(text: str) -> str:
    """`harmless` for each line, with its indentation kept: what a person is to copy may be YAML."""
    lines = text.splitlines()
    return "\n".join(" " * (len(line) - len(line.lstrip(" "))) + harmless(line) for line in lines)


def escape_data(text: str) -> str:
    """A command's message; the runner turns these three back."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """The value of a command's property."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


class Log:
    """The step's standard output. `secrets` are never printed, not even by an unforeseen error."""

    def __init__(self, out: TextIO, secrets: Iterable[str] = ()) -> None:
        self._out = out
        self._secrets = tuple(secrets)

    def line(self, text: str) -> None:
        self._print(harmless(self.hide(text)))

    def notice(self, text: str, title: str = "") -> None:
        self._command("notice", text, title)

    def warning(self, text: str, title: str = "") -> None:
        self._command("warning", text, title)

    def error(self, text: str, title: str = "") -> None:
        self._command("error", text, title)

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        self._command("group", title)
        try:
            yield
        finally:
            self._print("::endgroup::")

    def clean(self, text: str) -> str:
        return harmless_lines(self.hide(text))

    def hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _command(self, name: str, text: str, title: str = "") -> None:
        properties = f" title={escape_property(self.clean(title))}" if title else ""
        self._print(f"::{name}{properties}::{escape_data(self.clean(text))}")

    def _print(self, line: str) -> None:
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        self._out.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        self._out.flush()


def write_outputs(path: Path | None, values: Mapping[str, str]) -> None:
    """Sets the step's outputs. A value of several lines can end its own output early only by guessing a random word."""
    if path is None:
        return
    parts = []
    for name, value in values.items():
        delimiter = f"end_{uuid.uuid4().hex}"
        while delimiter in value:
            delimiter = f"end_{uuid.uuid4().hex}"
        parts.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write("".join(parts))


def write_summary(path: Path | None, markdown: str) -> None:
    """Appends to the job summary, cut to GitHub's 1 MiB at the end of a line."""
    if path is None:
        return
    used = path.stat().st_size if path.exists() else 0
    note = b"\n\nCut: a summary holds 1 MiB.\n"
    data = markdown.encode("utf-8", "replace")
    if used + len(data) > MOST_SUMMARY_BYTES:
        room = max(0, MOST_SUMMARY_BYTES - used - len(note))
        data = data[: data.rfind(b"\n", 0, room) + 1] + note if room else b""
    with path.open("ab") as file:
        file.write(data)
