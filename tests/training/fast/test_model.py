"""The fast model computes what transformers and peft compute, with a shared prefix and with rounded weights too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import Gemma3ForCausalLM

from labeler.errors import InputError
from tests.models import write_checkpoint
from training.export.embeddings import held, rounded_embeddings
from training.fast.adapter import load_adapter, write_adapter
from training.fast.grid import best_scales, rounded
from training.fast.lora import Rank
from training.fast.merged import write_merged
from training.fast.model import Gemma
from training.fast.parts import Part, Row, split
from training.model.checkpoint import Weights
from training.quantise.quantisation import FOUR_BITS, Grid
from training.quantise.rounding import coded, in_blocks, nearest

pytestmark = pytest.mark.training

torch.set_num_threads(1)
RANK = Rank(4, 8.0, rslora=True)
PREFIX = [2, 17, 30, 31, 44, 9, 12]
WAYS = pytest.mark.parametrize("fused", [False, True], ids=["beside", "fused"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two key/value heads, and a window that the prefix with a row does not fit into."""
    return write_checkpoint(tmp_path_factory.mktemp("base") / "base", num_key_value_heads=2, sliding_window=16)


def rows(count: int = 3, seed: int = 0) -> list[Row]:
    draw = torch.Generator().manual_seed(seed)
    return [
        Row(torch.randint(5, 200, (4 + 5 * place,), generator=draw).tolist(), [50 + place, 7, 1])
        for place in range(count)
    ]


def gemma(folder: Path, **how: Any) -> Gemma:
    """With an adapter that changes something: a fresh one's B is zero."""
    model = Gemma(folder, RANK, **how)
    draw = torch.Generator().manual_seed(3)
    for one in model.adapted.values():
        one.set(one.a.detach(), torch.randn(one.b.shape, generator=draw) * 0.05)
    return model


def by_peft(folder: Path, model: Gemma, tmp_path: Path) -> PeftModel:
    """transformers' model with the same adapter, by way of its files."""
    write_adapter(tmp_path / "adapter", model.adapted, RANK, "base")
    causal = Gemma3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return PeftModel.from_pretrained(causal, tmp_path / "adapter", is_trainable=True)


def peft_loss(model: Any, part: Part) -> torch.Tensor:
    """Rows by themselves, each with the prefix, without filling."""
    total = torch.zeros(())
    for row in part.rows:
        ids = torch.tensor([part.prefix + row.issue + row.answer])
        logits = model(input_ids=ids).logits[0, -len(row.answer) - 1 : -1]
        total = total + torch.nn.functional.cross_entropy(logits, torch.tensor(row.answer), reduction="sum")
    return total


@WAYS
def test_hidden_states_are_those_of_transformers(folder: Path, fused: bool, tmp_path: Path) -> None:
    model = gemma(folder, fused=fused)
    causal = by_peft(folder, model, tmp_path)
    ids = torch.randint(5, 200, (2, 24))
    with torch.no_grad():
        alone = model.hidden(torch.tensor([], dtype=torch.long), ids)
        after = model.hidden(torch.tensor(PREFIX), ids)
        wanted = causal.base_model.model.model(input_ids=ids).last_hidden_state
        whole = torch.cat([torch.tensor([PREFIX, PREFIX]), ids], 1)
        wanted_after = causal.base_model.model.model(input_ids=whole).last_hidden_state[:, len(PREFIX) :]
    assert torch.allclose(alone, wanted, atol=1e-4)
    assert torch.allclose(after, wanted_after, atol=1e-4)


@WAYS
def test_one_prefix_for_all_gives_loss_and_gradients_of_separate_rows(
    folder: Path, fused: bool, tmp_path: Path
) -> None:
    model, part = gemma(folder, fused=fused), Part(PREFIX, rows())
    causal = by_peft(folder, model, tmp_path)
    loss, wanted = model.loss(part), peft_loss(causal, part)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-4)
    loss.backward()
    wanted.backward()
    found = dict(causal.named_parameters())
    for name, one in model.adapted.items():
        for side, parameter in (("A", one.a), ("B", one.b)):
            gradient = found[f"base_model.model.model.{name}.lora_{side}.default.weight"].grad
            assert gradient.abs().max() > 0.01
            assert torch.allclose(parameter.grad, gradient, atol=1e-4), (name, side)


