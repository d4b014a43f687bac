"""Writes a bundle's token embeddings, as `labeler.model.decoder.Embeddings` reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from labeler.model.tensors import write_tensors
from training.model.checkpoint import Config, Weights
from training.quantise.quantisation import Grid, Quantisation
from training.quantise.rounding import Blocks, Rounding, joined, nearest, refuse_non_finite

NAME = "embed_tokens"
_ROWS = 16_384  # read at once


def write_embeddings(
    path: Path,
    config: Config,
    weights: Weights,
    quantisation: Quantisation | None,
    rounding: Rounding,
    fine: Sequence[int] = (),
) -> None:
    """Rows in 8 bits, or two 4-bit codes a byte, with half-precision scales; or float32 rows.

    Args:
        fine: tokens that are kept in 8 bits where the others are in 4; text is made of few of them.

    Raises:
        InputError: a weight is no finite number.
    """
    if quantisation is None:
        rows = np.concatenate(list(weights.rows(f"{NAME}.weight", _ROWS)))
        refuse_non_finite(NAME, rows)
        write_tensors(path, {"rows": rows})
        return
    if len(set(fine)) != quantisation.fine:
        raise ValueError(f"{len(set(fine))} tokens in 8 bits, the form says {quantisation.fine}")
    grid, hidden = quantisation.embeddings, config.hidden_size
    blocks = rounded_embeddings(weights, quantisation, rounding)
    if not fine:
        write_tensors(path, {"rows": _stored(blocks, grid, hidden), "scales": blocks.scales})
        return
    chosen = np.unique(np.asarray(fine, dtype=np.int64))
    rest = np.setdiff1d(np.arange(config.vocab_size), chosen)
    place = np.empty(config.vocab_size, dtype=np.int32)
    place[rest], place[chosen] = np.arange(len(rest)), ~np.arange(len(chosen))
    exact = fine_rows(weights, chosen)
    coarse = Blocks(blocks.codes[rest], blocks.scales[rest])
    tensors = {"place": place, "rows": _stored(coarse, grid, hidden), "scales": coarse.scales}
    write_tensors(path, tensors | {"fine_rows": _stored(exact, Grid(), hidden), "fine_scales": exact.scales})


def rounded_embeddings(weights: Weights, quantisation: Quantisation, rounding: Rounding) -> Blocks:
    """All rows, as `rounding` has them."""
    parts, first = [], 0
    for part in weights.rows(f"{NAME}.weight", _ROWS):
        refuse_non_finite(NAME, part)
        parts.append(rounding(NAME, part, quantisation.embeddings, first))
        first += len(part)
    return joined(parts)


def held(blocks: Blocks, weights: Weights, fine: Sequence[int], hidden: int) -> np.ndarray:
    """What a bundle will hold: all rows as `blocks`, of the tokens `fine` in 8 bits; float32 (tokens, hidden)."""
    rows = blocks.matrix(hidden)
    if chosen := sorted(set(fine)):
        rows[chosen] = fine_rows(weights, chosen).matrix(hidden)
    return rows


def most_used(texts: Iterable[Sequence[int]], count: int, always: Iterable[int] = ()) -> list[int]:
    """The tokens `always`, and those that occur most often in texts of token ids, `count` of them together."""
    counts = Counter(token for ids in texts for token in ids)
    first = dict.fromkeys(always)
    others = (token for token, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if token not in first)
    return sorted([*first, *others][:count])


def fine_rows(weights: Weights, chosen: Sequence[int] | np.ndarray) -> Blocks:
    """The rows of these tokens, in rising order, in 8 bits."""
    found, first, tokens = [], 0, np.asarray(chosen, dtype=np.int64)
    for part in weights.rows(f"{NAME}.weight", _ROWS):
        found.append(part[tokens[(tokens >= first) & (tokens < first + len(part))] - first])
        first += len(part)
    return nearest(NAME, np.concatenate(found), Grid())


def _stored(blocks: Blocks, grid: Grid, hidden: int) -> np.ndarray:
    if grid.bits == 8:
        return np.ascontiguousarray(blocks.codes.reshape(len(blocks.codes), -1)[:, :hidden])
    return blocks.packed(4).reshape(len(blocks.codes), -1)
