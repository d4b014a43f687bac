"""Reads a merged Gemma 3 text checkpoint in Hugging Face form, without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labeler.bundle import Rope
from labeler.errors import InputError
from labeler.tensors import TensorFile

_PREFIXES = ("model.", "language_model.model.", "model.language_model.", "")


@dataclass(frozen=True)
class Config:
    """The facts of config.json that the graph depends on."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    norm_epsilon: float
    attention_scale: float
    window: int
    is_local: tuple[bool, ...]  # one a layer
    local_rope: Rope
    global_rope: Rope


def read_config(folder: Path) -> Config:
    """Reads config.json, in the style of transformers 4 (rope_theta) or 5 (rope_parameters).

    Raises:
        InputError: it is missing, or names something the graph does not do.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{path}: missing", "Give a folder saved by save_pretrained, the adapter merged.")
    raw: dict[str, Any] = json.loads(path.read_bytes())
    raw = raw.get("text_config", raw)
    if raw.get("model_type") != "gemma3_text":
        raise InputError(f"{path}: model_type {raw.get('model_type')!r}", "Only Gemma 3 text models can be exported.")
    refused = ("final_logit_softcapping", "attn_logit_softcapping", "attention_bias", "use_bidirectional_attention")
    for key in refused:
        if raw.get(key):
            raise InputError(f"{path}: {key} is set", "Such a model cannot be exported.")
    if raw.get("hidden_activation", "gelu_pytorch_tanh") != "gelu_pytorch_tanh":
        raise InputError(f"{path}: hidden_activation {raw['hidden_activation']!r}", "Only gelu_pytorch_tanh is known.")
    layers = raw["num_hidden_layers"]
    pattern = raw.get("sliding_window_pattern") or raw.get("_sliding_window_pattern") or 6
    types = raw.get("layer_types") or [
        "full_attention" if (i + 1) % pattern == 0 else "sliding_attention" for i in range(layers)
    ]
    local_rope, global_rope = _ropes(raw, path)
    return Config(
        hidden_size=raw["hidden_size"],
        intermediate_size=raw["intermediate_size"],
        layers=layers,
        heads=raw["num_attention_heads"],
        kv_heads=raw["num_key_value_heads"],
        head_dim=raw["head_dim"],
        vocab_size=raw["vocab_size"],
        norm_epsilon=raw.get("rms_norm_eps", 1e-6),
        attention_scale=raw["query_pre_attn_scalar"] ** -0.5,
        window=raw["sliding_window"],
        is_local=tuple(kind == "sliding_attention" for kind in types),
        local_rope=local_rope,
        global_rope=global_rope,
    )


def _ropes(raw: dict[str, Any], path: Path) -> tuple[Rope, Rope]:
    nested = raw.get("rope_parameters")
    if nested:
        local, overall = nested["sliding_attention"], nested["full_attention"]
    else:
        local = {"rope_theta": raw.get("rope_local_base_freq", 10_000.0)}
        overall = {"rope_theta": raw.get("rope_theta", 1_000_000.0), **(raw.get("rope_scaling") or {})}
    return _rope(local, path), _rope(overall, path)


def _rope(settings: dict[str, Any], path: Path) -> Rope:
    kind = settings.get("rope_type") or settings.get("type") or "default"
    if kind not in ("default", "linear"):
        raise InputError(f"{path}: rope type {kind!r}", "Only default and linear rope scaling can be exported.")
    return Rope(float(settings["rope_theta"]), float(settings.get("factor") or 1.0) if kind == "linear" else 1.0)


class Weights:
    """The tensors of a checkpoint, one file or sharded, as float32; read one by one."""

    def __init__(self, folder: Path) -> None:
        index = folder / "model.safetensors.index.json"
        if index.is_file():
            names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
        else:
            names = ["model.safetensors"]
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise InputError(f"{folder}: no {', '.join(missing)}", "Save the merged model with safetensors.")
        self._folder = folder
        self._files = [TensorFile(folder / name) for name in names]
        self._where = {name: file for file in self._files for name in file.names}
        embedding = "embed_tokens.weight"
        self._prefix = next((p for p in _PREFIXES if p + embedding in self._where), None)
        if self._prefix is None:
            hint = (
                "It looks like an adapter: merge it into its base first."
                if (any("lora_" in name for name in self._where))
                else "Is it a Gemma 3 text model?"
            )
            raise InputError(f"{folder}: no {embedding}", hint)

    @property
    def names(self) -> list[str]:
        """Of the text model's tensors, without its prefix; an output layer of its own is not among them."""
        assert self._prefix is not None
        return [name.removeprefix(self._prefix) for name in self._where if name.startswith(self._prefix)]

    def shape(self, name: str) -> tuple[int, ...]:
        """Of one tensor. Raises InputError where the checkpoint lacks it."""
        full = self._full(name)
        return self._where[full][full].shape

    def __call__(self, name: str) -> np.ndarray:
        """One tensor as float32.

        Raises:
            InputError: the checkpoint lacks it.
        """
        full = self._full(name)
        return self._where[full].as_float32(full)

    def rows(self, name: str, step: int) -> Any:
        """Slices of `step` rows of a matrix, as float32: an embedding table is large."""
        assert self._prefix is not None
        file = self._where[self._prefix + name]
        raw = file[self._prefix + name]
        for start in range(0, len(raw), step):
            part = raw[start : start + step]
            if file.is_bfloat16(self._prefix + name):
                yield (part.astype(np.uint32) << 16).view(np.float32)
            else:
                yield part.astype(np.float32)

    def _full(self, name: str) -> str:
        assert self._prefix is not None
        full = self._prefix + name
        if full not in self._where:
            raise InputError(f"{self._folder}: no tensor {full}", "The checkpoint is incomplete.")
        return full
