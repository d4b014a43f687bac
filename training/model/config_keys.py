"""The keys of config.json that decide what a Gemma 3 text model computes.

Defaults and precedence are those of transformers 5.17's Gemma3TextConfig, since transformers is what tunes the model.
A key that the graph of `training.export.graph` cannot honour is refused; one that changes no result is not looked at:
attention_dropout, initializer_range, max_position_embeddings, use_cache, dtype and the ids of special tokens.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labeler.errors import InputError

LOCAL, GLOBAL = "sliding_attention", "full_attention"
_SIZES = {
    "vocab_size": 262_208,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
}
_NUMBERS = {"rms_norm_eps": 1e-6, "query_pre_attn_scalar": 256}
_WINDOW = 4096
_PATTERN = 6  # every sixth layer attends to everything
_ACTIVATION = "gelu_pytorch_tanh"
_OFF: dict[str, tuple[Any, ...]] = {  # what leaves it off; a soft cap of 0 divides by it
    "final_logit_softcapping": (None,),
    "attn_logit_softcapping": (None,),
    "attention_bias": (None, False),
    "use_bidirectional_attention": (None, False),
    "partial_rotary_factor": (None, 1),
}
_THETAS = {LOCAL: ("rope_local_base_freq", 10_000.0), GLOBAL: ("rope_theta", 1_000_000.0)}
_HEAD_STEP = 16  # onnxruntime's GroupQueryAttention turns heads of a multiple of this


class Keys:
    """The settings of a config.json, each checked as it is asked for.

    Args:
        path: the file that errors name.
        document: what it holds.

    Raises:
        InputError: it is of another kind of model.
    """

    def __init__(self, path: Path, document: dict[str, Any]) -> None:
        self._path = path
        self._raw = _text_settings(path, document)
        for key, off in _OFF.items():
            if self._raw.get(key) not in off:
                raise self._error(f"{key} is set", "Such a model cannot be exported.")
        if self._raw.get("hidden_activation", _ACTIVATION) != _ACTIVATION:
            raise self._error(
                f"hidden_activation {self._raw['hidden_activation']!r}", f"Only {_ACTIVATION} can be exported."
            )

    def size(self, key: str) -> int:
        """A whole number above 0."""
        value = self._raw.get(key, _SIZES.get(key))
        if type(value) is not int or value < 1:
            raise self._error(f"{key} {value!r}", "It must be a whole number above 0.")
        return value

    def number(self, key: str) -> float:
        """A number above 0."""
        return self._positive(self._raw.get(key, _NUMBERS[key]), key)

    def heads(self) -> tuple[int, int, int]:
        """(heads, key/value heads, size of a head)."""
        heads, kv_heads, size = map(self.size, ("num_attention_heads", "num_key_value_heads", "head_dim"))
        if heads % kv_heads:
            raise self._error(
                f"num_attention_heads {heads}, num_key_value_heads {kv_heads}", "The one must divide the other."
            )
        if size % _HEAD_STEP:
            raise self._error(f"head_dim {size}", f"Only multiples of {_HEAD_STEP} can be exported.")
        return heads, kv_heads, size

    def is_local(self) -> tuple[bool, ...]:
        """Whether a layer attends to a window only, one for each layer."""
        layers, types = self.size("num_hidden_layers"), self._raw.get("layer_types")
        if types is None:
            pattern = self._raw.get("sliding_window_pattern", _PATTERN)
            if type(pattern) is not int or pattern < 1:
                raise self._error(f"sliding_window_pattern {pattern!r}", "It must be a whole number above 0.")
            return tuple((layer + 1) % pattern != 0 for layer in range(layers))
        if not isinstance(types, list) or len(types) != layers:
            raise self._error(f"layer_types does not name {layers} layers", "It must name one kind for each layer.")
        if other := [kind for kind in types if kind not in (LOCAL, GLOBAL)]:
            raise self._error(f"layer_types holds {other[0]!r}", f"Only {LOCAL} and {GLOBAL} can be exported.")
        return tuple(kind == LOCAL for kind in types)

    def window(self) -> int:
        """Tokens that a local layer sees."""
        value = self._raw.get("sliding_window", _WINDOW)
        if not any(self.is_local()):
            return value if type(value) is int else _WINDOW  # nobody reads it
        if type(value) is not int or value < 1:
            raise self._error(f"sliding_window {value!r}", "Local layers need a whole number above 0.")
        return value

    def rope(self, kind: str) -> tuple[float, float]:
        """(theta, factor by which positions are divided) of the layers of one kind.

        transformers 5 nests them in rope_parameters; in version 4 they are rope_theta, rope_local_base_freq and, for
        the global layers, rope_scaling.
        """
        nested = self._raw.get("rope_parameters") or {}
        if not isinstance(nested, dict) or nested.keys() - {LOCAL, GLOBAL}:
            raise self._error("rope_parameters is not nested", f"It must hold {LOCAL} and {GLOBAL}.")
        settings, scaling = dict(nested.get(kind) or {}), self._raw.get("rope_scaling") or {}
        if scaling and "rope_type" not in scaling:
            raise self._error("rope_scaling has no rope_type", "transformers 5 would leave it out: add the key.")
        if kind == GLOBAL:
            settings |= scaling
        name = settings.get("rope_type", settings.get("type", "default"))
        if name not in ("default", "linear"):
            raise self._error(f"rope type {name!r}", "Only default and linear rope scaling can be exported.")
        if settings.get("partial_rotary_factor") not in _OFF["partial_rotary_factor"]:
            raise self._error("partial_rotary_factor is set", "Such a model cannot be exported.")
        key, default = _THETAS[kind]
        theta = settings["rope_theta"] if "rope_theta" in settings else self._raw.get(key, default)
        factor = settings.get("factor") if name == "linear" else 1.0
        return self._positive(theta, f"{key} of {kind}"), self._positive(factor, f"rope factor of {kind}")

    def _positive(self, value: Any, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise self._error(f"{key} {value!r}", "It must be a number above 0.")
        return float(value)

    def _error(self, what: str, remedy: str) -> InputError:
        return InputError(f"{self._path}: {what}", remedy)


def read_document(path: Path) -> dict[str, Any]:
    """config.json as it stands. Raises InputError where it is missing or damaged."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing", "Give a folder saved by save_pretrained, the adapter merged.") from error
    except ValueError as error:
        raise InputError(f"{path}: no JSON: {error}", "Download or save it again.") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: not an object", "Download or save it again.")
    return document


def _text_settings(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    text = document.get("text_config")
    kind = document.get("model_type")
    if isinstance(text, dict):
        # Around a text model that is not Gemma 3's own there is another model too.
        kind = text.get("model_type", "gemma3_text") if kind == "gemma3" else kind
    else:
        text = document
    if kind != "gemma3_text":
        raise InputError(f"{path}: model_type {kind!r}", "Only Gemma 3 text models can be exported.")
    if document.get("quantization_config") or text.get("quantization_config"):
        raise InputError(
            f"{path}: quantised already",
            "Give the 16-bit model that it was made from; quantise_base=4bit quantises it for tuning.",
        )
    return text
