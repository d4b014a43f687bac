"""LoRA by peft on a plain transformers model; any device, several by `accelerate launch`."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import Gemma3ForCausalLM

from training.base import Base
from training.device import Numerics
from training.settings import TuningSettings


def load(base: Base, settings: TuningSettings, numerics: Numerics, checkpointing: bool) -> Any:
    """The base with an adapter. Its frozen weights are bfloat16 on a GPU that computes with it, float32 elsewhere."""
    on_gpu = torch.cuda.is_available()
    options: dict[str, Any] = {}
    if numerics.four_bit:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16 if numerics.precision == "bf16" else torch.float32,
        )
    model = Gemma3ForCausalLM.from_pretrained(
        base.path,
        dtype=torch.bfloat16 if on_gpu and numerics.precision == "bf16" else torch.float32,
        attn_implementation="sdpa",
        **options,
    )
    adapter = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        use_rslora=settings.rslora,
        bias="none",
    )
    tuned = get_peft_model(model, adapter)
    if checkpointing:
        tuned.gradient_checkpointing_enable({"use_reentrant": False})
    if settings.compile:
        model.model.compile()
    return tuned
