"""Causal attention for CPUs: a few large products for each block of queries, over the keys that it sees.

torch's own (flash attention on a CPU) takes longer, above all backwards: with heads of 256 and 2 rows of 424 tokens
1.4 times as long in float32 and 1.9 times in bfloat16, forth and back, on an EPYC 9004. No scores are kept for the
backward pass, which computes them again, as Dao et al. 2022 (arXiv:2205.14135) do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable

NAME = "causal_blocks"
_BLOCK = 64  # queries; the quickest of 64, 128 and 256


def use(causal: Any) -> None:
    """Makes a transformers model compute whole rows by `attend`, everything else by torch's attention."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def forward(
        module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: Any,
        dropout: float = 0.0, scaling: float = 1.0, sliding_window: int | None = None, **options: Any,
    ) -> tuple[torch.Tensor, None]:  # fmt: skip
        if attention_mask is not None or query.shape[2] != key.shape[2] or dropout:
            found: tuple[torch.Tensor, None] = sdpa_attention_forward(
                module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
            )
            return found
        return attend(query, key, value, scaling, sliding_window).transpose(1, 2).contiguous(), None

    AttentionInterface.register(NAME, forward)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    causal.set_attn_implementation(NAME)


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float, window: int | None = None
) -> torch.Tensor:
    """softmax(scale · query · keyᵀ) · value, each query over the keys up to its own place, at most `window` of them.

    Args:
        query: (rows, heads, length, size); key, value: (rows, key heads, length, size), heads being a multiple of key
            heads.

    Returns:
        (rows, heads, length, size), in autocast's type where that is on.
    """
    kind = query.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    with torch.autocast(kind, enabled=False):
        found: torch.Tensor = _Blocks.apply(query, key, value, scale, window or query.shape[2])
    return found


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float, window: int
    ) -> torch.Tensor:
        ctx.save_for_backward(query, key, value)
        ctx.scale, ctx.window = scale, window
        found = torch.empty(query.shape, dtype=query.dtype)
        grouped, keys, values = _grouped(query, key, scale), key.flatten(0, 1), value.flatten(0, 1)
        for block, seen in _blocks(query.shape[2], window):
            chances = _chances(grouped[:, :, block], keys[:, seen], block, seen, window).to(query.dtype)
            part = torch.bmm(chances.flatten(1, 2), values[:, seen])
            found[:, :, block] = part.view(found[:, :, block].shape)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value = ctx.saved_tensors
        of_query = torch.empty(query.shape, dtype=query.dtype)
        grouped, keys, values = _grouped(query, key, ctx.scale), key.flatten(0, 1), value.flatten(0, 1)
        # Added up in float32: every block adds to the keys that it sees.
        of_keys, of_values = (torch.zeros(keys.shape, dtype=torch.float32) for _ in range(2))
        gradients = _grouped(gradient, key, 1.0)
        for block, seen in _blocks(query.shape[2], ctx.window):
            queries = grouped[:, :, block].flatten(1, 2)
            chances = _chances(grouped[:, :, block], keys[:, seen], block, seen, ctx.window)
            given = gradients[:, :, block].flatten(1, 2)
            of_values[:, seen] += torch.bmm(chances.to(query.dtype).flatten(1, 2).transpose(1, 2), given)
            of_chances = torch.bmm(given, values[:, seen].transpose(1, 2)).view(chances.shape).float()
            of_scores = torch.ops.aten._softmax_backward_data(of_chances, chances, -1, torch.float32)
            of_scores = of_scores.to(query.dtype).flatten(1, 2)
            of_keys[:, seen] += torch.bmm(of_scores.transpose(1, 2), queries)
            part = torch.bmm(of_scores, keys[:, seen]).mul_(ctx.scale)
            of_query[:, :, block] = part.view(of_query[:, :, block].shape)
        return of_query, of_keys.view(key.shape).to(key.dtype), of_values.view(value.shape).to(value.dtype), None, None


def _grouped(query: torch.Tensor, key: torch.Tensor, scale: float) -> torch.Tensor:
    """(rows · key heads, heads of one key head, length, size): the heads that share keys side by side."""
    rows, heads, length, size = query.shape
    return (query * scale).reshape(rows * key.shape[1], heads // key.shape[1], length, size)


def _blocks(length: int, window: int) -> Iterator[tuple[slice, slice]]:
    """(queries, the keys that one of them sees)."""
    for start in range(0, length, _BLOCK):
        end = min(length, start + _BLOCK)
        yield slice(start, end), slice(max(0, start + 1 - window), end)


def _chances(queries: torch.Tensor, keys: torch.Tensor, block: slice, seen: slice, window: int) -> torch.Tensor:
    """Attention's weights of (groups, heads, queries, keys), float32."""
    scores = torch.bmm(queries.flatten(1, 2), keys.transpose(1, 2)).float()
    scores = scores.view(*queries.shape[:3], keys.shape[1])
    places = torch.arange(block.start, block.stop)[:, None]
    ahead = block.start - seen.start  # keys before the block
    later = torch.arange(block.start, block.stop) > places
    scores[..., ahead:].masked_fill_(later, -torch.inf)
    if places[-1, 0] - seen.start >= window:
        scores.masked_fill_(places - torch.arange(seen.start, seen.stop) >= window, -torch.inf)
    return torch.softmax(scores, -1)
