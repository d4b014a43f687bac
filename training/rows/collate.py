"""Batches as tensors, and the loss on the answer tokens alone."""

from __future__ import annotations

import types
from typing import Any

import torch

from training.rows.batching import Batch

UNCOUNTED = -100


def collate(batch: Batch) -> dict[str, torch.Tensor]:
    """`input_ids` and `targets`, both int64 (rows, length); a target is the token that follows, or -100.

    Attention is causal and rows are filled up at their end, so that the filling needs no mask.
    """
    ids = torch.zeros(len(batch.examples), batch.length, dtype=torch.long)
    targets = torch.full_like(ids, UNCOUNTED)
    for row, example in enumerate(batch.examples):
        n = len(example) - 1
        ids[row, :n] = torch.from_numpy(example.ids[:-1])
        targets[row, n - example.answer : n] = torch.from_numpy(example.ids[-example.answer :])
    return {"input_ids": ids, "targets": targets}


def count_answers_only(causal: Any) -> None:
    """Makes a causal language model return the summed loss of its `targets` as `{"loss": …}`.

    Logits are computed where a target stands and nowhere else: of 16 rows with 2,048 tokens, Gemma's 262,144-token
    vocabulary would otherwise fill 34 GB with float32 logits that no loss counts. The change is to this one model
    object, below every wrapper (adapter, autocast, several devices), so that all of them still see the call.
    """

    def forward(self: Any, input_ids: torch.Tensor, targets: torch.Tensor, **_: Any) -> dict[str, torch.Tensor]:
        hidden = self.model(input_ids=input_ids, use_cache=False).last_hidden_state
        counted = targets != UNCOUNTED
        logits = self.lm_head(hidden[counted]).float()
        return {"loss": torch.nn.functional.cross_entropy(logits, targets[counted], reduction="sum")}

    causal.forward = types.MethodType(forward, causal)
