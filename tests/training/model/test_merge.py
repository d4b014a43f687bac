"""Merging without torch, against peft's own sum and with plain transformers as the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, Gemma3ForCausalLM

from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from labeler.model.tensors import TensorFile, write_tensors
from tests.models import tiny_config, write_checkpoint
from training.export.bundle_export import export
from training.model.adapter_files import ADAPTER, ADAPTER_CONFIG, save_trained
from training.model.merge import merge, to_bfloat16

pytestmark = pytest.mark.training

IDS = torch.tensor([[2, 5, 17, 99, 40, 3, 8]])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("base") / "base")


def write_adapter(base: Path, folder: Path, **changes: Any) -> Path:
    """An adapter of random weights, as peft saves it."""
    settings = {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "o_proj", "down_proj"]} | changes
    torch.manual_seed(0)
    model = get_peft_model(Gemma3ForCausalLM.from_pretrained(base), LoraConfig(**settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter) * (0.1 if "lora" in name else 0.05))
    model.save_pretrained(folder)
    return folder


def merged_by_peft(base: Path, adapter: Path) -> dict[str, torch.Tensor]:
    model = PeftModel.from_pretrained(Gemma3ForCausalLM.from_pretrained(base), adapter)
    return dict(model.merge_and_unload().state_dict())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True},
        {"alpha_pattern": {"q_proj": 4}, "rank_pattern": {"o_proj": 2}},
    ],
    ids=["lora", "rslora", "patterns"],
)
def test_a_merged_weight_is_base_plus_adapter_rounded_once(
    base: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    adapter = write_adapter(base, tmp_path / "adapter", **settings)
    file = TensorFile(merge(base, adapter, tmp_path / "merged") / "model.safetensors")
    expected = merged_by_peft(base, adapter)
    untouched = TensorFile(base / "model.safetensors")
    changed = 0
    for name in file.names:
        wanted, before = expected[name].numpy(), untouched.as_float32(name)
        # Half a step of bfloat16, and what two orders of summing in single precision may differ by.
        assert np.abs(file.as_float32(name) - wanted).max() <= (np.abs(wanted).max() / 256) + 1e-6, name
        close = np.isclose(file.as_float32(name), wanted, rtol=2**-8, atol=1e-6)
        assert close.all(), name
        changed += not np.allclose(wanted, before, rtol=2**-6, atol=1e-3)
    assert changed >= 9
    assert set(file.names) == set(untouched.names)


def test_tensors_that_were_trained_whole_replace_those_of_the_base(base: Path, tmp_path: Path) -> None:
    model = get_peft_model(Gemma3ForCausalLM.from_pretrained(base), LoraConfig(target_modules=["q_proj"]))
    trained = {
        name: parameter
        for name, parameter in model.named_parameters()
        if "embed_tokens" in name or "layers.1.input_layernorm" in name
    }
    with torch.no_grad():
        for parameter in trained.values():
            parameter.requires_grad_(True)
            parameter.mul_(3.0)
    save_trained(model, tmp_path / "adapter")
    merged = TensorFile(merge(base, tmp_path / "adapter", tmp_path / "merged") / "model.safetensors")
    before = TensorFile(base / "model.safetensors")
    changed = {name for name in merged.names if not np.allclose(merged.as_float32(name), before[name], rtol=2**-7)}
    assert changed == {"model.embed_tokens.weight", "model.layers.1.input_layernorm.weight"}
    for name in changed:
        assert np.allclose(merged.as_float32(name), 3 * before[name], rtol=2**-8)


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_a_share_of_the_way_from_base_to_tuned_is_merged(base: Path, tmp_path: Path, share: float) -> None:
    model = get_peft_model(Gemma3ForCausalLM.from_pretrained(base), LoraConfig(target_modules=["q_proj"]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
            if "embed_tokens" in name:
                parameter.requires_grad_(True)
                parameter.mul_(3.0)
    save_trained(model, tmp_path / "adapter")
    before = TensorFile(base / "model.safetensors")
    whole, part = (
        TensorFile(merge(base, tmp_path / "adapter", tmp_path / f"merged-{way}", share=way) / "model.safetensors")
        for way in (1.0, share)
    )
    for name in ("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"):
        start, end = before.as_float32(name), whole.as_float32(name)
        assert not np.allclose(start, end, atol=1e-2)
        assert np.allclose(part.as_float32(name), start + share * (end - start), rtol=2**-6, atol=1e-2)


def test_plain_transformers_loads_the_merged_folder_and_says_what_the_adapted_model_says(
    base: Path, tmp_path: Path
) -> None:
    adapter = write_adapter(base, tmp_path / "adapter", use_rslora=True)
    merged = merge(base, adapter, tmp_path / "merged")
    model = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(Gemma3ForCausalLM.from_pretrained(base), adapter)
    plain = Gemma3ForCausalLM.from_pretrained(base)
    with torch.no_grad():
        ours, theirs, before = (m(IDS).logits for m in (model, adapted, plain))
    assert isinstance(model, Gemma3ForCausalLM)
    assert AutoModelForCausalLM.from_pretrained(merged).dtype == torch.bfloat16
    assert (ours - theirs).abs().max() < 0.05 * (before - theirs).abs().max()


def test_the_text_part_of_a_multimodal_base_is_merged_and_exported(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    whole = tmp_path / "multimodal"
    whole.mkdir()
    text = tiny_config()
    # Google's own files of Gemma 3 4B leave these to the library's defaults.
    for key in ("vocab_size", "num_attention_heads", "num_key_value_heads", "head_dim"):
        del text[key]
    document = {"model_type": "gemma3", "text_config": text, "vision_config": {}, "eos_token_id": [1, 106]}
    (whole / "config.json").write_text(json.dumps(document))
    (whole / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    file = TensorFile(base / "model.safetensors")
    tensors = {name.replace("model.", "language_model.model.", 1): file[name] for name in file.names}
    write_tensors(whole / "model.safetensors", tensors | {"vision_tower.weight": np.zeros(3, np.float32)})

    merged, expected = merge(whole, adapter, tmp_path / "a"), merge(base, adapter, tmp_path / "b")
    assert (merged / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()
    export(merged, LabelSet((Label("bug"),)), tmp_path / "bundle")


def test_rounding_to_bfloat16_is_torchs(base: Path) -> None:
    numbers = np.random.default_rng(0).standard_normal(10_000, dtype=np.float32)
    numbers[:3] = 1.00390625, 1.01171875, 0.0  # two ties, of which one is rounded down and one up
    theirs = torch.from_numpy(numbers).to(torch.bfloat16).view(torch.uint16).numpy()
    assert (to_bfloat16(numbers) == theirs).all()


def test_a_base_of_another_size_is_named_and_nothing_is_left_behind(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    other = write_checkpoint(tmp_path / "other", intermediate_size=96)
    with pytest.raises(InputError, match=r"down_proj.*\(64, 128\), the base has \(64, 96\)"):
        merge(other, adapter, tmp_path / "merged")
    assert not list(tmp_path.glob("merged*"))


def test_a_base_with_fewer_layers_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    other = write_checkpoint(tmp_path / "other", num_hidden_layers=2)
    with pytest.raises(InputError, match=r"adapts layers\.2\..*does not have"):
        merge(other, adapter, tmp_path / "merged")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use_dora": True}, "use_dora is set"),
        ({"peft_type": "IA3"}, "an adapter of type IA3"),
    ],
)
def test_an_adapter_that_is_more_than_lora_is_refused(
    base: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    config = json.loads((adapter / ADAPTER_CONFIG).read_text())
    (adapter / ADAPTER_CONFIG).write_text(json.dumps(config | changes))
    with pytest.raises(InputError, match=said):
        merge(base, adapter, tmp_path / "merged")


def test_an_adapter_with_a_tensor_of_another_kind_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter", modules_to_save=["embed_tokens"])
    with pytest.raises(InputError, match="cannot merge .*embed_tokens"):
        merge(base, adapter, tmp_path / "merged")


@pytest.mark.parametrize("settings", [{"target_modules": ["q_proj", "lm_head"]}, {"modules_to_save": ["lm_head"]}])
def test_an_adapter_of_the_output_layer_is_told_what_to_do_instead(
    base: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    adapter = write_adapter(base, tmp_path / "adapter", **settings)
    with pytest.raises(InputError, match=r"lm_head[^\n]*\nEmbeddings and output layer are one matrix here"):
        merge(base, adapter, tmp_path / "merged")


def test_what_peft_merges_into_an_output_layer_of_its_own_is_not_exported(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter", modules_to_save=["embed_tokens"])
    model = PeftModel.from_pretrained(Gemma3ForCausalLM.from_pretrained(base), adapter).merge_and_unload()
    model.save_pretrained(tmp_path / "merged")
    (tmp_path / "merged" / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    names = TensorFile(tmp_path / "merged" / "model.safetensors").names
    assert "lm_head.weight" in names
    with pytest.raises(InputError, match=r"lm_head\.weight differs from the embeddings"):
        export(tmp_path / "merged", LabelSet((Label("bug"),)), tmp_path / "bundle")


def test_half_an_adapter_and_a_quantised_base_are_refused(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    file = TensorFile(adapter / ADAPTER)
    half = {name: np.array(file[name]) for name in file.names if "lora_A" in name}
    quantised = write_checkpoint(tmp_path / "quantised", quantization_config={"load_in_4bit": True})
    with pytest.raises(InputError, match="quantised"):
        merge(quantised, adapter, tmp_path / "merged")
    write_tensors(adapter / ADAPTER, half)
    with pytest.raises(InputError, match="incomplete"):
        merge(base, adapter, tmp_path / "merged")
