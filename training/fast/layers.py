"""What a layer of Gemma 3 computes, as functions of tensors: no masks where none are needed, one pass a norm.

Tokens lie in one row (tokens, hidden): first the `prefix` that all issues share, then the issues, each filled up to
`length`. Every token attends to the prefix and to what precedes it in its own issue, so the shared prefix is computed
once, and what it gets of gradient is the sum over the issues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_NEVER = -1e9  # added to a score; finite, since a row of -inf alone would make nan
# GELU's tanh form, 0.5 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))), is g sigmoid(2 sqrt(2 / pi) (g + …)).
_GELU = 2 * (2 / torch.pi) ** 0.5


@dataclass(frozen=True)
class Layout:
    """How the tokens of one pass lie: `prefix` shared ones, then `rows` issues of `length` each."""

    prefix: int
    rows: int
    length: int

    def positions(self, device: torch.device) -> Tensor:
        """Each token's place in its own sequence, int64 (tokens,)."""
        own = torch.arange(self.prefix, self.prefix + self.length, device=device).repeat(self.rows)
        return torch.cat([torch.arange(self.prefix, device=device), own])

    def masks(self, window: int | None, device: torch.device) -> tuple[Tensor, Tensor]:
        """What is added to scores: of the prefix (prefix, prefix), and of an issue (length, prefix + length).

        Args:
            window: a local layer's; None for a global one.
        """
        places = torch.arange(self.prefix + self.length, device=device)
        ahead = places[None, :] - places[:, None]
        closed = ahead > 0
        if window is not None:
            closed = closed | (ahead <= -window)
        mask = torch.zeros(closed.shape, device=device).masked_fill_(closed, _NEVER)
        return mask[: self.prefix, : self.prefix], mask[self.prefix :]


@dataclass(frozen=True)
class Shape:
    """Numbers of a layer: heads, key/value heads, their size, the norms' epsilon, the scores' scale."""

    heads: int
    kv_heads: int
    head_dim: int
    epsilon: float
    scale: float


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Root mean square norm in single precision with 1 + weight (Gemma's own way), in the dtype of x."""
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + epsilon)
    return (y * (1 + weight)).to(x.dtype)


def turned(x: Tensor, weight: Tensor, cos: Tensor, sin: Tensor, epsilon: float) -> Tensor:
    """Queries or keys (tokens, heads, size): normed, then rotated by their positions (Su et al. 2021)."""
    y = rms_norm(x, weight, epsilon)
    left, right = y.chunk(2, -1)
    return (y * cos + torch.cat((-right, left), -1) * sin).to(x.dtype)


