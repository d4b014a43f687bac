"""The rounding that a bundle's weights go through, as tensors: what distillation sees (`training.fast.distil`).

A block of `block` weights along a row shares one scale; a weight is a whole number of `bits`, from -8 to 7 in four,
times the scale. Scales are those with the least squared error among `_TRIES` tried, so the numbers that the forward
pass multiplies with are exactly those that the bundle holds. They have either sign: the block's largest weight is to
meet the end of the range that reaches further.
"""

from __future__ import annotations

import torch
from torch import Tensor

from labeler.errors import InputError
from training.quantise.quantisation import Grid

_TRIES, _LARGEST, _STEP = 24, 1.06, 0.02  # shares of the scale at which a block's largest weight just fits


def in_blocks(weight: Tensor, grid: Grid) -> Tensor:
    """(out, in) as float32 (out, in / block, block). Raises InputError where the inputs are no whole blocks."""
    if weight.shape[1] % grid.block:
        what = f"a matrix of {weight.shape[1]} inputs cannot be rounded in blocks of {grid.block}"
        raise InputError(what, "Give a block that divides it.")
    return weight.float().reshape(len(weight), -1, grid.block)


def best_scales(weight: Tensor, grid: Grid) -> Tensor:
    """The scale of each block with the least squared error, float32 (out, in / block), as a bundle can hold it."""
    blocks = in_blocks(weight, grid)
    largest = blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True)).squeeze(-1)
    best = torch.full_like(largest, torch.inf)
    found = torch.ones_like(largest)
    for place in range(_TRIES):
        scales = (largest * (_LARGEST - _STEP * place) / grid.lowest).half().float()
        scales = torch.where(scales == 0, torch.full_like(scales, 1e-6), scales)  # a block of zeros, or nearly
        error = (_on_grid(blocks, scales, grid) - blocks).pow(2).sum(-1)
        found = torch.where(error < best, scales, found)
        best = torch.minimum(error, best)
    return _in_bytes(found) if grid.scales == "byte" else found.half().float()


def rounded(weight: Tensor, scales: Tensor, grid: Grid) -> Tensor:
    """The nearest weights on the grid: (out, in), float32."""
    return _on_grid(in_blocks(weight, grid), scales, grid).view(weight.shape)


def _in_bytes(scales: Tensor) -> Tensor:
    """Whole numbers of what one of them is worth in the row (`training.quantise.rounding.scale_bytes`)."""
    worth = (scales.abs().amax(1, keepdim=True) / 127).half().float()
    return (scales / worth.where(worth > 0, 1.0)).round().clamp(-127, 127) * worth


def on_grid(blocks: Tensor, scales: Tensor, grid: Grid) -> Tensor:
    """The codes of weights (out, blocks, block), as numbers of the same shape and type."""
    safe = scales.where(scales != 0, torch.inf)  # a scale that is small beside its row's others can become 0 in bytes
    return (blocks / safe[..., None]).round().clamp(grid.lowest, -grid.lowest - 1)


def _on_grid(blocks: Tensor, scales: Tensor, grid: Grid) -> Tensor:
    return on_grid(blocks, scales, grid) * scales[..., None]
