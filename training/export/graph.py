"""Writes the decoder as an ONNX graph of fused operators: embeddings in, normalised hidden states out.

Written directly rather than traced: no torch is needed, the graph holds nothing that serving does not
use, and each layer is fourteen nodes. Weights go to files beside it, which ONNX Runtime maps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from labeler.model.decoder import DATA_SIZE, ROW, SCALES
from labeler.model.tensors import write_tensors
from training.export.data_files import DataFiles
from training.model.checkpoint import Config, Weights
from training.quantise.quantisation import Quantisation
from training.quantise.rounding import Rounding, joined, nearest, refuse_non_finite, scale_bytes

_OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]


class _Builder:
    """Collects nodes and initializers; appends weights to the data files as they come."""

    def __init__(
        self, weights: Weights, data: DataFiles, quantisation: Quantisation | None, rounding: Rounding
    ) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.scales: dict[
            str, np.ndarray
        ] = {}  # by initializer, as `read_scales` reads them; empty where they stand among the weights
        self._weights, self._data = weights, data
        self._quantisation, self._rounding = quantisation, rounding
        self._shapes: dict[str, str] = {}

    def node(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def weight(self, name: str, array: np.ndarray) -> str:
        array = np.ascontiguousarray(array)
        return self._external(name, array.dtype, array.shape, *self._data.append(array))

    def _external(
        self, name: str, dtype: np.dtype, dims: tuple[int, ...], location: str, offset: int, size: int
    ) -> str:
        kind = helper.np_dtype_to_tensor_dtype(dtype)
        tensor = onnx.TensorProto(name=name, data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", location), ("offset", offset), ("length", size)):
            tensor.external_data.add(key=key, value=str(value))
        self.initializers.append(tensor)
        return name

    def _scales(self, name: str, scales: np.ndarray, kind: str) -> str:
        """Scales (out, blocks) as an initializer in single precision, whose values the runtime mostly is given."""
        if kind == "single":
            return self.weight(name, scales.reshape(-1))
        if kind == "byte":
            self.scales[name], self.scales[name + ROW] = scale_bytes(scales)
        else:
            self.scales[name] = scales
        return self._external(name, np.dtype(np.float32), (scales.size,), SCALES, 0, 4 * scales.size)

    def shape(self, *dims: int) -> str:
        name = "shape_" + "_".join(map(str, dims))
        if name not in self._shapes:
            array = np.array(dims, dtype=np.int64)
            self.initializers.append(onnx.numpy_helper.from_array(array, name))
            self._shapes[name] = name
        return name

    def linear(self, x: str, name: str, parts: list[str]) -> str:
        """x @ matrix.T for the matrices (out, in) of these names, one below the other."""
        matrices = {part: self._finite(f"layers.{part}.weight") for part in parts}
        if self._quantisation is None:
            return self.node("MatMul", [x, self.weight(name, np.concatenate([*matrices.values()]).T)], [f"{name}_out"])
        grid = self._quantisation.grid(parts[0])
        blocks = joined([self._rounding(part, matrix, grid) for part, matrix in matrices.items()])
        inputs = [
            x,
            self.weight(f"{name}_q", blocks.packed(grid.bits)),
            self._scales(f"{name}_s", blocks.scales, grid.scales),
        ]
        return self.node(
            "MatMulNBits", inputs, [f"{name}_out"], "com.microsoft",
            K=matrices[parts[0]].shape[1], N=len(blocks.codes), bits=grid.bits, block_size=grid.block,
            accuracy_level=self._quantisation.accuracy_level,
        )  # fmt: skip

    def norm(self, x: str, name: str, gain: str, epsilon: float) -> str:
        """Root-mean-square norm."""
        inputs = [x, self._gain(name, gain)]
        return self.node("SimplifiedLayerNormalization", inputs, [f"{name}_out"], axis=-1, epsilon=epsilon)

    def _gain(self, name: str, tensor: str) -> str:
        """Gemma stores a norm's gain minus one."""
        return self.weight(name, self._finite(tensor) + np.float32(1.0))

    def _finite(self, tensor: str) -> np.ndarray:
        array = self._weights(tensor)
        refuse_non_finite(tensor, array)
        return array

    def add_norm(self, x: str, residual: str, name: str, gain: str, epsilon: float) -> tuple[str, str]:
        """norm(x + residual), and the sum itself."""
        outputs = [f"{name}_out", "", "", f"{name}_sum"]
        inputs = [x, residual, self._gain(name, gain)]
        self.node("SkipSimplifiedLayerNormalization", inputs, outputs, "com.microsoft", epsilon=epsilon)
        return outputs[0], outputs[3]