def added(x: Tensor, change: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """The residual stream with the normed change."""
    return x + rms_norm(change, weight, epsilon)


def attention_weights(scores: Tensor, scale: float, mask: Tensor) -> Tensor:
    """Softmax in single precision, in the dtype of the scores."""
    return torch.softmax(scores.float() * scale + mask, -1).to(scores.dtype)


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """GELU (tanh form) of the gate, times up; through a sigmoid, which a CPU computes faster than tanh."""
    return gate * torch.sigmoid(_GELU * (gate + 0.044715 * gate * gate * gate)) * up


@dataclass(frozen=True)
class Kernels:
    """The functions above, as they are or compiled."""

    rms_norm: Callable[..., Tensor] = rms_norm
    turned: Callable[..., Tensor] = turned
    added: Callable[..., Tensor] = added
    attention_weights: Callable[..., Tensor] = attention_weights
    gated: Callable[..., Tensor] = gated


def compiled_kernels() -> Kernels:
    """Each function compiled by itself: matrix products stay with the library, which a CPU multiplies fastest with."""
    make = partial(torch.compile, dynamic=True)
    return Kernels(*(make(kernel) for kernel in (rms_norm, turned, added, attention_weights, gated)))


def layer(
    x: Tensor,
    project: Callable[[int, Tensor], Tensor],
    norms: Sequence[Tensor],
    rope: tuple[Tensor, Tensor],
    attend: Callable[[Tensor, Tensor, Tensor], Tensor],
    shape: Shape,
    kernels: Kernels,
) -> Tensor:
    """One layer: (tokens, hidden) to the same.

    Args:
        project: applies one of `lora.MATRICES`, by its place, to (tokens, inputs).
        norms: weights in the order of `model.NORMS`.
        rope: cos and sin of every token, (tokens, 1, size).
        attend: queries (tokens, heads, size), keys and values (tokens, kv heads, size) to (tokens, heads * size).
    """
    before, after, before_mlp, after_mlp, query_norm, key_norm = norms
    epsilon = shape.epsilon
    h = kernels.rms_norm(x, before, epsilon)
    queries = kernels.turned(project(0, h).view(-1, shape.heads, shape.head_dim), query_norm, *rope, epsilon)
    keys = kernels.turned(project(1, h).view(-1, shape.kv_heads, shape.head_dim), key_norm, *rope, epsilon)
    values = project(2, h).view(-1, shape.kv_heads, shape.head_dim)
    x = kernels.added(x, project(3, attend(queries, keys, values)), after, epsilon)
    h = kernels.rms_norm(x, before_mlp, epsilon)
    return kernels.added(x, project(6, kernels.gated(project(4, h), project(5, h))), after_mlp, epsilon)


def attend_by_products(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    layout: Layout,
    masks: tuple[Tensor, Tensor],
    scale: float,
    kernels: Any,
) -> Tensor:
    """Attention by plain matrix products: on a CPU twice as fast backward as torch's own.

    A group of query heads shares a key/value head: its heads are stacked along the rows of one product.
    """
    prefix, rows, length = layout.prefix, layout.rows, layout.length
    heads, kv, size = queries.shape[1], keys.shape[1], queries.shape[2]
    group = heads // kv
    shared_keys, shared_values = keys[:prefix].transpose(0, 1), values[:prefix].transpose(0, 1)  # (kv, prefix, size)
    own = (rows * kv, length, size)
    own_keys = keys[prefix:].view(rows, length, kv, size).transpose(1, 2).reshape(own)
    own_values = values[prefix:].view(rows, length, kv, size).transpose(1, 2).reshape(own)
    found = []
    if prefix:
        asked = queries[:prefix].view(prefix, kv, group, size).permute(1, 2, 0, 3).reshape(kv, group * prefix, size)
        scores = torch.bmm(asked, shared_keys.transpose(1, 2)).view(kv, group, prefix, prefix)
        weights = kernels.attention_weights(scores, scale, masks[0]).view(kv, group * prefix, prefix)
        heard = torch.bmm(weights, shared_values).view(kv, group, prefix, size)
        found.append(heard.permute(2, 0, 1, 3).reshape(prefix, heads * size))
    asked = (
        queries[prefix:].view(rows, length, kv, group, size).permute(0, 2, 3, 1, 4)
    )  # (rows, kv, group, length, size)
    by_row = asked.reshape(rows * kv, group * length, size)
    by_head = asked.transpose(0, 1).reshape(kv, rows * group * length, size)  # one product for the prefix of all rows
    to_own = torch.bmm(by_row, own_keys.transpose(1, 2)).view(rows, kv, group, length, length)
    to_shared = torch.bmm(by_head, shared_keys.transpose(1, 2)).view(kv, rows, group, length, prefix).transpose(0, 1)
    weights = kernels.attention_weights(torch.cat([to_shared, to_own], -1), scale, masks[1])
    from_own = torch.bmm(weights[..., prefix:].reshape(rows * kv, group * length, length), own_values)
    heard = from_own.view(rows, kv, group, length, size)
    if prefix:
        shared = weights[..., :prefix].transpose(0, 1).reshape(kv, rows * group * length, prefix)
        heard = heard + torch.bmm(shared, shared_values).view(kv, rows, group, length, size).transpose(0, 1)
    found.append(heard.permute(0, 3, 1, 2, 4).reshape(rows * length, heads * size))
    return torch.cat(found)


def attend_fused(
    queries: Tensor, keys: Tensor, values: Tensor, layout: Layout, masks: tuple[Tensor, Tensor] | None, scale: float
) -> Tensor:
    """Attention by torch's fused kernels, for a GPU.

    Args:
        masks: None where all fits into the window and there is no prefix: the causal fast path.
    """
    prefix, rows, length = layout.prefix, layout.rows, layout.length

    def split(x: Tensor) -> tuple[Tensor, Tensor]:
        """(1, heads, prefix, size) and (rows, heads, length, size)."""
        own = x[prefix:].view(rows, length, *x.shape[1:]).transpose(1, 2)
        return x[:prefix].transpose(0, 1)[None], own

    (first_q, own_q), (first_k, own_k), (first_v, own_v) = split(queries), split(keys), split(values)
    if masks is None:
        found = _sdpa(own_q, own_k, own_v, None, scale)
        return found.transpose(1, 2).reshape(rows * length, -1)
    all_k = torch.cat([first_k.expand(rows, -1, -1, -1), own_k], 2)
    all_v = torch.cat([first_v.expand(rows, -1, -1, -1), own_v], 2)
    found = _sdpa(own_q, all_k, all_v, masks[1].to(queries.dtype), scale).transpose(1, 2).reshape(rows * length, -1)
    if not prefix:
        return found
    first = _sdpa(first_q, first_k, first_v, masks[0].to(queries.dtype), scale)
    return torch.cat([first.transpose(1, 2).reshape(prefix, -1), found])


def _sdpa(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    group = queries.shape[1] // keys.shape[1]
    keys, values = keys.repeat_interleave(group, 1), values.repeat_interleave(group, 1)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=mask is None, scale=scale)
