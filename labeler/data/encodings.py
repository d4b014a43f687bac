"""How a table's bytes become text: by its byte order mark, as UTF-8, or as Windows writes it, which is a guess."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from labeler.data.textfile import BYTE_ORDER_MARKS, decoded_lines
from labeler.errors import InputError

GUESSED = "cp1252"
SAVE_AS_CSV = (
    "Save it as CSV: in Excel File > Save As > CSV UTF-8; in LibreOffice File > Save As > Text CSV; "
    "in Google Sheets File > Download > Comma-separated values."
)
WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers")
_MAGIC = {
    b"PK\x03\x04": "a workbook (or another zip file), not text",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook, not text",
    b"\x1f\x8b": "compressed by gzip",
}
_CHUNK = 1 << 20
_MOST_FOREIGN = 0.3  # of the letters; text in Windows' western code page has far fewer that are not ASCII
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_UNUSED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # no characters in Windows-1252


def refuse_workbook(path: Path) -> None:
    """Raises InputError, with how to save it as text, for what is a workbook by its first bytes, whatever its name."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Check the path.") from error
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            raise InputError(f"{path}: {what}", "Unpack it." if "gzip" in what else SAVE_AS_CSV)


def encoding_of(path: Path, said: str = "", say: Callable[[str], None] | None = None) -> str:
    """The encoding of a text file. A byte order mark goes before what is `said`, that before any guess.

    Args:
        say: is told of a guess; without it there is none, and what is not UTF-8 is an error on reading.

    Raises:
        InputError: it cannot be read, is a workbook, or nothing plausible fits.
    """
    refuse_workbook(path)
    with path.open("rb") as file:
        start = file.read(_CHUNK)
    for mark, encoding in BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    if said:
        return said
    if start[:1000].count(0) > len(start[:1000]) / 4:
        raise InputError(
            f"{path}: UTF-16 without its byte order mark", "Say --encoding utf-16-le, or save it as UTF-8."
        )
    if say is None or _is_utf8(path):
        return "utf-8"
    data = path.read_bytes()
    bare, sequences = _MULTIBYTE.subn(b"", data)
    foreign = len(re.findall(rb"[\x80-\xff]", bare))
    if sequences > foreign:
        return "utf-8"  # with a wrong byte or two: reading it names the line
    letters = len(re.findall(rb"[A-Za-z]", bare))
    if _UNUSED.search(data) or foreign > _MOST_FOREIGN * (foreign + letters):
        what = f"{path}: not UTF-8, and not in Windows' western encoding either"
        raise InputError(what, "Save it as UTF-8, or name its encoding: --encoding cp1251, or shift_jis, gb18030 ….")
    say(f"{path}: not UTF-8; read as Windows-1252, as Excel writes it. --encoding names another.")
    return GUESSED


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a file with their ends (split at \\n only). Raises InputError where a byte doesn't fit."""
    if encoding in ("utf-8", "utf-8-sig"):
        yield from decoded_lines(path)
        return
    try:
        with path.open(encoding=encoding, newline="\n") as file:
            yield from file
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Check the path.") from error
    except LookupError as error:
        raise InputError(f"{path}: no encoding is named {encoding!r}", "Say --encoding cp1252, or another.") from error
    except UnicodeError as error:
        raise InputError(f"{path}: not {encoding}: {error}", "Save the file as UTF-8, or say --encoding.") from error


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
