"""What tuning leaves in a folder: peft's adapter, and beside it the base's weights that were trained whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
WHOLE = "whole.safetensors"


def save_trained(model: Any, folder: Path) -> None:
    """Writes what was trained: peft's adapter files, and base weights that were trained whole as `whole.safetensors`.

    Names in the latter are those of the base. peft could hold such weights too, but not tied ones: the output layer
    would go on with the embeddings of the base.
    """
    from safetensors.torch import save_file

    model.save_pretrained(folder, save_embedding_layers=False)
    whole = {
        _base_name(name): parameter.detach().contiguous().cpu()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and "lora_" not in name
    }
    if whole:
        save_file(whole, folder / WHOLE, metadata={"format": "pt"})


def load_trained(model: Any, folder: Path) -> None:
    """Sets what `save_trained` wrote, in place."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(folder / ADAPTER))
    if (folder / WHOLE).is_file():
        whole = load_file(folder / WHOLE)
        for name, parameter in model.named_parameters():
            if _base_name(name) in whole:
                parameter.data.copy_(whole[_base_name(name)])


def _base_name(name: str) -> str:
    return name.removeprefix("base_model.model.").replace(".base_layer.", ".")
