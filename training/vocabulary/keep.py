"""Which tokens stay: control tokens, tags and bytes whole, then the most used pieces with all that leads to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from labeler.errors import InputError, UsageError

_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
# Added tokens that text about issues does not need: reserved ones, and those of images.
_NEEDLESS = re.compile(r"<unused\d+>|<\w*image\w*>")
Pair = tuple[str, str]


def read_merges(state: Mapping[str, Any]) -> list[Pair]:
    """The merges of a tokenizer.json, in the older form ("a b") or the newer (["a", "b"])."""
    found = (m.split(" ", 1) if isinstance(m, str) else m for m in state["model"]["merges"])
    return [(left, right) for left, right in found]


def all_ids(state: Mapping[str, Any]) -> dict[str, int]:
    """Piece -> id, of the model's pieces and of added tokens."""
    found: dict[str, int] = state["model"]["vocab"] | {token["content"]: token["id"] for token in state["added_tokens"]}
    return found


def kept_ids(
    state: Mapping[str, Any], order: Iterable[str], size: int, *, rows: int | None = None, counts: str = "the counts"
) -> np.ndarray:
    """The ids of the tokens that a vocabulary of `size` keeps, ascending, int32.

    Where a piece is kept, so is every piece that byte-pair encoding passes through on its way there, down to single
    characters: text whose pieces are all kept is then encoded as before, since the merge that comes next in the whole
    tokenizer is there in the smaller one, and none was added.

    Args:
        state: a tokenizer.json: byte-pair encoding with byte fallback.
        order: pieces, the most used first; what the tokenizer does not have is passed over.
        rows: of the embeddings; tokens above them are left out.
        counts: what the order is called in errors.

    Raises:
        InputError: the tokenizer is of another kind, or the order is too short.
        UsageError: `size` has no room beside the tokens that always stay.
    """
    _check_kind(state)
    ids = {piece: token for piece, token in all_ids(state).items() if rows is None or token < rows}
    added = {token["content"] for token in state["added_tokens"]}
    kept = always_kept(state) & ids.keys()
    if size <= len(kept):
        what = f"A vocabulary of {size:,} tokens is too small: control tokens, tags and bytes alone are {len(kept):,}."
        raise UsageError(what, "docs/vocabulary.md says what several sizes cost.")
    ranks = {pair: rank for rank, pair in enumerate(read_merges(state))}
    for piece in order:
        if len(kept) == size:
            break
        if piece in kept or piece in added or piece not in ids:
            continue
        steps = _steps(piece, ranks)
        if steps is None or not steps <= ids.keys():
            continue
        new = steps - kept
        if len(kept) + len(new) <= size:  # else a less used piece that needs fewer may still fit
            kept |= new
    if len(kept) < size:
        what = f"{counts}: the pieces that they name make {len(kept):,} tokens of this tokenizer, not {size:,}"
        raise InputError(what, "Ask for no more, or count more text: python -m training vocabulary count")
    return np.array(sorted(ids[piece] for piece in kept), dtype=np.int32)


def always_kept(state: Mapping[str, Any]) -> set[str]:
    """Control tokens, tags and runs of blanks that are tokens of their own, and bytes; not the reserved ones."""
    added = {token["content"] for token in state["added_tokens"]}
    control = {content for content in added if not _NEEDLESS.fullmatch(content)}
    return control | set(_BYTES) | {state["model"].get("unk_token") or _BYTES[0]}


def _check_kind(state: Mapping[str, Any]) -> None:
    model = state["model"]
    odd = [key for key in ("ignore_merges", "continuing_subword_prefix", "end_of_word_suffix") if model.get(key)]
    if model.get("type") != "BPE" or odd or not model.get("byte_fallback") or not set(_BYTES) <= model["vocab"].keys():
        what = "The base's tokenizer is no byte-pair encoding with byte fallback, as Gemma 3's is"
        raise InputError(what, "Keep its vocabulary whole.")


def _steps(piece: str, ranks: Mapping[Pair, int]) -> set[str] | None:
    """The pieces that byte-pair encoding passes through from characters to `piece`, both ends included.

    None where it does not get there: no text is ever encoded to such a piece.
    """
    parts = list(piece)
    passed = set(parts)
    while len(parts) > 1:
        never = len(ranks)
        rank, i = min((ranks.get(pair, never), i) for i, pair in enumerate(pairwise(parts)))
        if rank == never:
            return None
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
        passed.add(parts[i])
    return passed
