"""LoRA by Unsloth: fused kernels on a GPU, its CPU backend elsewhere."""

from __future__ import annotations

from typing import Any

import torch
from unsloth import FastModel

from training.model.base import Base
from training.tuning.device import Numerics
from training.tuning.settings import TuningSettings

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def load(base: Base, settings: TuningSettings, numerics: Numerics, checkpointing: bool) -> Any:
    """The base with an adapter."""
    # On a CPU bfloat16 is for products only (autocast), as with the other backend.
    dtype = _DTYPES[numerics.precision] if torch.cuda.is_available() else torch.float32
    model, _ = FastModel.from_pretrained(
        base.path,
        max_seq_length=settings.sequence_length,
        dtype=dtype,
        load_in_4bit=numerics.four_bit,
        full_finetuning=False,
    )
    return FastModel.get_peft_model(
        model,
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        use_rslora=settings.rslora,
        bias="none",
        random_state=settings.seed,
        use_gradient_checkpointing="unsloth" if checkpointing else False,
    )
