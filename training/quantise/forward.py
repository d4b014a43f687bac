"""One layer of the decoder in numpy, in the steps between which calibration looks at what goes into a matrix.

It computes what `training.export.graph` writes, in single precision and without a cache, a whole sequence at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labeler.model.decoder import rotary_angles
from training.model.checkpoint import Config

Array = np.ndarray
_GELU = np.float32((2 / np.pi) ** 0.5)


@dataclass(frozen=True)
class Layer:
    """Layer number `index`; `gain` gives its norms' stored gains by the tensor's name within the layer."""

    config: Config
    index: int
    gain: Callable[[str], Array]

    def normed(self, x: Array, name: str) -> Array:
        """Root-mean-square norm over the last axis; Gemma stores the gain minus one."""
        scale = 1.0 / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + np.float32(self.config.norm_epsilon))
        found: Array = x * scale * (self.gain(f"{name}.weight") + np.float32(1.0))
        return found

    def attention(self, q: Array, k: Array, v: Array) -> Array:
        """What goes into the output matrix, (tokens, heads * head dim), of one sequence's projections."""
        c, tokens = self.config, len(q)
        q = self._turned(self.normed(q.reshape(tokens, c.heads, c.head_dim), "self_attn.q_norm"))
        k = self._turned(self.normed(k.reshape(tokens, c.kv_heads, c.head_dim), "self_attn.k_norm"))
        v = v.reshape(tokens, c.kv_heads, c.head_dim).transpose(1, 0, 2)
        repeats = c.heads // c.kv_heads
        scores = q @ np.repeat(k, repeats, axis=0).transpose(0, 2, 1) * np.float32(c.attention_scale)
        distance = np.arange(tokens)[:, None] - np.arange(tokens)[None, :]
        window = c.window if c.is_local[self.index] else tokens
        scores[:, (distance < 0) | (distance >= window)] = -np.inf
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Array = (scores @ np.repeat(v, repeats, axis=0)).transpose(1, 0, 2)
        return mixed.reshape(tokens, c.heads * c.head_dim)

    def _turned(self, x: Array) -> Array:
        """Rotary position embedding: (tokens, heads, head dim) to (heads, tokens, head dim)."""
        c = self.config
        angles = rotary_angles(c.local_rope if c.is_local[self.index] else c.global_rope, c.head_dim, len(x))
        cos, sin = (f(angles).astype(np.float32)[:, None, :] for f in (np.cos, np.sin))
        first, second = np.split(x, 2, axis=-1)
        turned = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
        return np.ascontiguousarray(turned.transpose(1, 0, 2))


def gated(gate: Array, up: Array) -> Array:
    """gelu(gate) * up, by the approximation with tanh."""
    inner: Array = gate * gate
    inner *= np.float32(0.044715) * gate
    inner += gate
    inner *= _GELU
    np.tanh(inner, out=inner)
    inner += np.float32(1.0)
    inner *= np.float32(0.5) * gate
    inner *= up
    return inner
