"""Plain texts from files, for a language model to read: text, JSON lines and CSV, gzipped or not.

A row's text is its `text`, or its `title`, an empty line and its `body`. A row whose `split` is other than train is
kept for evaluation: it is left out, and so is every text that opens with its title.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.data.columns import single_columns
from labeler.data.textfile import clean_text, csv_rows, decode_lines
from labeler.errors import InputError

KINDS = (".txt", ".md", ".jsonl", ".csv")
_GIVE = f"Give files that end in {', '.join(KINDS)}, each also with .gz, or a folder of them."


@dataclass(frozen=True)
class Text:
    """One document; `kept` for evaluation, so not to be read in training."""

    text: str
    kept: bool = False

    @property
    def opening(self) -> str:
        """The first line, which is an issue's title, in lower case."""
        return self.text.split("\n", 1)[0].strip().lower()


def text_files(given: Iterable[Path]) -> list[Path]:
    """The files named, and for a folder all of its text files by name.

    Raises:
        InputError: one is missing or of another kind, a folder holds none, or nothing is given.
    """
    files: list[Path] = []
    for path in given:
        inside = sorted(p for p in path.iterdir() if _kind(p) in KINDS) if path.is_dir() else [path]
        if not inside or not all(p.is_file() and _kind(p) in KINDS for p in inside):
            what = "holds no text" if path.is_dir() else "of another kind" if path.exists() else "no such file"
            raise InputError(f"{path}: {what}", _GIVE)
        files += [p for p in inside if p not in files]
    if not files:
        raise InputError("no text to read", _GIVE)
    return files


def documents(
    files: Sequence[Path], seed: int, *, kept: Sequence[Path] = (), characters: float = float("inf")
) -> Iterator[str]:
    """Shuffled texts, until there are at least `characters` characters or no more texts.

    Args:
        kept: files whose rows are kept for evaluation, whatever their split.

    Raises:
        InputError: a file is wrong; the message names the line.
    """
    openings = {text.opening for path in kept for text in read_texts(path)}
    texts = [text for path in files for text in read_texts(path)]
    openings |= {text.opening for text in texts if text.kept}
    pool = [text.text for text in texts if not text.kept and text.text and text.opening not in openings]
    random.Random(seed).shuffle(pool)
    total = 0
    while total < characters and pool:
        text = pool.pop()
        total += len(text)
        yield text


def read_texts(path: Path) -> Iterator[Text]:
    """The texts of one file; a .txt or .md file is one text.

    Raises:
        InputError: it cannot be read, or a row is wrong; the message names file and line.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            lines = decode_lines(file, str(path))
            match _kind(path):
                case ".jsonl":
                    yield from _from_jsonl(lines, path)
                case ".csv":
                    yield from _from_csv(lines, path)
                case _:
                    yield Text(clean_text("".join(lines)).strip())
    except (OSError, EOFError) as error:  # gzip's own errors among them
        raise InputError(f"{path}: cannot be read: {error}", "Check the path, and that the file is whole.") from error


def _from_jsonl(lines: Iterable[str], path: Path) -> Iterator[Text]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}:{number}: not a JSON line: {error}", "Mend or drop the line.") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}:{number}: not an object", 'Write it like {"text": "…"}.')
        yield _text(row, f"{path}:{number}")


def _from_csv(lines: Iterable[str], path: Path) -> Iterator[Text]:
    rows = csv_rows(lines, str(path))
    where, header = next(rows, ("", []))
    single_columns(header, where, ("text", "title", "body", "split"))
    names = [name.strip().lower() for name in header]
    if "text" not in names and not {"title", "body"} & set(names):
        raise InputError(f"{path}:1: no column text, title or body", "The first row must name the columns.")
    for where, texts in rows:
        yield _text(dict(zip(names, texts, strict=True)), where)


def _text(row: dict[str, Any], where: str) -> Text:
    if not {"text", "title", "body"} & set(row):
        raise InputError(f"{where}: no text, title or body", 'Write it like {"text": "…"}, or with title and body.')
    parts = [row["text"]] if "text" in row else [row.get("title"), row.get("body")]
    if not all(part is None or isinstance(part, str) for part in parts):
        raise InputError(f"{where}: text, title or body is no string", "Put it in quotes.")
    text = "\n\n".join(part or "" for part in parts)
    return Text(clean_text(text).strip(), kept=(row.get("split") or "train") != "train")


def _kind(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix
