"""Three ways to the same adapter: Unsloth's patched models, plain peft and transformers, and compiled layers.

All give a PeftModel over a Gemma3ForCausalLM whose trained parameters, their starting values and the loss are the
same; what differs is how fast the model computes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import sys
import zlib
from collections.abc import Iterator
from typing import Any

from labeler.errors import InputError
from training.model.base import Base
from training.tuning.device import Numerics
from training.tuning.settings import TuningSettings, fast_can

BACKENDS = ("auto", "unsloth", "fast", "peft")


def choose_backend(asked: str, *, processes: int = 1) -> str:
    """ "unsloth", "fast" or "peft"; called before transformers is imported, since Unsloth must come first.

    `auto` means, on a CUDA device, Unsloth where it and what it needs are installed and there is one process, else
    "fast"; on a CPU "peft": there Unsloth computes what peft computes, and "fast" is no faster.

    Raises:
        InputError: Unsloth is asked for and cannot run here.
    """
    installed = importlib.util.find_spec("unsloth") is not None
    if asked == "unsloth" and not installed:
        raise InputError("The backend unsloth is not installed.", "docs/tuning.md says how, or use --backend peft.")
    if asked == "unsloth" and processes > 1:
        raise InputError("The backend unsloth runs on one device.", "Use --backend peft with accelerate launch.")
    if asked not in ("auto", "unsloth"):
        return asked
    if asked == "auto" and not has_cuda():
        return "peft"
    # On a GPU Unsloth's own import fails without bitsandbytes, also where nothing is quantised.
    lacks = has_cuda() and importlib.util.find_spec("bitsandbytes") is None
    if asked == "unsloth" and lacks:
        what = "The backend unsloth needs bitsandbytes on a GPU, which is not installed."
        raise InputError(what, "pip install bitsandbytes, or --backend fast or peft.")
    return "unsloth" if asked == "unsloth" or (installed and not lacks and processes == 1) else "fast"


def has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def import_backend(backend: str) -> None:
    """Imports what the backend patches; before anything else imports transformers, peft or trl."""
    if backend == "unsloth":
        if "transformers" in sys.modules and "unsloth" not in sys.modules:
            raise InputError("transformers was imported before Unsloth.", "Start the run in a process of its own.")
        with quiet_stdout():
            import unsloth  # noqa: F401


def load_model(
    backend: str, base: Base, settings: TuningSettings, numerics: Numerics, checkpointing: bool, above: int = 0
) -> Any:
    """The base with a fresh adapter as a PeftModel on its device; the adapter's values depend on the seed alone.

    Args:
        checkpointing: computes layers again in the backward pass instead of keeping what it needs of them.
        above: only of batches with more tokens than that, filling included; Unsloth's does it for all.
    """
    import torch

    with quiet_stdout():
        if backend == "unsloth":
            from training.backends.unsloth import load as load_by_unsloth

            model = load_by_unsloth(base, settings, numerics, checkpointing)
        else:
            if backend == "fast" and fast_can(settings):
                from training.backends.fast import load
            else:
                from training.backends.peft import load
            model = load(base, settings, numerics, above if checkpointing else None)
    for name, parameter in model.named_parameters():
        if ".lora_A." in name:
            # peft's own distribution, drawn by name: backends add adapters in their own order.
            generator = torch.Generator().manual_seed(zlib.crc32(f"{settings.seed} {name}".encode()))
            bound = 1 / math.sqrt(parameter.shape[1])
            fresh = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
            parameter.data.copy_(fresh)
        elif (settings.train_embeddings and "embed_tokens" in name) or (settings.train_norms and "norm" in name):
            parameter.data = parameter.data.float()  # small updates vanish in 16 bits
            parameter.requires_grad_(True)
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.revision = base.name, base.revision or None
    return model


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Sends what libraries print to stderr: stdout is for the result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
