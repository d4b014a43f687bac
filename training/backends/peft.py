"""LoRA by peft on a plain transformers model; any device, several by `accelerate launch`."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import Gemma3ForCausalLM

from training.backends import attention
from training.backends.body import take_over
from training.model.base import Base
from training.tuning.device import Numerics
from training.tuning.settings import TuningSettings


def load(base: Base, settings: TuningSettings, numerics: Numerics, checkpoint_above: int | None) -> Any:
    """The base with an adapter. Its frozen weights are bfloat16 where that is computed with, float32 elsewhere."""
    on_gpu = torch.cuda.is_available()
    tuned = adapted(base, settings, numerics)
    causal = tuned.get_base_model()
    if checkpoint_above is not None:
        tuned.gradient_checkpointing_enable({"use_reentrant": False})
    if not on_gpu:
        attention.use(causal)
    take_over(causal.model, above=checkpoint_above, any_length=not on_gpu)
    if settings.compile:
        for layer in causal.model.layers:  # one after the other: alike, they are compiled once
            layer.compile(dynamic=True)
    return tuned


def adapted(base: Base, settings: TuningSettings, numerics: Numerics) -> Any:
    """A PeftModel whose layers are still transformers' own."""
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
    if numerics.precision == "bf16":
        _spare_copies(model, on_gpu)
    return tuned


def _spare_copies(model: Any, on_gpu: bool) -> None:
    """Leaves out casts that autocast undoes or repeats; the numbers stay the same bit by bit.

    peft casts every input to the adapter's float32, and autocast back to bfloat16. On a CPU, where embeddings and norms
    stay float32, autocast would cast the frozen matrices at every step, and keep the copies for the backward pass.
    """
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.cast_input_dtype_enabled = False
    if not on_gpu:
        for module in model.model.layers.modules():
            if isinstance(module, torch.nn.Linear) and not module.weight.requires_grad:
                module.weight.data = module.weight.data.bfloat16()
