"""Adds a LoRA adapter to its base: a checkpoint of 16 bits in Hugging Face form, without torch.

Every weight becomes W + s * B @ A in single precision, and is rounded once, to bfloat16, which is what Gemma is
computed in (half precision overflows on its activations). s is alpha / r, or alpha / sqrt(r) with rsLoRA
(Kalajdzievski 2023, arXiv:2312.03732). Tensors are read, merged and written one by one: memory holds one of them.
What comes out is the text model alone: transformers, vLLM and llama.cpp's converter load it, and
`training.export.bundle_export`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from labeler.errors import InputError
from labeler.model.tensors import TensorFile, write_stream
from training.model.adapter_files import ADAPTER, ADAPTER_CONFIG, WHOLE
from training.model.checkpoint import Weights
from training.model.config_keys import read_document
from training.vocabulary.cut_record import RECORD as VOCABULARY

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "generation_config.json",
    VOCABULARY,
)
_PREFIX = re.compile(r"^(?:base_model\.model\.)?(?:model\.language_model\.|language_model\.model\.|model\.)")
_BY_PEFT = "Merge it with peft, then export that; an output layer that is no longer the embeddings is refused there."
# peft's own merge of these leaves the output layer behind, or makes it another matrix than the embeddings.
_AT_AN_END = re.compile(r"lm_head|embed_tokens")
_TIED = (
    "Embeddings and output layer are one matrix here. Tune without lm_head and embed_tokens in peft's settings; "
    "train_embeddings=true of `training run` trains that matrix."
)
# What would make the sum another one than the above.
_REFUSED = ("use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "trainable_token_indices", "layer_replication")


def merge(
    base: Path, adapter: Path, out: Path, progress: Callable[[str], None] = lambda step: None, share: float = 1.0
) -> Path:
    """Writes the merged checkpoint `out`, by way of a folder beside it, so that it is whole or absent; returns it.

    Args:
        base: folder of the model that was tuned, in 16 or 32 bits.
        adapter: folder saved by peft, with the tensors that were trained whole (embeddings, norms) beside it in
            `whole.safetensors` (`training.model.adapter_files.save_trained`): they replace the base's.
        share: of the way from the base's weights to the tuned ones; below 1 the model keeps more of what the base
            knows beyond the data it was tuned on (Wortsman et al. 2022, arXiv:2109.01903).

    Raises:
        InputError: a folder lacks a file, the two do not belong together, the adapter does more than LoRA, or an output
            layer is apart from the embeddings.
    """
    weights, changes = Weights(base), _Changes(adapter, share)
    config = text_config(base, weights) | {"dtype": "bfloat16"}
    if missing := changes.targets - set(weights.names):
        what = f"{adapter}: adapts {min(missing)}, which {base} does not have"
        raise InputError(what, "Give the base that the adapter was trained on.")
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        progress("merging")
        shapes = {name: weights.shape(name) for name in weights.names}
        write_bfloat16(
            part / "model.safetensors", shapes, (changes.apply(name, weights(name)) for name in weights.names)
        )
        for name in TOKENIZER_FILES:
            if (base / name).is_file():
                shutil.copyfile(base / name, part / name)
        (part / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


class _Changes:
    """What an adapter does to the tensors of its base, by their names within the text model."""

    def __init__(self, folder: Path, share: float) -> None:
        for name in (ADAPTER, ADAPTER_CONFIG):
            if not (folder / name).is_file():
                raise InputError(f"{folder}: no {name}", "Give a folder that peft's save_pretrained wrote.")
        self._folder, self._share = folder, np.float32(share)
        self._config: dict[str, Any] = json.loads((folder / ADAPTER_CONFIG).read_bytes())
        if self._config.get("peft_type") != "LORA":
            kind = self._config.get("peft_type")
            raise InputError(f"{folder}: an adapter of type {kind}", "Only LoRA adapters can be merged.")
        if used := [key for key in _REFUSED if self._config.get(key)]:
            raise InputError(f"{folder}: {', '.join(used)} is set", _BY_PEFT)
        self._file = TensorFile(folder / ADAPTER)
        self._down: dict[str, str] = {}
        self._up: dict[str, str] = {}
        self._whole: dict[str, np.ndarray] = {}
        if (folder / WHOLE).is_file():
            whole = TensorFile(folder / WHOLE)
            self._whole = {_PREFIX.sub("", key): whole.as_float32(key) for key in whole.names}
        for key in self._file.names:
            self._sort(key)
        if self._down.keys() != self._up.keys():
            raise InputError(f"{folder}: {ADAPTER} is incomplete", "Save the adapter again.")

    @property
    def targets(self) -> set[str]:
        return self._down.keys() | self._whole.keys()

    def apply(self, name: str, weight: np.ndarray) -> np.ndarray:
        """The tensor as it is after the share of the tuning, float32; `weight` where the adapter leaves it alone."""
        if name in self._whole:
            tuned = self._checked(name, self._whole[name], weight.shape)
            weight = tuned if self._share == 1 else weight + self._share * (tuned - weight)
        if name not in self._down:
            return weight
        down, up = self._file.as_float32(self._down[name]), self._file.as_float32(self._up[name])
        delta = self._checked(self._down[name], up @ down, weight.shape)
        merged: np.ndarray = weight + self._share * np.float32(self._scale(name, len(down))) * delta
        return merged

    def _sort(self, key: str) -> None:
        match = re.fullmatch(r"(.+)\.lora_(A|B)\.weight", key)
        if not match:
            raise InputError(f"{self._folder}: cannot merge {key}", _TIED if _AT_AN_END.search(key) else _BY_PEFT)
        if _AT_AN_END.search(key):
            raise InputError(f"{self._folder}: adapts {match[1]}", _TIED)
        side = self._down if match[2] == "A" else self._up
        side[_PREFIX.sub("", match[1]) + ".weight"] = key

    def _scale(self, name: str, rank: int) -> float:
        module = name.removesuffix(".weight")
        patterns = (self._config.get("alpha_pattern") or {}).items()
        own = [alpha for pattern, alpha in patterns if re.match(rf"(.*\.)?({pattern})$", module)]
        alpha = float(own[0] if own else self._config["lora_alpha"])
        return alpha / (rank**0.5 if self._config.get("use_rslora") else rank)

    def _checked(self, key: str, tensor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if tensor.shape != shape:
            what = f"{self._folder}: {key} is for a tensor {tensor.shape}, the base has {shape}"
            remedy = "Give the base that the adapter was trained on."
            if key == "embed_tokens.weight":
                what += ": embeddings were trained over another vocabulary"
                remedy = "Give the base that the adapter was trained on, cut down to the same vocabulary."
            raise InputError(what, remedy)
        return tensor


def text_config(base: Path, weights: Weights) -> dict[str, Any]:
    """config.json of the text model alone; what multimodal ones leave to defaults is read off the tensors."""
    raw = read_document(base / "config.json")
    if raw.get("quantization_config"):
        raise InputError(f"{base}: quantised", "Give the 16-bit model that it was made from as the base.")
    text: dict[str, Any] = {"model_type": "gemma3_text"} | dict(raw.get("text_config") or raw)
    for key in ("bos_token_id", "eos_token_id", "pad_token_id"):
        text.setdefault(key, raw.get(key))
    vocab, hidden = weights.shape("embed_tokens.weight")
    at = "layers.0.self_attn."
    (head_dim,) = weights.shape(f"{at}q_norm.weight")
    text |= {
        "architectures": ["Gemma3ForCausalLM"],
        "vocab_size": vocab,
        "hidden_size": hidden,
        "head_dim": head_dim,
        "num_attention_heads": weights.shape(f"{at}q_proj.weight")[0] // head_dim,
        "num_key_value_heads": weights.shape(f"{at}k_proj.weight")[0] // head_dim,
        "tie_word_embeddings": True,
    }
    text.setdefault("query_pre_attn_scalar", 256)  # Gemma3TextConfig's own default
    if stored := text.pop("torch_dtype", None) or raw.get("dtype") or raw.get("torch_dtype"):
        text.setdefault("dtype", stored)
    return text


def write_bfloat16(path: Path, shapes: Mapping[str, tuple[int, ...]], tensors: Iterable[np.ndarray]) -> None:
    """A safetensors file of bfloat16 tensors, which are made one by one as they are written.

    Args:
        shapes: by the names within the text model, in the order in which `tensors` come.
        tensors: float32; one may come in several slices of rows.
    """
    forms = {f"model.{name}": ("BF16", shape) for name, shape in shapes.items()}
    metadata = {"format": "pt"}  # without it transformers 4 refuses the file
    write_stream(path, forms, map(to_bfloat16, tensors), metadata)


def to_bfloat16(tensor: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16 numbers, ties to even, uint16 in the tensor's shape."""
    bits = np.ascontiguousarray(tensor, dtype=np.float32).view(np.uint32)
    rounded: np.ndarray = ((bits + (((bits >> 16) & 1) + 0x7FFF)) >> 16).astype(np.uint16)
    return rounded
