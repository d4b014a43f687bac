"""Turns a bundle back into a checkpoint in Hugging Face form, so that a model that was shipped can be tuned further.

Its weights are those that the bundle computes with, in 32 bits: after rounding, where it is quantised. Their scales
are written beside them, for `training.quantise.rounding.GivenScales`: exported again with them it is the same model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tokenizers import AddedToken, Tokenizer

from eval.speed.gemma_tokenizer import like_gemma
from labeler.files import write_text
from labeler.model.bundle import Manifest, Rope, read_manifest, verify
from labeler.model.decoder import SCALES, Embeddings, read_scales
from labeler.model.tensors import TensorFile, write_tensors
from labeler.model.tokenizer import COMPACT_NAME, LIBRARY_NAME, open_tokenizer
from training.model.licence import licence_of_bundle, write_licence
from training.quantise.rounding import FINE, Blocks
from training.vocabulary.cut_record import write_record

# Beside the weights, but no part of the checkpoint: what `training.quantise.rounding.given` reads.
ROUNDED = "rounded.scales"
_POSITIONS = 32_768  # Gemma-3-270M's; a bundle computes its rotary tables for whatever length it meets


def unpack(bundle: Path, out: Path) -> Path:
    """Writes the checkpoint into the folder `out`, config.json last, since its presence says that all is there.

    Raises:
        BundleError: the bundle is damaged, or a newer version wrote it.
    """
    verify(bundle)
    out.mkdir(parents=True, exist_ok=True)
    manifest, graph = read_manifest(bundle), _Graph(bundle / "decoder.onnx")
    rows = Embeddings(bundle / "embeddings.safetensors", manifest.shape)
    weights = graph.weights() | {"embed_tokens.weight": rows(list(range(manifest.shape.vocab_size)))}
    if graph.scales:
        stored = TensorFile(bundle / "embeddings.safetensors")
        place = stored.get("place")
        # Rows of two kinds are found again without: each is rounded by what it holds.
        own = {"embed_tokens": stored["scales"]} if place is None else {FINE: np.flatnonzero(place < 0)}
        write_tensors(out / ROUNDED, graph.scales | own)
    write_tensors(out / "model.safetensors", {f"model.{name}": tensor for name, tensor in weights.items()})
    if (bundle / COMPACT_NAME).is_file():
        write_text(out / LIBRARY_NAME, library_tokenizer(bundle / COMPACT_NAME).to_str())
    else:
        shutil.copyfile(bundle / LIBRARY_NAME, out / LIBRARY_NAME)
    write_licence(out, licence_of_bundle(manifest))
    write_record(out, manifest.provenance.get("vocabulary"))
    width = len(weights["layers.0.mlp.gate_proj.weight"])
    config = _config(manifest, graph, width, open_tokenizer(bundle).control)
    write_text(out / "config.json", json.dumps(config, indent=2) + "\n")
    return out


class _Graph:
    """The weights and sizes in a decoder that `training.export.graph` wrote."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path, load_external_data=False).graph
        self._folder = path.parent
        self._scales = read_scales(path.with_name(SCALES))
        self.scales: dict[str, np.ndarray] = {}  # of every rounded matrix; filled by `weights`
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._nodes = {node.output[0]: _attributes(node) for node in graph.node}
        self.epsilon = float(self._nodes["norm_in_out"]["epsilon"])
        found = (self._nodes.get(f"l{layer}_attention") for layer in range(len(graph.node)))
        self.attention = [node for node in found if node]

    def weights(self) -> dict[str, np.ndarray]:
        """float32, by their names within the text model; without the embeddings."""
        self.scales = {}
        found = {"layers.0.input_layernorm.weight": self._gain("norm_in")}
        for i, node in enumerate(self.attention):
            at, name = f"layers.{i}.", f"l{i}_"
            heads = [node["num_heads"], node["kv_num_heads"], node["kv_num_heads"]]
            matrices = self._linear(name + "qkv", [f"{i}.self_attn.{part}_proj" for part in "qkv"], heads)
            matrices |= self._linear(name + "o", [f"{i}.self_attn.o_proj"])
            matrices |= self._linear(name + "gate_up", [f"{i}.mlp.{part}_proj" for part in ("gate", "up")], [1, 1])
            matrices |= self._linear(name + "down", [f"{i}.mlp.down_proj"])
            found |= {f"layers.{matrix}.weight": rows for matrix, rows in matrices.items()}
            for part in "qk":
                found[f"{at}self_attn.{part}_norm.weight"] = self._gain(f"{name}{part}_norm")
            found[f"{at}post_attention_layernorm.weight"] = self._gain(name + "post_attention")
            found[f"{at}pre_feedforward_layernorm.weight"] = self._gain(name + "pre_mlp")
            found[f"{at}post_feedforward_layernorm.weight"] = self._gain(name + "post_mlp")
            last = i + 1 == len(self.attention)
            found["norm.weight" if last else f"layers.{i + 1}.input_layernorm.weight"] = self._gain(name + "next")
        return found

    def _array(self, name: str) -> np.ndarray:
        if name in self._scales:
            return self._scales[name]
        tensor = self._tensors[name]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        external = {entry.key: entry.value for entry in tensor.external_data}
        # Read by ourselves: onnx refuses links, which is what the Hub's cache is made of.
        file = self._folder / Path(external["location"]).name
        return np.memmap(file, dtype, "r", int(external["offset"]), tuple(tensor.dims))

    def _gain(self, name: str) -> np.ndarray:
        gain: np.ndarray = self._array(name) - np.float32(1.0)
        return gain

    def _linear(self, name: str, parts: list[str], shares: Sequence[int] = (1,)) -> dict[str, np.ndarray]:
        """The matrices (out, in) that stand one below the other, by their names, which have rows in these shares."""
        if name in self._tensors:
            return _parted(np.ascontiguousarray(self._array(name).T), parts, shares)
        node, packed, scales = self._nodes[f"{name}_out"], self._array(f"{name}_q"), self._array(f"{name}_s")
        scales = scales.reshape(packed.shape[:2])
        self.scales |= _parted(scales, parts, shares)
        raised = packed.astype(np.int16)
        if node["bits"] == 4:
            raised = np.stack([raised & 15, raised >> 4], axis=-1).reshape(*packed.shape[:2], -1)
        blocks = Blocks((raised - (1 << node["bits"] - 1)).astype(np.int8), scales)
        return _parted(blocks.matrix(node["K"]), parts, shares)


