"""Calibrated rounding: codes that change least of what a matrix computes on real text, not of its weights.

Frantar et al. 2022, GPTQ (arXiv:2210.17323). The error of a matrix W with inputs X is ||W X - Q X||^2, whose Hessian
in each row of W is H = X X^T. Columns are rounded one after the other, those first whose inputs are largest, and what
rounding one does wrong is made up for in those that are not rounded yet, as far as their inputs go along with its own.
Matrices are taken in the order of the computation, each with the inputs that the rounded ones before it leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from training.export.embeddings import NAME, held, rounded_embeddings
from training.model.checkpoint import Config, Weights
from training.quantise.forward import Layer, gated
from training.quantise.quantisation import Grid, Quantisation
from training.quantise.rounding import Blocks, Rounding, best_scales, in_blocks, nearest, refuse_non_finite

Array = np.ndarray
_DAMPING = 0.01  # of the mean input, added to every input's own: directions without any could not be inverted
_COLUMNS = 128  # rounded before the columns further on are told


def calibrated(
    config: Config,
    weights: Weights,
    sequences: Sequence[Sequence[int]],
    quantisation: Quantisation,
    *,
    rounding: Rounding = nearest,
    fine: Sequence[int] = (),
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Blocks]:
    """All matrices, the decoder's rounded for the texts `sequences` (token ids), by name: for `GivenBlocks`.

    Args:
        rounding: of the embeddings, whose rows are the first inputs.
        fine: tokens whose embeddings are in 8 bits.

    Raises:
        InputError: a weight is missing or no finite number.
    """
    blocks = rounded_embeddings(weights, quantisation, rounding)
    found, rows = {NAME: blocks}, held(blocks, weights, fine, config.hidden_size)
    scale = np.float32(config.hidden_size**0.5)
    states = [rows[np.asarray(ids)] * scale for ids in sequences]
    del rows
    for index in range(config.layers):
        progress(f"calibrated rounding, layer {index + 1} of {config.layers}")
        states = _layer(config, weights, index, states, quantisation, found)
    return found


def _layer(
    config: Config, weights: Weights, index: int, states: list[Array], form: Quantisation, found: dict[str, Blocks]
) -> list[Array]:
    """Rounds one layer's matrices into `found`; returns what the rounded layer makes of `states`."""
    layer = Layer(config, index, lambda name: weights(f"layers.{index}.{name}"))

    def rounded(parts: Sequence[str], inputs: Callable[[], Iterator[Array]]) -> Array:
        """The matrices of the same inputs, one below the other, transposed: float32 (in, out)."""
        names = [f"{index}.{part}_proj" for part in parts]
        matrices = [weights(f"layers.{name}.weight") for name in names]
        grid = form.grid(names[0])
        blocks = round_for("+".join(names), np.concatenate(matrices), _hessian(inputs()), grid)
        ends = np.cumsum([len(matrix) for matrix in matrices])[:-1]
        for name, codes, scales in zip(names, np.split(blocks.codes, ends), np.split(blocks.scales, ends), strict=True):
            found[name] = Blocks(codes, scales)
        return np.ascontiguousarray(blocks.matrix(matrices[0].shape[1]).T)

    def before(name: str) -> Iterator[Array]:
        return (layer.normed(x, name) for x in states)

    qkv = rounded([f"self_attn.{part}" for part in "qkv"], lambda: before("input_layernorm"))
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    mixed = [layer.attention(*np.split(x @ qkv, [q, q + kv], axis=1)) for x in before("input_layernorm")]
    o = rounded(["self_attn.o"], lambda: iter(mixed))
    states = [x + layer.normed(y @ o, "post_attention_layernorm") for x, y in zip(states, mixed, strict=True)]
    gate_up = rounded(["mlp.gate", "mlp.up"], lambda: before("pre_feedforward_layernorm"))
    inner = [gated(*np.split(x @ gate_up, 2, axis=1)) for x in before("pre_feedforward_layernorm")]
    down = rounded(["mlp.down"], lambda: iter(inner))
    return [x + layer.normed(y @ down, "post_feedforward_layernorm") for x, y in zip(states, inner, strict=True)]


def _hessian(inputs: Iterator[Array]) -> Array:
    """Mean of x x^T over all tokens: float64 (in, in)."""
    total: Array | None = None
    count = 0
    for x in inputs:
        product = (x.T @ x).astype(np.float64)
        total = product if total is None else total + product
        count += len(x)
    assert total is not None
    return total / count


def round_for(name: str, matrix: Array, hessian: Array, grid: Grid) -> Blocks:
    """A matrix (out, in) rounded for inputs with this mean x x^T (in, in).

    Raises:
        InputError: a weight is no finite number, or the inputs are not.
    """
    refuse_non_finite(name, matrix)
    refuse_non_finite(f"{name}: inputs", hessian)
    columns = matrix.shape[1]
    strength = hessian.diagonal() + _DAMPING * max(float(hessian.diagonal().mean()), 1e-12)
    importance = in_blocks(strength[None].astype(np.float32), grid.block)[0]
    stored = best_scales(name, in_blocks(matrix, grid.block), grid, importance)
    scales = np.repeat(stored.astype(np.float32), grid.block, axis=1)[:, :columns]
    safe = np.where(scales == 0, np.float32(np.inf), scales)
    order = np.argsort(-strength, kind="stable")
    left, scales, safe = (np.ascontiguousarray(each.T[order]) for each in (matrix, scales, safe))  # (in, out)
    upper = _upper(hessian[np.ix_(order, order)] + np.diag((strength - hessian.diagonal())[order]))
    codes = np.empty(left.shape, dtype=np.int8)
    for start in range(0, columns, _COLUMNS):
        stop = min(start + _COLUMNS, columns)
        errors = np.empty((stop - start, len(matrix)), dtype=np.float32)
        for i in range(start, stop):
            code = np.rint(left[i] / safe[i]).clip(grid.lowest, -grid.lowest - 1)
            codes[i] = code
            errors[i - start] = (left[i] - code * scales[i]) / upper[i, i]
            left[i + 1 : stop] -= upper[i, i + 1 : stop, None] * errors[i - start]
        left[stop:] -= upper[start:stop, stop:].T @ errors
    back = np.empty_like(order)
    back[order] = np.arange(columns)
    padded = in_blocks(codes[back].T.astype(np.float32), grid.block)
    return Blocks(padded.astype(np.int8), stored)


def _upper(hessian: Array) -> Array:
    """The upper Cholesky factor of the inverse: float32 (in, in)."""
    inverse = np.linalg.inv(hessian)
    factor: Array = np.linalg.cholesky((inverse + inverse.T) / 2).T
    return np.ascontiguousarray(factor, dtype=np.float32)
