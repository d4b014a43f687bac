"""A frozen matrix with its LoRA (Hu et al. 2021, arXiv:2106.09685).

There are two ways to the same product. Beside: y = x W' + s (x A') B', three products, of which two are small: for a
CPU. As a change of the weights: y = x (W + s B A)': one product a matrix, in forms a compiler fuses: for a GPU.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from training.fast.rounding import Grid, best_scales, rounded

MATRICES = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)


@dataclass(frozen=True)
class Rank:
    """The size of an adapter, and how its product is scaled: alpha / rank, or alpha / sqrt(rank) with rsLoRA."""

    rank: int
    alpha: float
    rslora: bool

    @property
    def scale(self) -> float:
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)


class Adapted:
    """One matrix (out, in) and its adapter, A (rank, in) and B (out, rank), in single precision.

    Attributes:
        scales: once rounding has begun, those of `training.fast.rounding`.
    """

    def __init__(self, name: str, weight: Tensor, rank: Rank, seed: int) -> None:
        self.name, self.weight, self.scale = name, weight, rank.scale
        outputs, inputs = weight.shape
        # peft's own distribution, drawn by name, as `training.backends.load_model` does.
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
        bound = 1 / math.sqrt(inputs)
        start = torch.empty(rank.rank, inputs).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(start.to(weight.device))
        self.b = nn.Parameter(torch.zeros(outputs, rank.rank, device=weight.device))
        self.scales: Tensor | None = None
        self._grid = Grid()
        self._is_set = False
        self._rounded: Tensor | None = None

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [self.a, self.b]

    @property
    def is_idle(self) -> bool:
        """It neither learns nor changes anything: its products can be left out."""
        return not self.a.requires_grad and self.scales is None and not self._is_set

    @torch.no_grad()
    def set(self, a: Tensor, b: Tensor) -> None:
        """Goes on from this adapter."""
        self.a.copy_(a)
        self.b.copy_(b)
        self._is_set = bool(self.b.any())

    @torch.no_grad()
    def begin_rounding(self, grid: Grid, scales: Tensor | None = None) -> None:
        """From now on its products are those of rounded weights; by `scales`, or the best for what it is now."""
        self._grid = grid
        self.scales = best_scales(self._sum(), grid) if scales is None else scales.to(self.weight.device)

    @torch.no_grad()
    def refresh(self, round_: Any = rounded) -> None:
        """Rounds anew, after the adapter has changed."""
        if self.scales is not None:
            self._rounded = round_(self._sum(), self.scales, self._grid).to(self.weight.dtype)

    @torch.no_grad()
    def merged(self) -> Tensor:
        """What the products are done with, rounded if that has begun: float32 (out, in)."""
        found = self._sum()
        return found if self.scales is None else rounded(found, self.scales, self._grid)

    def beside(self, x: Tensor) -> Tensor:
        """(tokens, in) to (tokens, out), the adapter beside the matrix."""
        if self._rounded is not None:
            return _Rounded.apply(x, self._rounded, self.a, self.b, self.scale)
        if self.is_idle:
            return x @ self.weight.T
        return _Beside.apply(x, self.weight, self.a, self.b, self.scale)

    def changed(self, dtype: torch.dtype) -> Tensor:
        """The weights with the adapter as a change of them, (out, in): gradients reach A and B by them."""
        if self.is_idle:
            return self.weight.to(dtype)
        found = self.weight.float() + self.scale * (self.b @ self.a)
        if self.scales is not None:
            # Straight through: the forward pass sees rounded weights, the backward pass those under them.
            found = found + (rounded(found.detach(), self.scales, self._grid) - found.detach())
        return found.to(dtype)

    def _sum(self) -> Tensor:
        return self.weight.float() + self.scale * (self.b @ self.a)


class _Beside(torch.autograd.Function):
    """x W' + s (x A') B', W frozen; A and B are used in x's dtype, and their gradients come in their own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        a, b = a.to(x.dtype), b.to(x.dtype)
        low = x @ a.T
        ctx.save_for_backward(x, weight, a, b, low)
        ctx.scale = scale
        return torch.addmm(x @ weight.T, low, b.T, alpha=scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight, a, b, low = ctx.saved_tensors
        to_b = (gradient.T @ low).float() * ctx.scale
        to_low = (gradient @ b) * ctx.scale
        to_x = torch.addmm(gradient @ weight, to_low, a) if ctx.needs_input_grad[0] else None
        return to_x, None, (to_low.T @ x).float(), to_b, None


class _Rounded(torch.autograd.Function):
    """x Q', where Q are the rounded weights, adapter included; A and B get what they would get beside Q."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(x, weight, a.to(x.dtype), b.to(x.dtype))
        ctx.scale = scale
        return x @ weight.T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight, a, b = ctx.saved_tensors
        to_low = (gradient @ b) * ctx.scale
        to_b = (gradient.T @ (x @ a.T)).float() * ctx.scale
        return gradient @ weight if ctx.needs_input_grad[0] else None, None, (to_low.T @ x).float(), to_b, None
