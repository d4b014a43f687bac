"""Tiny GGUF files, written by the gguf library as llama.cpp's converter writes Gemma 3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

from eval.speed.gemma_tokenizer import CONTROL_TOKENS
from labeler.model.tensors import TensorFile
from tests.training.small import write_base

NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "post_feedforward_layernorm": "post_ffw_norm", "norm": "output_norm",
    "embed_tokens": "token_embd",
}  # fmt: skip
FIELDS: dict[str, Any] = {
    "context_length": 1024, "embedding_length": 32, "block_count": 2, "feed_forward_length": 64,
    "attention.head_count": 2, "attention.head_count_kv": 1, "attention.key_length": 16, "attention.value_length": 16,
    "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 1e6, "attention.sliding_window": 8,
    "attention.sliding_window_pattern": [True, False],
}  # fmt: skip


def write_gguf(
    path: Path,
    *,
    architecture: str = "gemma3",
    kind: str = "F32",
    fields: dict[str, Any] | None = None,
    tensors: dict[str, np.ndarray | None] | None = None,
    tokenizer: dict[str, Any] | None = None,
) -> Path:
    """The model of `write_base`, whose folder lies beside it under the file's stem.

    Args:
        kind: how matrices are stored; vectors are in 32 bits.
        fields: settings that differ, of the architecture, or with a dot first of the file; None leaves one out.
        tensors: further ones by their names; None leaves one out.
        tokenizer: settings of the tokenizer that differ.
    """
    base = write_base(path.with_suffix(""), sliding_window=8)
    writer = GGUFWriter(path, architecture)
    for key, value in (FIELDS | (fields or {})).items():
        name = key[1:] if key.startswith(".") else f"{architecture}.{key}"
        if value is not None:
            _add(writer, name, value)
    for key, value in (tokens_of(base) | (tokenizer or {})).items():
        _add(writer, f"tokenizer.ggml.{key}", value)
    file = TensorFile(base / "model.safetensors")
    found: dict[str, np.ndarray | None] = {gguf_name(name): file.as_float32(name) for name in file.names}
    for name, tensor in (found | (tensors or {})).items():
        if tensor is not None:
            stored = GGMLQuantizationType[kind if tensor.ndim > 1 else "F32"]
            data = quantize(tensor + np.float32("norm" in name), stored)
            writer.add_tensor(name, data, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def gguf_name(name: str) -> str:
    part = name.removeprefix("model.").removesuffix(".weight")
    if not part.startswith("layers."):
        return f"{NAMES[part]}.weight"
    _, layer, part = part.split(".", 2)
    return f"blk.{layer}.{NAMES[part]}.weight"


def tokens_of(base: Path) -> dict[str, Any]:
    """The tokens as SentencePiece would have them: the earlier learnt, the higher the score."""
    vocab = json.loads((base / "tokenizer.json").read_text())["model"]["vocab"]
    pieces = sorted(vocab, key=vocab.__getitem__)
    return {
        "model": "llama",
        "tokens": pieces,
        "scores": [float(-token) for token in range(len(pieces))],
        "token_type": [3 if p in CONTROL_TOKENS else 6 if p.startswith("<0x") else 1 for p in pieces],
        "add_space_prefix": False,
    }


def _add(writer: GGUFWriter, name: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    elif isinstance(value, list):
        writer.add_array(name, value)
    elif isinstance(value, float):
        writer.add_float32(name, value)
    else:
        writer.add_uint32(name, value)
