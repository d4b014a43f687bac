"""The checkpoint that comes of tuning, in Hugging Face form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from labeler.files import replaced, write_text
from training.fast.model import Gemma
from training.model.checkpoint import EMBEDDINGS, Weights
from training.model.merge import text_config

_COPIED = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "README.md",
    "NOTICE",
)


def write_merged(model: Gemma, out: Path) -> None:
    """The base with what tuning made of it, in bfloat16.

    Embeddings are the base's own, to the bit, if need be in single precision, so that an export rounds them as those
    are rounded that tuning saw (`Gemma.see_embeddings`). Each file is whole or absent.
    """
    adapted, weights, tensors = model.adapted, Weights(model.folder), {}
    for name in weights.names:
        module = name.removesuffix(".weight")
        found = adapted[module].merged() if module in adapted else torch.from_numpy(weights(name).copy())
        half = found.to(torch.bfloat16)
        is_exact = name != EMBEDDINGS or torch.equal(half.float(), found)
        tensors[f"model.{name}"] = (half if is_exact else found).cpu().contiguous()
    out.mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        if (model.folder / name).is_file():
            shutil.copyfile(model.folder / name, out / name)
    with replaced(out / "model.safetensors") as partial:
        save_file(tensors, partial, metadata={"format": "pt"})
    config: dict[str, Any] = text_config(model.folder, weights) | {"dtype": "bfloat16"}
    write_text(out / "config.json", json.dumps(config, indent=2) + "\n")
