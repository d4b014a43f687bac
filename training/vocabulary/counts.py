"""How much each piece of a vocabulary is used: a file that ships, and files of one's own text beside it.

Such a file is JSON, compressed by xz: {"about": what was counted, "pieces": [...], "per_billion": [...]}, the most used
piece first. It names pieces, not ids, so that it serves every tokenizer that has them, one cut down before included.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.files import replaced
from training.pretraining.texts import read_texts

SHIPPED = Path(__file__).with_name("counts.json.xz")
WEIGHT = 0.01  # of one language beside English in the shipped counts; chosen in docs/vocabulary.md
_BILLION = 1_000_000_000
_TEXTS = 256  # encoded at once


@dataclass(frozen=True)
class Counts:
    """Pieces, the most used first, with their scores: shares of their texts times weights, in parts per billion.

    Attributes:
        name: of the file they were read from; "shipped" for that of this package.
        sha256: of the file.
    """

    pieces: tuple[str, ...]
    scores: tuple[int, ...]
    name: str = ""
    sha256: str = ""
    about: str = ""


def read_counts(path: Path | None = None) -> Counts:
    """The counts of a file; without one, those that ship.

    Raises:
        InputError: there is no such file, or it is another kind of file.
    """
    path, name = (path, path.name) if path else (SHIPPED, "shipped")
    make = "Make one: python -m training vocabulary count"
    try:
        raw = path.read_bytes()
        found = json.loads(lzma.decompress(raw))
        pieces, scores = tuple(found["pieces"]), tuple(found["per_billion"])
        if len(pieces) != len(scores) or not all(isinstance(piece, str) for piece in pieces):
            raise ValueError("pieces and per_billion do not belong together")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", make) from error
    except (lzma.LZMAError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no file of counts: {error}", make) from error
    return Counts(pieces, scores, name, hashlib.sha256(raw).hexdigest(), str(found.get("about", "")))


def write_counts(path: Path, counts: Counts) -> None:
    """Writes them as `read_counts` reads them. Raises InputError where the path cannot be written."""
    document = {"about": counts.about, "pieces": counts.pieces, "per_billion": counts.scores}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    try:
        with replaced(path) as partial:
            partial.write_bytes(lzma.compress(text.encode(), preset=9))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}", "Check the folder and the disk.") from error


def write_own_counts(
    path: Path,
    tokenizer: Path,
    files: Sequence[Path],
    *,
    weight: float = WEIGHT,
    alone: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> tuple[Counts, int]:
    """Writes counts of one's own text to `path`; returns them, and how many pieces occur in each file, summed up.

    Args:
        weight: of each file beside the shipped counts.
        alone: without the shipped counts.

    Raises:
        InputError: tokenizer or file cannot be read, a file holds no text, or `path` cannot be written.
    """
    corpora = count_texts(tokenizer, files, progress)
    names = ", ".join(file.name for file in files)
    about = f"{names}, each {weight:g}" + ("" if alone else " beside the shipped counts")
    counts = combined(corpora, weight, None if alone else read_counts(), about)
    write_counts(path, counts)
    return counts, sum(map(len, corpora))


def count_texts(
    tokenizer: Path, files: Sequence[Path], progress: Callable[[str], None] = lambda step: None
) -> list[Counter[str]]:
    """How often each piece occurs in each of the files (`training.pretraining.texts`).

    Raises:
        InputError: tokenizer or file cannot be read, or a file holds no text.
    """
    library, found = open_library(tokenizer), []
    for file in files:
        progress(str(file))
        ids: Counter[int] = Counter()
        texts = (text.text for text in read_texts(file))
        while some := list(islice(texts, _TEXTS)):
            for encoded in library.encode_batch(some, add_special_tokens=False):
                ids.update(encoded.ids)
        if not ids:
            raise InputError(f"{file}: no text in it", "Give text, or rows with text, title or body.")
        found.append(Counter({library.id_to_token(token): count for token, count in ids.items()}))
    return found


def combined(corpora: Iterable[Counter[str]], weight: float, beside: Counts | None, about: str) -> Counts:
    """Scores: those of `beside`, and `weight` times a piece's share of each corpus.

    A piece that only just occurs keeps a score of 1, so that it is not lost to rounding.
    """
    scores: dict[str, float] = {}
    if beside is not None:
        scores |= dict(zip(beside.pieces, beside.scores, strict=True))
    for corpus in corpora:
        total = corpus.total()
        for piece, count in corpus.items():
            scores[piece] = scores.get(piece, 0) + weight * _BILLION * count / total
    # A stable sort: pieces of equal score stay in the order of `beside`.
    ranked = sorted(scores, key=lambda piece: -scores[piece])
    return Counts(tuple(ranked), tuple(max(1, round(scores[piece])) for piece in ranked), about=about)


def open_library(path: Path) -> Any:
    """The `tokenizers` library's reader of a tokenizer.json. Raises InputError."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "Give the tokenizer.json of a base.") from error
    except Exception as error:  # the library has no class of its own for its errors
        raise InputError(f"{path}: no tokenizer.json: {error}", "Give the tokenizer.json of a base.") from error
