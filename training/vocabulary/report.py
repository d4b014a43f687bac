"""What a smaller vocabulary costs: how many more tokens texts of each language take."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.console.tables import right, table
from labeler.console.terminal import console
from labeler.data.textfile import clean_text, decode_lines
from labeler.errors import InputError
from training.vocabulary.counts import Counts, open_library
from training.vocabulary.keep import all_ids, kept_ids
from training.vocabulary.smaller_tokenizer import Renumbering


@dataclass(frozen=True)
class LanguageCost:
    """Tokens that the texts of one language take: with the whole vocabulary, and size -> with that many tokens."""

    language: str
    texts: int
    whole: int
    trimmed: Mapping[int, int]

    def ratio(self, size: int) -> float:
        """Tokens with `size`, relative to those with the whole vocabulary: 1 or more."""
        return self.trimmed[size] / self.whole


def costs(tokenizer: Path, counts: Counts, sizes: Sequence[int], texts: Path) -> list[LanguageCost]:
    """For each language of `texts` (`read_languages`), in the order they are met.

    Raises:
        LabelerError: a file is wrong, or counts and a size do not fit.
    """
    by_language = read_languages(texts)
    whole, state = open_library(tokenizer), json.loads(tokenizer.read_bytes())
    found: dict[str, dict[int, int]] = {language: {} for language in by_language}
    for size in sizes:
        smaller = _smaller(state, counts, size)
        for language, said in by_language.items():
            found[language][size] = _tokens(smaller, said)
    return [
        LanguageCost(language, len(said), _tokens(whole, said), found[language])
        for language, said in by_language.items()
    ]


def show(found: Sequence[LanguageCost], sizes: Sequence[int]) -> None:
    """Prints a row for each language: tokens with the whole vocabulary, and the ratio of each size to it."""
    numbers = right("texts", "tokens", *(f"{size:,}" for size in sizes))
    rows = (
        (cost.language, f"{cost.texts:,}", f"{cost.whole:,}", *(f"{cost.ratio(size):.3f}" for size in sizes))
        for cost in found
    )
    console().print(table(("language", *numbers), rows))


def as_json(found: Sequence[LanguageCost]) -> str:
    rows = [
        {"language": cost.language, "texts": cost.texts, "whole": cost.whole, "trimmed": dict(cost.trimmed)}
        for cost in found
    ]
    return json.dumps(rows, indent=1)


def read_languages(path: Path) -> dict[str, list[str]]:
    """Texts by language, of JSON lines with language, title and body, gzipped or not.

    Raises:
        InputError: names file and line.
    """
    found: dict[str, list[str]] = {}
    for where, row in _rows(path):
        values = [row.get("title"), row.get("body")]
        language = row.get("language")
        if not (isinstance(language, str) and language) or not all(v is None or isinstance(v, str) for v in values):
            raise InputError(f"{where}: no language, or title or body is no string", _WRITE)
        text = clean_text("\n\n".join(value or "" for value in values))
        if text.strip():
            found.setdefault(language, []).append(text)
    if not found:
        raise InputError(f"{path}: no texts", _WRITE)
    return found


_WRITE = 'Write lines like {"language": "de", "title": "…", "body": "…"}'


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(decode_lines(file, str(path)), 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("no object")
                yield f"{path}:{number}", row
    except (OSError, EOFError) as error:  # gzip's own errors among them
        raise InputError(f"{path}: cannot be read: {error}", "Check the path, and that the file is whole.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}:{number}: not a JSON line: {error}", _WRITE) from error


def _smaller(state: dict[str, Any], counts: Counts, size: int) -> Any:
    from tokenizers import Tokenizer

    if size >= len(all_ids(state)):
        return Tokenizer.from_str(json.dumps(state))
    kept = kept_ids(state, counts.pieces, size, counts=counts.name)
    return Tokenizer.from_str(json.dumps(Renumbering(state, kept).tokenizer(state)))


def _tokens(library: Any, texts: Sequence[str]) -> int:
    return sum(len(encoded.ids) for encoded in library.encode_batch(list(texts), add_special_tokens=False))
