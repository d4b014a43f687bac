"""Adapters in the files that peft reads and writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from labeler.errors import InputError
from labeler.files import replaced, write_text
from training.fast.lora import MATRICES, Adapted, Rank
from training.model.adapter_files import ADAPTER, ADAPTER_CONFIG


def write_adapter(folder: Path, adapted: Mapping[str, Adapted], rank: Rank, base: str) -> None:
    """Writes an adapter as peft's `save_pretrained` does, each file whole or not at all.

    Args:
        adapted: by the matrix's name in the text model, "layers.0.mlp.up_proj".
        base: name of the base model, for the configuration.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, one in adapted.items():
        for side, tensor in (("A", one.a), ("B", one.b)):
            tensors[_key(name, side)] = tensor.detach().float().cpu().contiguous()
    with replaced(folder / ADAPTER) as partial:
        save_file(tensors, partial, metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank.rank,
        "lora_alpha": rank.alpha,
        "use_rslora": rank.rslora,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": sorted(name.rpartition(".")[2] for name in MATRICES),
    }
    write_text(folder / ADAPTER_CONFIG, json.dumps(config, indent=1) + "\n")


def load_adapter(path: Path, adapted: Mapping[str, Adapted], rank: Rank) -> None:
    """Sets A and B from a folder that peft wrote, or from its safetensors file alone.

    Raises:
        InputError: it is not there, or is of other matrices, another rank or another scale.
    """
    from safetensors.torch import load_file

    file, config = (path / ADAPTER, path / ADAPTER_CONFIG) if path.is_dir() else (path, None)
    if not file.is_file():
        raise InputError(f"{file}: missing", "Give a folder that peft saved, or its safetensors file.")
    if config is not None and config.is_file():
        said = json.loads(config.read_bytes())
        found = Rank(said["r"], float(said["lora_alpha"]), bool(said.get("use_rslora")))
        if not math.isclose(found.scale, rank.scale):
            what = f"{config}: its product is scaled by {found.scale:.4g}, the recipe's by {rank.scale:.4g}"
            raise InputError(what, "Set rank, alpha and rslora as they were.")
    tensors = load_file(file)
    wanted = {_key(name, side) for name in adapted for side in "AB"}
    if wanted != tensors.keys():
        odd = min(wanted ^ tensors.keys())
        raise InputError(f"{file}: {odd} is only on one side", "Give an adapter of all seven matrices of this base.")
    for name, one in adapted.items():
        a, b = (tensors[_key(name, side)].float() for side in "AB")
        if (a.shape, b.shape) != (one.a.shape, one.b.shape):
            its, ours = (f"{tuple(up.shape)} x {tuple(down.shape)}" for down, up in ((a, b), (one.a, one.b)))
            what = f"{file}: {name} is {its}, not {ours}"
            raise InputError(what, "Set the rank of the adapter, and give the base it belongs to.")
        one.set(a, b)


def _key(name: str, side: str) -> str:
    return f"base_model.model.model.{name}.lora_{side}.weight"
