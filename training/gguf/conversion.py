"""A GGUF file of Gemma 3 as a checkpoint in Hugging Face form, without torch.

Names and settings are those of llama.cpp's converter and of its loader of the architecture gemma3, whose defaults hold
where the file is silent. Its norms are stored plus one: that is taken off again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from labeler.errors import InputError
from labeler.files import write_text
from labeler.model.bundle import sha256
from labeler.model.tokenizer import LIBRARY_NAME
from training.gguf.reading import GGUFFile
from training.gguf.spm_tokenizer import rebuilt_tokenizer
from training.model.checkpoint import EMBEDDINGS, config_of
from training.model.config_keys import GLOBAL, LOCAL
from training.model.exportable import tensor_shapes
from training.model.licence import write_licence
from training.model.merge import write_bfloat16

_ARCHITECTURE = "gemma3"
_EMBEDDINGS, _OUTPUT = "token_embd.weight", "output.weight"
_ENDS = {EMBEDDINGS: _EMBEDDINGS, "norm.weight": "output_norm.weight"}
_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_feedforward_layernorm": "post_ffw_norm",
}
_ROWS = 16_384  # decoded at once: 40 MB of Gemma 3 270M's embeddings
_LAYERS_OF_27B = 62  # whose attention alone is scaled by hidden size / heads


def source_of(path: Path) -> str:
    """What a conversion is made of: the file and, where it lies beside it, the tokenizer, by content."""
    beside = path.with_name(LIBRARY_NAME)
    tokenizer = f", {LIBRARY_NAME} {sha256(beside)[:12]}" if beside.is_file() else ""
    return f"{path.absolute()} ({sha256(path)[:12]}{tokenizer})"


def convert(path: Path, out: Path) -> None:
    """Writes the checkpoint, in bfloat16, into the folder `out`; config.json last, since it says that all is there.

    The tokenizer is the `tokenizer.json` beside the file, else rebuilt from the file's own tokens. Memory holds a slice
    of one tensor at a time.

    Raises:
        InputError: it is no whole GGUF file of a Gemma 3 text model, has an output layer of its own, or a tokenizer of
            another kind.
    """
    file = GGUFFile(path)
    document = _config(file)
    shapes = dict(tensor_shapes(config_of(path, document)))
    names = {name: _gguf_name(name) for name in shapes}
    _check_tensors(file, shapes, names)
    out.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(LIBRARY_NAME)
    if beside.is_file():
        shutil.copyfile(beside, out / LIBRARY_NAME)
    else:
        write_text(out / LIBRARY_NAME, rebuilt_tokenizer(path, file.fields).to_str())
    write_bfloat16(out / "model.safetensors", shapes, _tensors(file, names))
    write_licence(out, str(file.fields.get("general.license", "gemma")))  # what derives from Gemma is under its terms
    write_text(out / "config.json", json.dumps(document, indent=2) + "\n")


def _tensors(file: GGUFFile, names: dict[str, str]) -> Iterator[np.ndarray]:
    for name, stored in names.items():
        for part in file.rows(stored, _ROWS):
            if not np.isfinite(part).all():
                remedy = "Download it again, and compare its sha256 with the publisher's."
                raise InputError(f"{file.path}: {stored} holds numbers that are not finite", remedy)
            yield part - np.float32(1.0) if "norm" in name else part


def _check_tensors(file: GGUFFile, shapes: dict[str, tuple[int, ...]], names: dict[str, str]) -> None:
    remedy = "It is incomplete, or a variant of Gemma 3 that cannot be exported: take another file."
    for name, stored in names.items():
        if stored not in file.names:
            raise InputError(f"{file.path}: no tensor {stored}", remedy)
        if file.shape(stored) != shapes[name]:
            found = f"{stored} has the shape {file.shape(stored)}, its settings ask for {shapes[name]}"
            raise InputError(f"{file.path}: {found}", remedy)
        file.raw(stored)  # refuses one that is cut short before anything is written
    if _OUTPUT in file.names:
        (kind, embeddings), (other, output) = file.raw(_EMBEDDINGS), file.raw(_OUTPUT)
        if kind != other or not np.array_equal(embeddings, output):
            what = f"{file.path}: {_OUTPUT} differs from the embeddings"
            raise InputError(what, "An output layer of its own cannot be exported: use a base that has none.")
    if extra := sorted(set(file.names) - set(names.values()) - {_OUTPUT}):
        raise InputError(f"{file.path}: holds {extra[0]}, which Gemma 3 does not have", remedy)


def _gguf_name(name: str) -> str:
    if name in _ENDS:
        return _ENDS[name]
    _, layer, part = name.removesuffix(".weight").split(".", 2)
    return f"blk.{layer}.{_LAYER[part]}.weight"


def _config(file: GGUFFile) -> dict[str, Any]:
    """config.json in the style of transformers 5."""
    fields, path = file.fields, file.path
    if (kind := fields.get("general.architecture")) != _ARCHITECTURE:
        raise InputError(f"{path}: of the architecture {kind}", "Only Gemma 3 text models (gemma3) can be tuned.")
    if fields.get("split.count", 1) > 1:
        raise InputError(f"{path}: one of {fields['split.count']} parts", "Join them: llama-gguf-split --merge.")

    def given(key: str, default: Any = None) -> Any:
        value = fields.get(f"{_ARCHITECTURE}.{key}", default)
        if value is None:
            raise InputError(f"{path}: no {_ARCHITECTURE}.{key}", "It is incomplete: take another file.")
        return _exact(value)

    layers, hidden, heads = given("block_count"), given("embedding_length"), given("attention.head_count")
    head_dim = given("attention.key_length")
    for key in ("attention.value_length", "rope.dimension_count"):
        if (other := given(key, head_dim)) != head_dim:
            raise InputError(f"{path}: {key} {other}, heads of {head_dim}", "Such a model cannot be exported.")
    window = given("attention.sliding_window", 0)
    scaling, factor = given("rope.scaling.type", "none"), given("rope.scaling.factor", 0)
    scaled = {"rope_type": scaling, "factor": factor} if scaling != "none" else {"rope_type": "default"}
    return {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "dtype": "bfloat16",
        "vocab_size": file.shape(_EMBEDDINGS)[0] if _EMBEDDINGS in file.names else 0,
        "hidden_size": hidden,
        "intermediate_size": given("feed_forward_length"),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": given("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "use_bidirectional_attention": not given("attention.causal", True),
        "final_logit_softcapping": given("final_logit_softcapping", 0) or None,
        "attn_logit_softcapping": given("attn_logit_softcapping", 0) or None,
        "rms_norm_eps": given("attention.layer_norm_rms_epsilon"),
        "query_pre_attn_scalar": hidden // heads if layers == _LAYERS_OF_27B else head_dim,
        "max_position_embeddings": given("context_length"),
        "sliding_window": window or given("context_length"),
        "layer_types": _layer_types(layers, window, given("attention.sliding_window_pattern", 6)),
        "rope_parameters": {
            LOCAL: {"rope_type": "default", "rope_theta": given("rope.freq_base_swa", 10_000.0)},
            GLOBAL: scaled | {"rope_theta": given("rope.freq_base")},
        },
        **{
            f"{name}_token_id": fields.get(f"tokenizer.ggml.{key}_token_id", default)
            for name, key, default in (("bos", "bos", 2), ("eos", "eos", 1), ("pad", "padding", 0))
        },
    }


def _layer_types(layers: int, window: int, pattern: Any) -> list[str]:
    if not window:
        return [GLOBAL] * layers
    if isinstance(pattern, list):
        return [LOCAL if local else GLOBAL for local in pattern]
    return [LOCAL if pattern == 0 or (layer + 1) % pattern else GLOBAL for layer in range(layers)]


def _exact(value: Any) -> Any:
    """A number that was stored in single precision as it was written: 1e-06, not 9.999999974752427e-07."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return float(str(np.float32(value))) if isinstance(value, float) else value