def library_tokenizer(compact: Path) -> Tokenizer:
    """The library's tokenizer that encodes like a compact one.

    Tokens that no text can become are called <unused…>: the compact form does not keep their names.
    """
    file = TensorFile(compact)
    facts = json.loads(bytes(file["facts"]))
    pieces = {token: f"<0x{byte:02X}>" for byte, token in enumerate(facts["bytes"])}
    pieces |= zip(file["character_ids"].tolist(), map(chr, file["character_codes"].tolist()), strict=True)
    joins = list(zip(*(file[name].tolist() for name in ("left", "right", "new")), strict=True))
    waiting, before = joins, None
    while waiting != before:  # once through, where every merge comes after those that make its parts
        before, waiting = waiting, []
        for join in before:
            if join[0] in pieces and join[1] in pieces:
                pieces[join[2]] = pieces[join[0]] + pieces[join[1]]
            else:
                waiting.append(join)
    pieces |= {token: name for name, token in (facts["control"] | facts["added"]).items()}
    vocab = {pieces.get(token, f"<unused{token}>"): token for token in range(facts["vocab_size"])}
    merges = [(pieces[first], pieces[second]) for first, second, new in joins if new in pieces]
    tokenizer = like_gemma(vocab, merges, list(facts["control"]))
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in facts["added"]])
    return tokenizer


def _config(manifest: Manifest, graph: _Graph, intermediate_size: int, control: dict[str, int]) -> dict[str, Any]:
    """config.json in the style of transformers 5."""
    shape, attention = manifest.shape, graph.attention
    windows = [int(node["local_window_size"]) for node in attention]
    return {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "dtype": "float32",
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden_size,
        "intermediate_size": intermediate_size,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": int(attention[0]["num_heads"]),
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "rms_norm_eps": graph.epsilon,
        "query_pre_attn_scalar": round(float(attention[0]["scale"]) ** -2),
        "max_position_embeddings": _POSITIONS,
        "sliding_window": max(windows) if max(windows) > 0 else _POSITIONS,
        "layer_types": ["sliding_attention" if window > 0 else "full_attention" for window in windows],
        "rope_parameters": {
            "sliding_attention": _rope(shape.local_rope),
            "full_attention": _rope(shape.global_rope),
        },
        **{f"{kind}_token_id": control[f"<{kind}>"] for kind in ("bos", "eos", "pad")},
    }


def _rope(rope: Rope) -> dict[str, Any]:
    scaled = {"rope_type": "linear", "factor": rope.factor} if rope.factor != 1.0 else {"rope_type": "default"}
    return {"rope_theta": rope.theta, **scaled}


def _parted(rows: np.ndarray, names: list[str], shares: Sequence[int]) -> dict[str, np.ndarray]:
    ends = np.cumsum(shares) * (len(rows) // sum(shares))
    return dict(zip(names, np.split(rows, ends[:-1]), strict=True))


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
