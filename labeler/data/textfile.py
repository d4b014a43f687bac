"""Text that others wrote: UTF-8 lines, CSV rows and their fields, every error with its place in the file."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from labeler.errors import InputError

# Larger than any issue (65,536 characters), far smaller than what an unclosed quote can swallow.
FIELD_LIMIT = 16 * 1024 * 1024

# UTF-32's begins with UTF-16's, so it goes first.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """The text with every lone surrogate (half an emoji in JSON) replaced, so that it can be encoded as UTF-8."""
    return _SURROGATE.sub("\ufffd", text)


def decoded_lines(path: str | Path) -> Iterator[str]:
    """The lines of a file with their ends (split at \\n only): UTF-8, or UTF-16 and UTF-32 by their byte order mark,
    as Windows' PowerShell writes what is sent to a file. Raises InputError naming the line at fault."""
    try:
        with Path(path).open("rb") as file:
            wide = _wide_encoding(file.read(4))
            file.seek(0)
            if not wide:
                yield from decode_lines(file, str(path))
                return
        with Path(path).open(encoding=wide, newline="\n") as text:
            yield from text
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Check the path.") from error
    except UnicodeError as error:
        raise InputError(f"{path}: not {wide.upper()}, as its first bytes say", "Save the file as UTF-8.") from error


def _wide_encoding(start: bytes) -> str:
    return next((name for mark, name in BYTE_ORDER_MARKS[1:] if start.startswith(mark)), "")


def decode_lines(lines: Iterable[bytes], source: str) -> Iterator[str]:
    """Bytes to text, a line at a time, so that an error names the line."""
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{source}:{number}: not UTF-8", "Save the file as UTF-8.") from error


def csv_rows(lines: Iterable[str], source: str, delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Every row that is not blank with its place ("issues.csv:17: row 4"); all are as long as the first."""
    csv.field_size_limit(max(csv.field_size_limit(), FIELD_LIMIT))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    length, row, line = 0, 0, 1
    while True:
        try:
            texts = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            remedy = "Look for a quote that is not closed or not doubled from that line on."
            raise InputError(f"{source}:{line}: row {row + 1}: not valid CSV: {error}", remedy) from error
        row += 1
        where, line = f"{source}:{line}: row {row}", reader.line_num + 1
        length = length or len(texts)
        if texts and len(texts) != length:
            remedy = f"Quote fields that hold {_NAMES.get(delimiter, delimiter)} or newlines."
            raise InputError(f"{where}: {len(texts)} columns where the header has {length}", remedy)
        if texts:
            yield where, texts


def split_answer(line: str) -> tuple[str, ...]:
    """The names in an answer line ("bug, ci/cd"); none for an empty one."""
    return tuple(name.strip() for name in line.split(",")) if line.strip() else ()


def integer_of(text: str) -> int | None:
    """The positive integer that `text` writes; None for an empty text. Raises ValueError."""
    if not text.strip():
        return None
    if not re.fullmatch(r"\s*0*[1-9][0-9]{0,17}\s*", text):
        raise ValueError(text)
    return int(text)


def one_line(text: str) -> str:
    """The text on one line, without the control characters that would act on a terminal."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text).split())


def parsed_json(text: str, source: str, line: int) -> Any:
    """JSON that begins at a line of a source. Raises InputError naming both."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        what = f"{source}:{line + error.lineno - 1}: not valid JSON: {error.msg} at column {error.colno}"
        raise InputError(what, "Write one JSON object a line, or one array.") from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{source}:{line}: not valid JSON: {error}", "Write one JSON object a line.") from error
