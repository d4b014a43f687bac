"""Opens the model as this machine computes it fastest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from training.device import find_device
from training.fast.lora import Rank
from training.fast.model import Gemma
from training.pretrain import can_compile
from training.starter.recipe import Recipe


def open_model(recipe: Recipe, base: Path, compile: bool, progress: Callable[[str], None] = print) -> Gemma:
    """The base with a fresh adapter: bfloat16 where the machine has units for it, whole layers compiled on a GPU.

    Args:
        compile: whether to compile, if the machine can.
    """
    device, tuning = find_device(), recipe.tuning
    dtype = torch.bfloat16 if device.bfloat16 else torch.float32
    compile = compile and can_compile()
    kind = "cuda" if device.kind == "cuda" else "cpu"
    bits = 16 if dtype == torch.bfloat16 else 32
    progress(f"{device.name if kind == device.kind else 'CPU'}, {bits} bits{', compiled' if compile else ''}")
    return Gemma(
        base,
        Rank(tuning.rank, tuning.alpha, tuning.rslora),
        device=kind,
        dtype=dtype,
        fused=kind == "cuda",
        compile=compile,
        first_layer=tuning.first_layer,
        seed=recipe.seed,
    )