def write_decoder(
    config: Config,
    weights: Weights,
    target: Path,
    quantisation: Quantisation | None,
    rounding: Rounding = nearest,
    data_size: int = DATA_SIZE,
) -> None:
    """Writes `target` (decoder.onnx) and beside it its weights (decoder.bin, decoder-1.bin, …) and their scales.

    Inputs: `embeddings` (batch, tokens, hidden), already scaled; `past_key_i`, `past_value_i` (batch,
    kv heads, capacity, head dim), which the run appends to in place; `seqlens_k` (batch,), the length
    after this run minus one; `total_length`, the same plus one; `cos_*`, `sin_*` (positions, head dim / 2).
    Outputs: `hidden` (batch, tokens, hidden), after the final norm, and the present keys and values.

    Args:
        quantisation: None keeps 32-bit weights.
        data_size: bytes of weights in one file, unless a single matrix is larger.

    Raises:
        InputError: a weight is missing, or no finite number.
    """
    with DataFiles(target.with_suffix(".bin"), data_size) as data:
        builder = _Builder(weights, data, quantisation, rounding)
        x, epsilon = "embeddings", config.norm_epsilon
        normed = builder.norm(x, "norm_in", "layers.0.input_layernorm.weight", epsilon)
        for layer in range(config.layers):
            normed, x = _layer(builder, config, layer, x, normed)
        builder.nodes[-1].output[0] = "hidden"
        graph = helper.make_graph(
            builder.nodes, "decoder", _inputs(config), _outputs(config), initializer=builder.initializers
        )
    if builder.scales:
        write_tensors(target.with_name(SCALES), builder.scales)
    model = helper.make_model(graph, opset_imports=_OPSETS, ir_version=10, producer_name="issue-labeler")
    target.write_bytes(model.SerializeToString())


def _layer(b: _Builder, c: Config, i: int, x: str, normed: str) -> tuple[str, str]:
    """One transformer layer; returns the next layer's normalised input and the residual stream."""
    at, name, eps = f"layers.{i}.", f"l{i}_", c.norm_epsilon
    q_size, kv_size = c.heads * c.head_dim, c.kv_heads * c.head_dim
    qkv = b.linear(normed, name + "qkv", [f"{i}.self_attn.{p}_proj" for p in "qkv"])
    q, k, v = name + "q", name + "k", name + "v"
    b.node("Split", [qkv, b.shape(q_size, kv_size, kv_size)], [q, k, v], axis=-1)
    q = _head_norm(b, c, q, at + "self_attn.q_norm.weight", q_size)
    k = _head_norm(b, c, k, at + "self_attn.k_norm.weight", kv_size)
    kind = "local" if c.is_local[i] else "global"
    b.node(
        "GroupQueryAttention",
        [q, k, v, f"past_key_{i}", f"past_value_{i}", "seqlens_k", "total_length", f"cos_{kind}", f"sin_{kind}"],
        [name + "attention", f"present_key_{i}", f"present_value_{i}"],
        "com.microsoft",
        num_heads=c.heads,
        kv_num_heads=c.kv_heads,
        scale=c.attention_scale,
        do_rotary=1,
        local_window_size=c.window if c.is_local[i] else -1,
    )
    out = b.linear(name + "attention", name + "o", [f"{i}.self_attn.o_proj"])
    out = b.norm(out, name + "post_attention", at + "post_attention_layernorm.weight", eps)
    normed, x = b.add_norm(out, x, name + "pre_mlp", at + "pre_feedforward_layernorm.weight", eps)
    both = b.linear(normed, name + "gate_up", [f"{i}.mlp.{p}_proj" for p in ("gate", "up")])
    b.node("Split", [both, b.shape(c.intermediate_size, c.intermediate_size)], [name + "gate", name + "up"], axis=-1)
    b.node("FastGelu", [name + "gate"], [name + "gelu"], "com.microsoft")
    b.node("Mul", [name + "gelu", name + "up"], [name + "gated"])
    down = b.linear(name + "gated", name + "down", [f"{i}.mlp.down_proj"])
    down = b.norm(down, name + "post_mlp", at + "post_feedforward_layernorm.weight", eps)
    after = f"layers.{i + 1}.input_layernorm.weight" if i + 1 < c.layers else "norm.weight"
    return b.add_norm(down, x, name + "next", after, eps)


def _head_norm(b: _Builder, c: Config, x: str, gain: str, size: int) -> str:
    b.node("Reshape", [x, b.shape(0, -1, c.head_dim)], [x + "_heads"])
    normed = b.norm(x + "_heads", x + "_norm", gain, c.norm_epsilon)
    return b.node("Reshape", [normed, b.shape(0, -1, size)], [x + "_normed"])


def _inputs(c: Config) -> list[onnx.ValueInfoProto]:
    def value(name: str, kind: int, dims: list[str | int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, dims)

    inputs = [
        value("embeddings", TensorProto.FLOAT, ["batch", "tokens", c.hidden_size]),
        value("seqlens_k", TensorProto.INT32, ["batch"]),
        value("total_length", TensorProto.INT32, []),
    ]
    # An input that no layer reads is an error for the runtime.
    kinds = sorted({"local" if local else "global" for local in c.is_local})
    for kind in kinds:
        for table in ("cos", "sin"):
            inputs.append(value(f"{table}_{kind}", TensorProto.FLOAT, ["positions", c.head_dim // 2]))
    for i in range(c.layers):
        for part in ("key", "value"):
            inputs.append(value(f"past_{part}_{i}", TensorProto.FLOAT, ["batch", c.kv_heads, "capacity", c.head_dim]))
    return inputs


def _outputs(c: Config) -> list[onnx.ValueInfoProto]:
    outputs = [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["batch", "tokens", c.hidden_size])]
    for i in range(c.layers):
        for part in ("key", "value"):
            dims: list[str | int] = ["batch", c.kv_heads, "capacity", c.head_dim]
            outputs.append(helper.make_tensor_value_info(f"present_{part}_{i}", TensorProto.FLOAT, dims))
    return outputs
