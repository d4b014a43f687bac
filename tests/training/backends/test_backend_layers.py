"""However layers are computed, a batch has the loss and the gradients that transformers and peft give it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import Gemma3ForCausalLM

from labeler.errors import InputError
from tests.training.small import small_settings, write_base
from training import backends
from training.backends import attention, choose_backend, fast, load_model
from training.fast.layers import Kernels, rms_norm
from training.model.base import Base
from training.rows.collate import UNCOUNTED, count_answers_only
from training.tuning.device import Device, Numerics, choose_numerics

pytestmark = pytest.mark.training

FP32 = Numerics("fp32", "adamw_torch", False)
WINDOW = 32
SETTINGS = small_settings(targets=("q_proj", "v_proj", "o_proj", "up_proj", "down_proj"))
LENGTHS = (20, WINDOW, 3 * WINDOW + 1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return Base("base", "", str(write_base(tmp_path_factory.mktemp("base") / "b", sliding_window=WINDOW)))


def batch(length: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, targets, and how much of each of three rows is no filling."""
    generator = torch.Generator().manual_seed(length)
    ids = torch.randint(8, 300, (3, length), generator=generator)
    targets, lengths = torch.full_like(ids, UNCOUNTED), torch.tensor([length, length - 7, length - 1])
    for row, end in enumerate(lengths):
        targets[row, end - 4 : end] = ids[row, end - 4 : end]
        ids[row, end:] = 0
    return ids, targets, lengths


def changed(model: Any) -> Any:
    """With the second half of every adapter drawn too: at zero it hides what is wrong with the first."""
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            generator = torch.Generator().manual_seed(len(name) + int(name.split("layers.")[1][0]))
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    return model.train()


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    loss.backward()
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def by_the_libraries(base: Base, length: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """transformers and peft as they come, with a mask over what rows are filled up with."""
    ids, targets, lengths = batch(length)
    model = Gemma3ForCausalLM.from_pretrained(base.path, dtype=torch.float32)
    adapter = LoraConfig(r=4, lora_alpha=4, use_rslora=True, target_modules=list(SETTINGS.targets))
    tuned = changed(get_peft_model(model, adapter))
    mask = (torch.arange(length) < lengths[:, None]).long()
    logits = tuned(input_ids=ids, attention_mask=mask).logits
    loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=UNCOUNTED, reduction="sum")
    return loss.detach(), gradients(tuned, loss)


