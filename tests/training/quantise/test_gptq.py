"""Calibrated rounding: the forward pass it looks into, and what it is better at than rounding to nearest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeler.errors import InputError
from labeler.model.bundle import read_manifest
from labeler.model.decoder import Cache
from labeler.model.engine import Engine
from labeler.model.prefix import PrefixStore
from tests.models import LABELS, write_checkpoint
from training.export.bundle_export import export
from training.model.checkpoint import Weights, read_config
from training.quantise.forward import Layer, gated
from training.quantise.gptq import calibrated, round_for
from training.quantise.quantisation import FOUR_BITS, Grid, parse
from training.quantise.rounding import GivenBlocks, nearest

pytestmark = pytest.mark.training

RNG = np.random.default_rng(5)


def texts(count: int, seed: int = 1) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(7, 430, rng.integers(20, 60)).tolist() for _ in range(count)]


def hidden_states(bundle: Path, sequences: list[list[int]]) -> np.ndarray:
    manifest = read_manifest(bundle)
    engine = Engine(bundle, manifest, PrefixStore(bundle, manifest, None), threads=1)
    caches = [Cache(manifest.shape, len(ids)) for ids in sequences]
    return np.concatenate([engine.continue_(ids, cache, 0) for ids, cache in zip(sequences, caches, strict=True)])


@pytest.mark.parametrize("changes", [{"sliding_window": 16}, {"num_key_value_heads": 2, "query_pre_attn_scalar": 20}])
def test_the_forward_pass_is_that_of_the_runtime(tmp_path: Path, changes: dict[str, Any]) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint", **changes)
    export(checkpoint, LABELS, tmp_path / "bundle", quantise=False)
    config, weights, (ids,) = read_config(checkpoint), Weights(checkpoint), texts(1)
    x = weights("embed_tokens.weight")[ids] * np.float32(config.hidden_size**0.5)
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    for i in range(config.layers):
        layer = Layer(config, i, lambda name, i=i: weights(f"layers.{i}.{name}"))
        project = [weights(f"layers.{i}.self_attn.{part}_proj.weight") for part in "qkv"]
        joined = layer.normed(x, "input_layernorm") @ np.concatenate(project).T
        y = layer.attention(*np.split(joined, [q, q + kv], axis=1)) @ weights(f"layers.{i}.self_attn.o_proj.weight").T
        x = x + layer.normed(y, "post_attention_layernorm")
        h = layer.normed(x, "pre_feedforward_layernorm")
        gate, up, down = (weights(f"layers.{i}.mlp.{part}_proj.weight").T for part in ("gate", "up", "down"))
        x = x + layer.normed(gated(h @ gate, h @ up) @ down, "post_feedforward_layernorm")
    last = Layer(config, 0, lambda name: weights(name)).normed(x, "norm")
    np.testing.assert_allclose(last, hidden_states(tmp_path / "bundle", [ids]), atol=2e-4)


@pytest.mark.parametrize(("columns", "grid"), [(96, Grid(4, 32)), (200, Grid(4, 64)), (64, Grid(8, 32))])
def test_what_the_matrix_computes_changes_less_than_by_rounding_to_nearest(columns: int, grid: Grid) -> None:
    """On inputs that go along with each other, as activations do; the last block is not full."""
    mix = RNG.standard_normal((columns, columns)) * np.exp(-np.arange(columns) / 20)[:, None]
    inputs = (RNG.standard_normal((2000, columns)) @ mix).astype(np.float32)
    matrix = RNG.standard_normal((48, columns)).astype(np.float32)

    def error(rounded: np.ndarray) -> float:
        return float(np.square(inputs @ (rounded - matrix).T).mean())

    blocks = round_for("x", matrix, inputs.T.astype(np.float64) @ inputs / len(inputs), grid)
    assert np.abs(blocks.codes.reshape(48, -1)[:, columns:]).sum() == 0
    assert error(blocks.matrix(columns)) < 0.5 * error(nearest("x", matrix, grid).matrix(columns))


def test_inputs_that_never_occur_do_no_harm() -> None:
    matrix = RNG.standard_normal((16, 64)).astype(np.float32)
    for hessian in (np.zeros((64, 64)), np.diag(np.r_[np.ones(32), np.zeros(32)])):
        np.testing.assert_allclose(round_for("x", matrix, hessian, Grid()).matrix(64), matrix, atol=0.05)
    with pytest.raises(InputError, match="inputs"):
        round_for("x", matrix, np.full((64, 64), np.nan), Grid())


def test_a_whole_model_rounded_for_its_texts_is_nearer_to_the_unrounded_one_on_others(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    form = parse("level=1", FOUR_BITS)
    blocks = calibrated(read_config(checkpoint), Weights(checkpoint), texts(40), form)
    export(checkpoint, LABELS, tmp_path / "exact", quantise=False)
    export(checkpoint, LABELS, tmp_path / "nearest", quantisation=form)
    export(checkpoint, LABELS, tmp_path / "calibrated", quantisation=form, rounding=GivenBlocks(blocks))
    exact, plain, better = (hidden_states(tmp_path / name, texts(12, 9)) for name in ("exact", "nearest", "calibrated"))
    assert np.square(better - exact).mean() < 0.9 * np.square(plain - exact).mean()
