"""Gemma 3's text model with adapters: hidden states and loss of issues under one label list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from labeler.model.bundle import Rope
from training.fast.layers import (
    Kernels,
    Layout,
    Shape,
    attend_by_products,
    attend_fused,
    compiled_kernels,
    layer,
)
from training.fast.lora import MATRICES, Adapted, Rank
from training.fast.parts import Part
from training.model.checkpoint import Weights, read_config

NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
    "self_attn.q_norm",
    "self_attn.k_norm",
)


class Gemma:
    """The model of a checkpoint's folder, frozen, with an adapter at each of `lora.MATRICES` of every layer.

    Args:
        dtype: what it computes in; adapters, norms and softmax stay in single precision.
        fused: torch's fused attention, and adapters as a change of weights: a GPU's way. Else adapters beside the
            weights and attention by plain products: a CPU's way.
        compile: whether a layer's small parts are compiled. Whole layers, with rows and lengths that change from pass
            to pass, take a compiler minutes and gain little more.
        first_layer: layers below have no adapter that learns.
    """

    def __init__(
        self,
        folder: Path,
        rank: Rank,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        fused: bool = False,
        compile: bool = False,
        first_layer: int = 0,
        seed: int = 0,
    ) -> None:
        self.folder, self.rank, self.config = folder, rank, read_config(folder)
        self.device, self.dtype, self._fused = torch.device(device), dtype, fused
        weights = Weights(folder)
        single, held = torch.float32, torch.float32 if fused else dtype

        def load(name: str, kind: torch.dtype) -> Tensor:
            return torch.from_numpy(weights(name).copy()).to(self.device, kind)

        self.embeddings, self.last_norm = load("embed_tokens.weight", dtype), load("norm.weight", single)
        self.layers: list[list[Adapted]] = []
        self.norms: list[list[Tensor]] = []
        for place in range(self.config.layers):
            at = f"layers.{place}."
            self.norms.append([load(f"{at}{name}.weight", single) for name in NORMS])
            self.layers.append([Adapted(at + name, load(f"{at}{name}.weight", held), rank, seed) for name in MATRICES])
            for one in self.layers[-1]:
                for parameter in one.parameters:
                    parameter.requires_grad_(place >= first_layer)
        config = self.config
        self._shape = Shape(config.heads, config.kv_heads, config.head_dim, config.norm_epsilon, config.attention_scale)
        self._kernels = compiled_kernels() if compile else Kernels()

    @property
    def adapted(self) -> dict[str, Adapted]:
        """Every matrix by its name in the text model."""
        return {one.name: one for row in self.layers for one in row}

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """A and B of every matrix; those of layers that do not learn yet among them."""
        return [parameter for one in self.adapted.values() for parameter in one.parameters]

    def see_embeddings(self, rows: np.ndarray) -> None:
        """From now on tokens are seen as these float32 (tokens, hidden): what a bundle will hold of them.

        The checkpoint that comes of tuning keeps the base's own, so that an export can round them the same way.
        """
        self.embeddings = torch.from_numpy(rows).to(self.device, self.dtype)

    def hidden(self, prefix: Tensor, ids: Tensor) -> Tensor:
        """Last hidden states of rows that follow one prefix: ids (rows, length) to (rows, length, hidden).

        Args:
            prefix: ids (prefix,); it may be empty.
        """
        layout = Layout(len(prefix), *ids.shape)
        x = F.embedding(torch.cat([prefix, ids.reshape(-1)]), self.embeddings) * self.config.hidden_size**0.5
        ropes = {local: self._turns(layout, local) for local in set(self.config.is_local)}
        masks = {local: self._masks(layout, local) for local in ropes}
        for adapted, norms, local in zip(self.layers, self.norms, self.config.is_local, strict=True):
            attend: Callable[..., Tensor]
            if self._fused:
                weights = [one.changed(self.dtype) for one in adapted]
                project = partial(_multiplied, weights)
                attend = partial(attend_fused, layout=layout, masks=masks[local], scale=self._shape.scale)
            else:
                project = partial(_beside, adapted)
                own = masks[local]
                assert own is not None  # by `_masks`, where nothing is fused
                attend = partial(
                    attend_by_products,
                    layout=layout,
                    masks=own,
                    scale=self._shape.scale,
                    kernels=self._kernels,
                )
            x = layer(x, project, norms, ropes[local], attend, self._shape, self._kernels)
        found = self._kernels.rms_norm(x, self.last_norm, self.config.norm_epsilon)
        return found[layout.prefix :].view(layout.rows, layout.length, -1)

    def loss(self, part: Part) -> Tensor:
        """Nats of all answer tokens of a part, summed."""
        prefix, ids, where, wanted = part.tensors(self.device)
        return F.cross_entropy(self.logits(prefix, ids, where), wanted, reduction="sum")

    def logits(self, prefix: Tensor, ids: Tensor, where: Tensor) -> Tensor:
        """Of the next token, after these places of the rows laid end to end: float32 (places, tokens)."""
        return (self.hidden(prefix, ids).flatten(0, 1)[where] @ self.embeddings.T).float()

    def _turns(self, layout: Layout, local: bool) -> tuple[Tensor, Tensor]:
        """cos and sin of every token, (tokens, 1, size), float32."""
        rope: Rope = self.config.local_rope if local else self.config.global_rope
        size = self.config.head_dim
        steps = 1.0 / rope.theta ** (torch.arange(0, size, 2, device=self.device).float() / size)
        turns = layout.positions(self.device).float()[:, None] / rope.factor * steps
        turns = torch.cat([turns, turns], -1)[:, None]
        return turns.cos().to(self.dtype), turns.sin().to(self.dtype)

    def _masks(self, layout: Layout, local: bool) -> tuple[Tensor, Tensor] | None:
        fits = layout.prefix + layout.length <= self.config.window
        if self._fused and not layout.prefix and (fits or not local):
            return None  # plain causal attention: no mask to read
        return layout.masks(self.config.window if local and not fits else None, self.device)


def _multiplied(weights: list[Tensor], place: int, x: Tensor) -> Tensor:
    return F.linear(x, weights[place])


def _beside(adapted: list[Adapted], place: int, x: Tensor) -> Tensor:
    return adapted[place].beside(x)
