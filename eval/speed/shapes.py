"""Random checkpoints of a named shape: real in everything but their weights, for tests and for timing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from labeler.model.tensors import write_tensors

_ROPE = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
    "full_attention": {"rope_type": "default", "rope_theta": 1_000_000.0},
}
_COMMON: dict[str, Any] = {
    "model_type": "gemma3_text",
    "architectures": ["Gemma3ForCausalLM"],
    "max_position_embeddings": 32_768,
    "rope_parameters": _ROPE,
    "rms_norm_eps": 1e-6,
    "hidden_activation": "gelu_pytorch_tanh",
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}


def _layers(count: int) -> list[str]:
    return ["full_attention" if (i + 1) % 6 == 0 else "sliding_attention" for i in range(count)]


SHAPES: dict[str, dict[str, Any]] = {
    "gemma-3-270m": _COMMON
    | {
        "vocab_size": 262_144,
        "hidden_size": 640,
        "intermediate_size": 2048,
        "num_hidden_layers": 18,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "query_pre_attn_scalar": 256,
        "sliding_window": 512,
        "layer_types": _layers(18),
    },
    "tiny": _COMMON
    | {
        "vocab_size": 600,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "query_pre_attn_scalar": 32,
        "sliding_window": 512,
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
    },
}


def write_random_checkpoint(
    folder: Path, config: dict[str, Any], tokenizer_json: str, *, seed: int = 0, dtype: str = "float32"
) -> Path:
    """A merged checkpoint in Hugging Face form, one file, with random weights.

    Args:
        dtype: "float32" or "bfloat16".
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config | {"dtype": dtype}), encoding="utf-8")
    (folder / "tokenizer.json").write_text(tokenizer_json, encoding="utf-8")
    tensors = dict(_weights(config, seed))
    if dtype == "bfloat16":
        # The upper half of each float32, cut off: random weights need no rounding.
        tensors = {name: (tensor.view(np.uint32) >> 16).astype(np.uint16) for name, tensor in tensors.items()}
    write_tensors(folder / "model.safetensors", tensors, bfloat16=dtype == "bfloat16")
    return folder


def _weights(config: dict[str, Any], seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Tensors under Hugging Face's names, scaled so that activations stay near one."""
    rng = np.random.default_rng(seed)
    hidden, inner, dim = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    q, kv = config["num_attention_heads"] * dim, config["num_key_value_heads"] * dim

    def random(scale: float, *shape: int) -> np.ndarray:
        array: np.ndarray = rng.standard_normal(shape, dtype=np.float32)
        array *= np.float32(scale)
        return array

    yield "model.embed_tokens.weight", random(hidden**-0.5, config["vocab_size"], hidden)
    yield "model.norm.weight", random(0.1, hidden)
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}."
        for name, rows, columns in (
            ("self_attn.q_proj", q, hidden),
            ("self_attn.k_proj", kv, hidden),
            ("self_attn.v_proj", kv, hidden),
            ("self_attn.o_proj", hidden, q),
            ("mlp.gate_proj", inner, hidden),
            ("mlp.up_proj", inner, hidden),
            ("mlp.down_proj", hidden, inner),
        ):
            yield f"{at}{name}.weight", random(columns**-0.5, rows, columns)
        for name in ("input", "post_attention", "pre_feedforward", "post_feedforward"):
            yield f"{at}{name}_layernorm.weight", random(0.1, hidden)
        for name in ("q", "k"):
            yield f"{at}self_attn.{name}_norm.weight", random(0.1, dim)


def grown_tokenizer(texts: Iterable[str], vocab_size: int, seed: int = 0) -> str:
    """A `tokenizer.json` of any size: trained on `texts` as far as they reach, then filled up at random.

    The random merges have next to no effect on ordinary text, but cost what real ones cost to load.
    """
    from eval.speed.gemma_tokenizer import train_tokenizer

    state = json.loads(train_tokenizer(texts, min(vocab_size, 16_384)).to_str())
    vocab, merges = state["model"]["vocab"], state["model"]["merges"]
    rng = np.random.default_rng(seed)
    letters = [piece for piece in vocab if piece.isalpha() and len(piece) > 2]
    while len(vocab) < vocab_size:
        left, right = (letters[i] for i in rng.integers(0, len(letters), 2))
        if left + right not in vocab:
            vocab[left + right] = len(vocab)
            merges.append([left, right])
    return json.dumps(state, ensure_ascii=False)
