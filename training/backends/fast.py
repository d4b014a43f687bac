"""LoRA as a change of weights, and norms, rotations and gates compiled: for GPUs, where many small kernels cost more
than products.

A peft layer adds s · B(A(x)) to W x, which is a dozen kernels a matrix in two precisions. Here W + s · B A is computed
once for a batch, and a layer is then Gemma 3's alone, attention causal and without masks wherever rows fit into the
sliding window. Parameters, their names and what is saved are peft's. The function is the same up to rounding: in
bfloat16 the changed weights are rounded as those of the merged model are.

Compiled are the small functions of training/fast/layers.py, each by itself and for any shape, as the starter's own
loop compiles them; a whole layer took an H200 minutes to compile, and again for other shapes. What was checked, on a
CPU: losses and gradients in float32, and that two graphs of each function do for batches of all sizes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from labeler.console.progress import say
from training.backends.body import take_over
from training.backends.peft import adapted
from training.fast.layers import Kernels, compiled_kernels
from training.model.base import Base
from training.tuning.device import Numerics
from training.tuning.settings import TuningSettings

_MATRICES = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
    "mlp.down_proj",
)  # fmt: skip
_NORMS = (
    "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm",
    "self_attn.q_norm", "self_attn.k_norm",
)  # fmt: skip
Matrix = tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]  # W, A, B


def load(base: Base, settings: TuningSettings, numerics: Numerics, checkpoint_above: int | None) -> Any:
    """The base with an adapter, its layers computed by `Layers`; kernels compiled on a GPU or where `compile` says."""
    tuned = adapted(base, settings, numerics)
    body = tuned.get_base_model().model
    dtype = torch.bfloat16 if numerics.precision == "bf16" else torch.float32
    layers = Layers(body, dtype, compiled=settings.compile or torch.cuda.is_available())
    take_over(body, above=checkpoint_above, hidden=layers)
    return tuned


class Layers:
    """The hidden states of int64 ids (rows, length) by the layers of `body`, a Gemma3TextModel with peft's adapters.

    Args:
        dtype: what matrices are multiplied in.
    """

    def __init__(self, body: Any, dtype: torch.dtype, compiled: bool) -> None:
        self._body, self._dtype = body, dtype
        self._modules = [
            ([layer.get_submodule(name) for name in _MATRICES], [layer.get_submodule(name) for name in _NORMS])
            for layer in body.layers
        ]
        config = body.config
        self._shape = (
            config.num_attention_heads, config.num_key_value_heads, config.head_dim, config.rms_norm_eps,
            config.query_pre_attn_scalar**-0.5,
        )  # fmt: skip
        self._kernels = compiled_kernels() if compiled else Kernels()

    def __call__(self, ids: torch.Tensor, large: bool) -> torch.Tensor:
        """(rows, length, width). `large`: of every layer only the input is kept, the rest is computed again."""
        body = self._body
        stream: torch.Tensor = body.embed_tokens(ids)
        places = torch.arange(ids.shape[1], device=ids.device)
        turns = {kind: body.rotary_emb(stream, places[None], kind) for kind in set(body.config.layer_types)}
        masks = dict.fromkeys(turns)
        if ids.shape[1] > body.config.sliding_window:
            distance = places[:, None] - places
            masks["sliding_attention"] = (distance >= 0) & (distance < body.config.sliding_window)
        with torch.autocast(ids.device.type, enabled=False):
            for kind, (matrices, norms) in zip(body.config.layer_types, self._modules, strict=True):
                scale, weights = _weights(matrices)
                cos, sin = turns[kind]
                given = (
                    stream, cos, sin, masks[kind], weights, [norm.weight for norm in norms], scale, self._dtype,
                    self._shape,
                )  # fmt: skip
                stream = checkpoint(self._run, *given, use_reentrant=False) if large else self._run(*given)
        final: torch.Tensor = body.norm(stream)
        return final

    def _run(self, *given: Any) -> torch.Tensor:
        try:
            return _layer(*given, self._kernels)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = str(error).strip().partition("\n")[0]
            say(f"nothing can be compiled here: norms and gates run as they are, which is slower: {reason}")
            self._kernels = Kernels()
            return _layer(*given, self._kernels)


def _weights(modules: list[Any]) -> tuple[float, list[Matrix]]:
    """(the scale of all changes, matrices with their changes); a matrix that is no target has none."""
    scale, found = 0.0, []
    for module in modules:
        if hasattr(module, "lora_A"):
            scale = module.scaling["default"]
            found.append((module.weight, module.lora_A["default"].weight, module.lora_B["default"].weight))
        else:
            found.append((module.weight, None, None))
    return scale, found


def _layer(
    stream: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, mask: torch.Tensor | None, matrices: list[Matrix],
    norms: list[torch.Tensor], scale: float, dtype: torch.dtype, shape: tuple[int, int, int, float, float],
    kernels: Kernels,
) -> torch.Tensor:  # fmt: skip
    """One layer of transformers' Gemma3DecoderLayer.

    Args:
        stream: (rows, length, width).
        cos, sin: (1, length, size).
        mask: bool (length, length), or None for plain causal attention.
        shape: heads, key heads, size of a head, epsilon of norms, scale of attention.
    """
    heads, key_heads, size, epsilon, attention_scale = shape
    q, k, v, o, gate, up, down = (_changed(*matrix, scale, dtype) for matrix in matrices)
    before, after, before_mlp, after_mlp, of_query, of_key = (norm.float() for norm in norms)
    rows, length, _ = stream.shape
    rope = cos[:, :, None], sin[:, :, None]

    def split(states: torch.Tensor, count: int) -> torch.Tensor:
        return states.view(rows, length, count, size)

    def shared(states: torch.Tensor) -> torch.Tensor:
        return states.transpose(1, 2).repeat_interleave(heads // key_heads, 1)

    inner = kernels.rms_norm(stream, before, epsilon).to(dtype)
    query = kernels.turned(split(functional.linear(inner, q), heads), of_query, *rope, epsilon)
    key = kernels.turned(split(functional.linear(inner, k), key_heads), of_key, *rope, epsilon)
    value = split(functional.linear(inner, v), key_heads)
    seen = functional.scaled_dot_product_attention(
        query.transpose(1, 2), shared(key), shared(value), attn_mask=mask, is_causal=mask is None, scale=attention_scale
    )
    seen = seen.transpose(1, 2).reshape(rows, length, heads * size)
    stream = kernels.added(stream, functional.linear(seen, o), after, epsilon)
    inner = kernels.rms_norm(stream, before_mlp, epsilon).to(dtype)
    inner = kernels.gated(functional.linear(inner, gate), functional.linear(inner, up))
    return kernels.added(stream, functional.linear(inner, down), after_mlp, epsilon)


def _changed(
    weight: torch.Tensor, a: torch.Tensor | None, b: torch.Tensor | None, scale: float, dtype: torch.dtype
) -> torch.Tensor:
    if a is None or b is None:
        return weight.to(dtype)
    return torch.add(weight, b.to(dtype) @ a.to(dtype), alpha=scale).to(dtype)
