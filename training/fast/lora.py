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
    """One matrix (out, in) and its adapter, A (rank, in) and B (out, rank), in single precision."""

    def __init__(self, name: str, weight: Tensor, rank: Rank, seed: int) -> None:
        self.name, self.weight, self.scale = name, weight, rank.scale
        outputs, inputs = weight.shape
        # peft's own distribution, drawn by name, as `training.backends.load_model` does.
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
        bound = 1 / math.sqrt(inputs)
        start = torch.empty(rank.rank, inputs).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(start.to(weight.device))
        self.b = nn.Parameter(torch.zeros(outputs, rank.rank, device=weight.device))
        self._is_set = False

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [self.a, self.b]

    @property
    def is_idle(self) -> bool:
        """It neither learns nor changes anything: its products can be left out."""
        return not self.a.requires_grad and not self._is_set

    @torch.no_grad()
    def set(self, a: Tensor, b: Tensor) -> None:
        """Goes on from this adapter."""
        self.a.copy_(a)
        self.b.copy_(b)
        self._is_set = bool(self.b.any())

    @torch.no_grad()
    def merged(self) -> Tensor:
        """What the products are done with: float32 (out, in)."""
        return self.weight.float() + self.scale * (self.b @ self.a)

    def beside(self, x: Tensor) -> Tensor:
        """(tokens, in) to (tokens, out), the adapter beside the matrix."""
        if self.is_idle:
            return x @ self.weight.T
        return _Beside.apply(x, self.weight, self.a, self.b, self.scale)

    def changed(self, dtype: torch.dtype) -> Tensor:
        """The weights with the adapter as a change of them, (out, in): gradients reach A and B by them."""
        if self.is_idle:
            return self.weight.to(dtype)
        return (self.weight.float() + self.scale * (self.b @ self.a)).to(dtype)


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