@pytest.mark.parametrize("length", LENGTHS)
def test_no_backend_changes_losses_or_gradients(base: Base, length: int) -> None:
    expected, wanted = by_the_libraries(base, length)
    ids, targets, _ = batch(length)
    for backend, checkpointing in (("peft", False), ("peft", True), ("fast", False), ("fast", True)):
        model = changed(load_model(backend, base, SETTINGS, FP32, checkpointing))
        count_answers_only(model.get_base_model())
        loss = model(input_ids=ids, targets=targets)["loss"]
        torch.testing.assert_close(loss.detach(), expected, rtol=1e-5, atol=0)
        found = gradients(model, loss)
        assert found.keys() == wanted.keys()
        for name in wanted:
            torch.testing.assert_close(found[name], wanted[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("heads", "key_heads", "length", "window"), [(4, 1, 150, None), (4, 2, 150, 70), (2, 2, 9, 3)])
def test_attention_in_blocks_is_attention(heads: int, key_heads: int, length: int, window: int | None) -> None:
    torch.manual_seed(0)
    given = [torch.randn(2, count, length, 8, requires_grad=True) for count in (heads, key_heads, key_heads)]
    distance = torch.arange(length)[:, None] - torch.arange(length)
    mask = (distance >= 0) & (distance < (window or length))
    expected = functional.scaled_dot_product_attention(*given, attn_mask=mask, scale=0.3, enable_gqa=True)
    found = attention.attend(given[0], given[1], given[2], 0.3, window)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    towards = torch.randn(found.shape)
    for got, wanted in zip(
        torch.autograd.grad(found, given, towards), torch.autograd.grad(expected, given, towards), strict=True
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backend", ["peft", "fast"])
def test_large_batches_alone_are_computed_again(base: Base, backend: str) -> None:
    model = load_model(backend, base, SETTINGS, FP32, True, above=3 * 40)
    count_answers_only(model.get_base_model())

    def kept(length: int) -> float:
        """Bytes a token for the backward pass."""
        ids, targets, _ = batch(length)
        sizes: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model.train()(input_ids=ids, targets=targets)
        return sum(sizes.values()) / ids.numel()

    assert kept(41) < 0.5 * kept(40)


def test_batches_of_all_sizes_share_two_graphs_a_kernel(base: Base) -> None:
    """What a GPU compiles, without the compiler's last step: forward and, with gradients, anew."""
    tuned = changed(load_model("fast", base, SETTINGS, FP32, False))
    body = tuned.get_base_model().model
    plain, layers = fast.Layers(body, torch.float32, False), fast.Layers(body, torch.float32, False)
    graphs = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    kernels = fields(layers._kernels)
    whole = {kernel.name: getattr(layers._kernels, kernel.name) for kernel in kernels}
    layers._kernels = Kernels(
        **{name: torch.compile(kernel, fullgraph=True, dynamic=True, backend=backend) for name, kernel in whole.items()}
    )
    with torch.no_grad():
        for length in (20, 25, 3 * WINDOW + 1):
            ids, _, _ = batch(length)
            torch.testing.assert_close(layers(ids, False), plain(ids, False), rtol=1e-5, atol=1e-5)
    assert 4 <= len(graphs) <= 2 * len(whole)


def test_where_nothing_can_be_compiled_kernels_run_as_they_are(base: Base, capsys: pytest.CaptureFixture[str]) -> None:
    tuned = changed(load_model("fast", base, SETTINGS, FP32, False))
    layers = fast.Layers(tuned.get_base_model().model, torch.float32, False)
    ids, _, _ = batch(20)
    expected = layers(ids, False)

    def broken(*_: Any) -> Any:
        raise OSError("no compiler")

    layers._kernels = Kernels(rms_norm=torch.compile(rms_norm, backend=broken))
    torch.testing.assert_close(layers(ids, False), expected)
    assert capsys.readouterr().err.count("nothing can be compiled here") == 1


@pytest.mark.parametrize(
    ("asked", "cuda", "installed", "processes", "chosen"),
    [
        ("auto", False, {"unsloth"}, 1, "peft"),
        ("auto", True, {"unsloth", "bitsandbytes"}, 1, "unsloth"),
        ("auto", True, {"unsloth"}, 1, "fast"),
        ("auto", True, {"unsloth", "bitsandbytes"}, 2, "fast"),
        ("auto", True, set(), 1, "fast"),
        ("unsloth", False, {"unsloth"}, 1, "unsloth"),
        ("unsloth", True, {"unsloth", "bitsandbytes"}, 1, "unsloth"),
        ("fast", False, set(), 1, "fast"),
        ("peft", True, {"unsloth"}, 1, "peft"),
    ],
)
def test_the_backend_follows_what_is_there(
    monkeypatch: pytest.MonkeyPatch, asked: str, cuda: bool, installed: set[str], processes: int, chosen: str
) -> None:
    pretend(monkeypatch, cuda, installed)
    assert choose_backend(asked, processes=processes) == chosen


def test_unsloth_on_a_gpu_without_bitsandbytes_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, True, {"unsloth"})
    with pytest.raises(InputError, match="needs bitsandbytes on a GPU") as refused:
        choose_backend("unsloth")
    assert "pip install bitsandbytes" in refused.value.remedy
    assert "peft" in refused.value.remedy


def test_where_the_fast_layers_do_not_work_peft_does_and_the_plan_says_so(base: Base) -> None:
    settings = small_settings(dropout=0.1)
    (note,) = choose_numerics(settings, "fast", Device("cpu", "CPU", 2**33, False)).notes
    assert "dropout" in note
    body = load_model("fast", base, settings, FP32, False).train().get_base_model().model
    ids, _, _ = batch(20)
    changed(body)
    first, second = (body(input_ids=ids, use_cache=False).last_hidden_state for _ in range(2))
    assert not torch.equal(first, second)


def pretend(monkeypatch: pytest.MonkeyPatch, cuda: bool, installed: set[str]) -> None:
    monkeypatch.setattr(backends, "has_cuda", lambda: cuda)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if name in installed else None)
