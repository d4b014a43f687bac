"""What both transformers backends do to a model's body: no masks that attention does not need, and layers computed
again in the backward pass for large batches alone."""

from __future__ import annotations

import types
from typing import Any

import torch

KINDS = ("full_attention", "sliding_attention")


def take_over(body: Any, *, above: int | None = None, any_length: bool = False, hidden: Any = None) -> None:
    """Changes how `body`, a Gemma3TextModel, computes whole rows that are filled up at their end; all else stays.

    Args:
        above: batches of more tokens than that, filling included, are computed with gradient checkpointing; None: none.
        any_length: attention knows the sliding window itself, so that rows longer than it need no mask either.
        hidden: computes the hidden states (rows, length, width) of int64 ids (rows, length) and whether to keep only
            the layers' inputs, instead of the body's own layers.
    """
    original = body.forward
    window = body.config.sliding_window

    def forward(
        self: Any, input_ids: torch.Tensor, attention_mask: Any = None, past_key_values: Any = None, **options: Any
    ) -> Any:
        if attention_mask is not None or past_key_values is not None or options.get("use_cache"):
            # Answers are read off with a cache that grows; a compiled layer would be compiled anew for many lengths.
            with torch.compiler.set_stance("force_eager"):
                return original(
                    input_ids=input_ids, attention_mask=attention_mask, past_key_values=past_key_values, **options
                )
        large = self.training and above is not None and input_ids.numel() > above
        if hidden is not None:
            from transformers.modeling_outputs import BaseModelOutputWithPast

            return BaseModelOutputWithPast(last_hidden_state=hidden(input_ids, large))
        for layer in self.layers:
            layer.gradient_checkpointing = large
        # transformers makes none either, but only after looking for packed rows, for which the GPU has to be waited
        # for twice, and at the window's own length or in a compiled model it makes one that changes nothing.
        masks = dict.fromkeys(KINDS) if any_length or input_ids.shape[1] <= window else None
        return original(input_ids=input_ids, attention_mask=masks, **options)

    body.forward = types.MethodType(forward, body)
