"""Rounds matrices to codes and their scales.

A block of weights along a row shares one scale: weight = code * scale. Codes are whole numbers of 4 or 8 bits, from -8
to 7 or from -128 to 127, as ONNX Runtime's MatMulNBits multiplies them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from labeler.errors import BundleError, InputError
from labeler.model.decoder import available_cores
from labeler.model.tensors import TensorFile
from training.quantise.quantisation import Grid

Array = np.ndarray
# Shares of a block's largest weight that its scale is tried for: cutting the largest off can pay for the others.
_SHARES = tuple(1.06 - 0.02 * i for i in range(24))
_ROWS = 1024  # rounded at once
FINE = "embed_tokens.fine"  # in a file of scales or codes: tokens with embeddings in 8 bits, int64


@dataclass(frozen=True)
class Blocks:
    """A rounded matrix: codes, int8 (out, blocks, block), and scales (out, blocks). The last block may be padded."""

    codes: Array
    scales: Array

    def matrix(self, columns: int) -> Array:
        """float32 (out, columns)."""
        values = self.codes.astype(np.float32) * self.scales.astype(np.float32)[:, :, None]
        return np.ascontiguousarray(values.reshape(len(values), -1)[:, :columns])

    def packed(self, bits: int) -> Array:
        """uint8 (out, blocks, block * bits / 8), around the middle; of two 4-bit codes the first is the lower half."""
        raised = (self.codes.astype(np.int16) + (1 << bits - 1)).astype(np.uint8)
        if bits == 8:
            return raised
        pairs: Array = raised[:, :, 0::2] | raised[:, :, 1::2] << 4
        return pairs


class Rounding(Protocol):
    """Rounds a matrix, float32 (out, in), known by its name: "LAYER.self_attn.q_proj" or "embed_tokens".

    Embeddings come some rows at a time; `first` is the number of the first.
    """

    def __call__(self, name: str, matrix: Array, grid: Grid, first: int = 0) -> Blocks: ...


def joined(parts: list[Blocks]) -> Blocks:
    """Matrices with the same inputs, one below the other."""
    return Blocks(np.concatenate([p.codes for p in parts]), np.concatenate([p.scales for p in parts]))


def in_blocks(matrix: Array, block: int) -> Array:
    """float32 (out, blocks, block) of a matrix (out, in), zeros after its end."""
    rows, columns = matrix.shape
    blocks = -(-columns // block)
    if blocks * block == columns:
        return np.ascontiguousarray(matrix, dtype=np.float32).reshape(rows, blocks, block)
    padded = np.zeros((rows, blocks * block), dtype=np.float32)
    padded[:, :columns] = matrix
    return padded.reshape(rows, blocks, block)


def nearest(name: str, matrix: Array, grid: Grid, first: int = 0) -> Blocks:
    """Every weight to the nearest code, by the scales that leave the least squared error in each block.

    Raises:
        InputError: a weight is no finite number, or too large for a scale in half precision.
    """
    grouped = in_blocks(matrix, grid.block)
    return coded(name, grouped, best_scales(name, grouped, grid), grid)


def coded(name: str, grouped: Array, scales: Array, grid: Grid) -> Blocks:
    """The nearest codes of weights (out, blocks, block) by given scales (out, blocks)."""
    stored = stored_scales(name, scales, grid)
    codes = np.empty(grouped.shape, dtype=np.int8)
    for part in _parts(len(codes)):
        codes[part] = _round(grouped[part], stored[part].astype(np.float32), grid)
    return Blocks(codes, stored)


def stored_scales(name: str, scales: Array, grid: Grid) -> Array:
    """Scales (out, blocks) as they are kept: float16 for "half", else float32.

    Raises:
        InputError: one is no finite number in half precision.
    """
    if grid.scales == "byte":
        numbers, worth = scale_bytes(scales)
        stored = numbers * worth.astype(np.float32)[:, None]
    else:
        stored = scales.astype(np.float16 if grid.scales == "half" else np.float32)
    refuse_non_finite(name, stored)
    return stored


def scale_bytes(scales: Array) -> tuple[Array, Array]:
    """Scales (out, blocks) as int8 of the same shape, and what 1 is worth in each row, float16 (out,)."""
    worth = (np.abs(scales.astype(np.float32)).max(axis=1) / 127.0).astype(np.float16)
    safe = np.where(worth > 0, worth, 1.0).astype(np.float32)[:, None]
    return np.rint(scales / safe).clip(-127, 127).astype(np.int8), worth


def best_scales(name: str, grouped: Array, grid: Grid, importance: Array | None = None) -> Array:
    """Scales (out, blocks) of weights (out, blocks, block).

    Args:
        importance: what each column's squared error counts, (blocks, block); by default all count the same.

    In 4 bits there is a code more below zero than above: the scale's sign gives it to the largest weight. Of scales
    that cover it or cut it off a little, each block gets the one with the least squared error.
    """
    refuse_non_finite(name, grouped)
    if grid.bits == 8:
        scales: Array = np.abs(grouped).max(axis=2) / 127.0
        return stored_scales(name, scales, grid)
    found = np.empty(grouped.shape[:2], dtype=np.float32)

    def least(part: slice) -> Array:
        return _least_error(grouped[part], grid, importance)

    with ThreadPoolExecutor(available_cores()) as threads:  # numpy releases the interpreter lock
        parts = list(_parts(len(grouped)))
        for part, best in zip(parts, threads.map(least, parts), strict=True):
            found[part] = best
    return stored_scales(name, found, grid)


def _least_error(grouped: Array, grid: Grid, importance: Array | None) -> Array:
    place = np.abs(grouped).argmax(axis=2)[:, :, None]
    largest = np.take_along_axis(grouped, place, 2)[:, :, 0] / grid.lowest
    best = np.zeros(largest.shape, dtype=np.float32)
    least = np.full(largest.shape, np.inf, dtype=np.float32)
    for share in _SHARES:
        scales = (largest * np.float32(share)).astype(np.float16).astype(np.float32)
        error = (_round(grouped, scales, grid) * scales[:, :, None] - grouped).astype(np.float32)
        weighed = error if importance is None else error * importance
        squared = np.einsum("rbk,rbk->rb", error, weighed)
        better = squared < least
        least[better], best[better] = squared[better], scales[better]
    return best


def _round(grouped: Array, scales: Array, grid: Grid) -> Array:
    """float32 codes; all zero where the scale is."""
    safe = np.where(scales == 0, np.float32(np.inf), scales)[:, :, None]
    return np.rint(grouped / safe).clip(grid.lowest, -grid.lowest - 1)


def _parts(rows: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, rows, _ROWS))


class GivenScales:
    """Rounds to nearest by scales that are given, as a model learned them that was tuned with rounded weights.

    Args:
        path: safetensors, for each matrix by its name float (out, blocks); what it lacks is rounded by `otherwise`.

    Raises:
        InputError: the file is missing or no safetensors file.
    """

    def __init__(self, path: Path, otherwise: Rounding = nearest) -> None:
        try:
            self.file = TensorFile(path)
        except (OSError, BundleError) as error:
            raise InputError(f"{path}: no scales: {error}", "Give the safetensors file that tuning wrote.") from error
        self._path, self._otherwise, self._names = path, otherwise, frozenset(self.file.names)

    def __call__(self, name: str, matrix: Array, grid: Grid, first: int = 0) -> Blocks:
        """Raises InputError where the scales are of another shape or block."""
        if name not in self._names:
            return self._otherwise(name, matrix, grid, first)
        grouped = in_blocks(matrix, grid.block)
        scales = self.file.as_float32(name)[first : first + len(matrix)]
        if scales.shape != grouped.shape[:2]:
            raise InputError(
                f"{self._path}: {name} has scales {scales.shape}, blocks of {grid.block} need {grouped.shape[:2]}",
                "Give the block that tuning used.",
            )
        refuse_non_finite(name, grouped)
        return coded(name, grouped, scales, grid)


class GivenBlocks:
    """Hands out matrices that were rounded before; what is not among them is rounded by `otherwise`."""

    def __init__(self, blocks: Mapping[str, Blocks], otherwise: Rounding = nearest) -> None:
        self._blocks, self._otherwise = blocks, otherwise

    def __call__(self, name: str, matrix: Array, grid: Grid, first: int = 0) -> Blocks:
        if name not in self._blocks:
            return self._otherwise(name, matrix, grid, first)
        if self._blocks[name].codes.shape[2] != grid.block:
            held = self._blocks[name].codes.shape[2]
            raise InputError(f"{name}: its codes are in blocks of {held}, not {grid.block}", "Ask for those blocks.")
        blocks, rows = self._blocks[name], slice(first, first + len(matrix))
        return Blocks(blocks.codes[rows], stored_scales(name, blocks.scales[rows], grid))


def given(path: Path) -> Rounding:
    """Rounds as a file says that tuning or calibration wrote: with codes, or by scales to nearest (`GivenScales`).

    Codes stand as "NAME.codes", int8 (out, in) or (out, blocks, block), beside "NAME.scales", float (out, blocks).

    Raises:
        InputError: the file is missing or no safetensors file, or a matrix has codes without scales.
    """
    by_scales = GivenScales(path)
    file = by_scales.file
    blocks = {}
    for name in (key.removesuffix(".codes") for key in file.names if key.endswith(".codes")):
        if f"{name}.scales" not in file.names:
            raise InputError(f"{path}: {name} has codes and no scales", "Give the file that calibration wrote.")
        scales = file.as_float32(f"{name}.scales")
        codes = file[f"{name}.codes"].reshape(*scales.shape, -1)
        blocks[name] = Blocks(codes.astype(np.int8), scales)
    return GivenBlocks(blocks, by_scales)


def fine_of(path: Path) -> list[int]:
    """The tokens with embeddings in 8 bits of a file that `given` reads; none where it names none."""
    found = GivenScales(path).file.get(FINE)
    return [] if found is None else [int(token) for token in found]


def refuse_non_finite(name: str, array: Array) -> None:
    """Raises InputError where a tensor, or what it became in half precision, holds infinities or no numbers."""
    if not np.isfinite(array).all():
        raise InputError(f"{name}: holds what is no finite number", "The checkpoint is damaged, or tuning diverged.")
