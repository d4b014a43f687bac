"""What the machine offers: its device, its memory, and which precision and optimiser that means."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from labeler.errors import InputError
from training.tuning.settings import TuningSettings, fast_can


@dataclass(frozen=True)
class Device:
    """`kind` is "cuda", "mps" or "cpu"; `memory` is in bytes, what a run may take; `bfloat16`: it computes with it."""

    kind: str
    name: str
    memory: int
    bfloat16: bool


@dataclass(frozen=True)
class Numerics:
    """How a run computes; `notes` say where that is not what was asked for.

    Attributes:
        precision: "bf16", "fp16" or "fp32": what matrices are multiplied in.
        optimizer: transformers' name.
        four_bit: the base's matrices are held in 4 bits.
    """

    precision: str
    optimizer: str
    four_bit: bool
    notes: tuple[str, ...] = ()


def find_device() -> Device:
    import psutil
    import torch

    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return Device("cuda", torch.cuda.get_device_name(), free, torch.cuda.is_bf16_supported(False))
    memory = psutil.virtual_memory().available
    if torch.backends.mps.is_available():
        return Device("mps", "Apple GPU", memory, False)
    count = torch.get_num_threads()
    name = f"CPU, {count} thread" + ("s" if count > 1 else "")
    # Without instructions for it, bfloat16 on a CPU is slower than float32. Products took half the time of float32's
    # with AVX-512's (an EPYC 9004), an eighth with AMX.
    return Device("cpu", name, memory, torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def choose_numerics(settings: TuningSettings, backend: str, device: Device) -> Numerics:
    """Precision and optimiser for this device.

    Raises:
        InputError: what was asked for cannot run here.
    """
    notes = []
    if backend == "fast" and not fast_can(settings):
        notes.append("layers as peft has them: with dropout, a base in 4 bits or fp16 the fast ones do not work")
    precision = settings.precision
    if precision == "auto":
        precision = "bf16" if device.bfloat16 else "fp32"
        if device.kind == "cuda" and not device.bfloat16:
            # Gemma 3's activations leave float16's range; Unsloth keeps those layers in float32.
            precision = "fp16" if backend == "unsloth" else "fp32"
    elif precision == "fp16" and device.kind != "cuda":
        raise InputError(f"precision is fp16, and this machine has no CUDA device ({device.name})", "Set it to auto.")
    eight_bit = device.kind == "cuda" and importlib.util.find_spec("bitsandbytes") is not None
    optimizer = "adamw_torch" if device.kind == "mps" else "adamw_torch_fused"
    if settings.optimizer == "adamw_8bit" and eight_bit:
        optimizer = "adamw_8bit"
    elif settings.optimizer == "adamw_8bit":
        notes.append("32-bit AdamW: the 8-bit one needs bitsandbytes and a CUDA device")
    four_bit = settings.quantise_base == "4bit"
    if four_bit and not eight_bit:
        remedy = "Install bitsandbytes on a machine with a CUDA device, or set quantise_base=none."
        raise InputError("quantise_base is 4bit, which needs bitsandbytes and a CUDA device", remedy)
    return Numerics(precision, optimizer, four_bit, tuple(notes))
