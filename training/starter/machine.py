"""Opens the model as this machine computes it fastest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from labeler.model.tokenizer import LIBRARY_NAME
from training.export.embeddings import held, rounded_embeddings
from training.fast.lora import Rank
from training.fast.model import Gemma
from training.model.checkpoint import Weights
from training.pretraining.pretrain import can_compile
from training.quantise.rounding import nearest
from training.starter.recipe import Recipe
from training.tuning.device import find_device
from training.vocabulary.fine import fine_tokens


def open_model(recipe: Recipe, base: Path, compile: bool, progress: Callable[[str], None] = print) -> Gemma:
    """The base with a fresh adapter: bfloat16 where the machine has units for it, whole layers compiled on a GPU.

    Its embeddings are those that the bundle will hold.

    Args:
        compile: whether to compile, if the machine can.
    """
    device, tuning = find_device(), recipe.tuning
    dtype = torch.bfloat16 if device.bfloat16 else torch.float32
    compile = compile and can_compile()
    kind = "cuda" if device.kind == "cuda" else "cpu"
    bits = 16 if dtype == torch.bfloat16 else 32
    progress(f"{device.name if kind == device.kind else 'CPU'}, {bits} bits{', compiled' if compile else ''}")
    model = Gemma(
        base,
        Rank(tuning.rank, tuning.alpha, tuning.rslora),
        device=kind,
        dtype=dtype,
        fused=kind == "cuda",
        compile=compile,
        first_layer=tuning.first_layer,
        seed=recipe.seed,
    )
    fine, weights = fine_tokens(base / LIBRARY_NAME, recipe.four_bit.fine), Weights(base)
    blocks = rounded_embeddings(weights, recipe.four_bit.quantisation(len(fine)), nearest)
    model.see_embeddings(held(blocks, weights, fine, model.config.hidden_size))
    return model