@WAYS
def test_embeddings_are_seen_as_the_bundle_will_hold_them_and_written_as_the_base_has_them(
    folder: Path, fused: bool, tmp_path: Path
) -> None:
    model, part, weights = gemma(folder, fused=fused), Part(PREFIX, rows()), Weights(folder)
    exact = weights("embed_tokens.weight")
    assert not np.array_equal(exact, torch.from_numpy(exact.copy()).bfloat16().float().numpy()), "of single precision"
    before = model.loss(part).item()
    blocks = rounded_embeddings(weights, FOUR_BITS, nearest)
    seen = held(blocks, weights, [17, 5], exact.shape[1])
    assert np.abs(seen - exact)[[5, 17]].max() < 0.1 * np.abs(seen - exact).max()
    model.see_embeddings(seen)
    loss = model.loss(part).item()
    assert abs(loss - before) > 1e-4
    causal = by_peft(folder, model, tmp_path)
    causal.get_input_embeddings().weight.data.copy_(torch.from_numpy(seen))
    assert loss == pytest.approx(peft_loss(causal, part).item(), abs=1e-4), "as input rows and as output layer"
    write_merged(model, tmp_path / "merged")
    assert np.array_equal(Weights(tmp_path / "merged")("embed_tokens.weight"), exact)


def test_scales_in_bytes_are_those_that_an_export_keeps() -> None:
    weight = torch.randn(16, 128, generator=torch.Generator().manual_seed(2))
    weight[0, :32] *= 1e-4  # beside the row's others its scale is nothing
    weight[1] = 0
    grid = Grid(4, 32, "byte")
    scales = best_scales(weight, grid)
    assert scales[0, 0] == 0
    seen = rounded(weight, scales, grid)
    assert seen.isfinite().all()
    blocks = coded("x", in_blocks(weight.numpy(), 32), scales.numpy(), grid)
    assert np.array_equal(blocks.matrix(128), seen.numpy())


def test_scales_are_half_precision_and_better_than_the_largest_weights(folder: Path) -> None:
    weight = torch.randn(16, 64, generator=torch.Generator().manual_seed(1))
    weight[0] = 0
    grid = Grid(4, 32)
    scales = best_scales(weight, grid)
    assert torch.equal(scales, scales.half().float())
    assert scales.shape == (16, 2)
    plain = weight.view(16, 2, 32).abs().amax(-1) / 7
    errors = [(rounded(weight, found, grid)[1:] - weight[1:]).pow(2).sum() for found in (scales, plain)]
    assert errors[0] < 0.9 * errors[1]
    assert not rounded(weight, scales, grid)[0].any()
    with pytest.raises(InputError, match="blocks of 32"):
        best_scales(weight[:, :40], grid)


def test_layers_below_the_first_do_not_learn(folder: Path) -> None:
    model, part = Gemma(folder, RANK, first_layer=2), Part(PREFIX, rows(1))
    model.loss(part).backward()
    assert [bool(one[0].b.grad is not None) for one in model.layers] == [False, False, True]


def test_an_adapter_goes_on_where_it_was_and_a_wrong_one_is_refused(folder: Path, tmp_path: Path) -> None:
    model = gemma(folder)
    write_adapter(tmp_path / "adapter", model.adapted, RANK, "base")
    for path in (tmp_path / "adapter", tmp_path / "adapter" / "adapter_model.safetensors"):
        again = Gemma(folder, RANK, first_layer=3)
        load_adapter(path, again.adapted, RANK)
        part = Part(PREFIX, rows())
        assert again.loss(part).item() == pytest.approx(model.loss(part).item(), abs=1e-5)
    with pytest.raises(InputError, match="scaled by 4"):
        load_adapter(tmp_path / "adapter", model.adapted, Rank(4, 8.0, rslora=False))
    other = Rank(8, 8.0 * 2**0.5, rslora=True)
    with pytest.raises(InputError, match=r"layers.0.self_attn.q_proj is"):
        load_adapter(tmp_path / "adapter", Gemma(folder, other).adapted, other)


@WAYS
def test_in_sixteen_bits_it_computes_nearly_the_same(folder: Path, fused: bool) -> None:
    exact, part = gemma(folder), Part(PREFIX, rows())
    short = gemma(folder, dtype=torch.bfloat16, fused=fused)
    assert short.loss(part).item() == pytest.approx(exact.loss(part).item(), rel=0.02)
    for model in (exact, short):
        model.loss(part).backward()
    for one, other in zip(exact.adapted.values(), short.adapted.values(), strict=True):
        assert other.b.grad.dtype == torch.float32
        alike = torch.nn.functional.cosine_similarity(one.b.grad.flatten(), other.b.grad.flatten(), 0)
        assert alike > 0.98, one.name


def test_rows_are_cut_into_parts_of_like_length() -> None:
    parts = split(PREFIX, rows(6), 40)
    assert sorted(row for part in parts for row in part.rows) == sorted(rows(6))
    assert all(len(part.rows) == 1 or len(part.rows) * part.length <= 40 for part in parts)
    assert [part.length for part in parts] == sorted(part.length for part in parts)
    assert parts[0].tokens == len(PREFIX) + len(parts[0].rows) * parts[0].length
