from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM

from labeler.errors import InputError
from labeler.model.bundle import read_manifest, verify
from labeler.model.predict import Labeler
from labeler.model.tensors import TensorFile
from labeler.text.issue import Issue
from tests.models import LABELS, tokenizer_json, write_checkpoint
from training.cli import main
from training.export.bundle_export import export
from training.model.checkpoint import read_config

pytestmark = pytest.mark.training

ISSUE = Issue("The application crashes", "when I open the settings page")


def saved_by_transformers(folder: Path, dtype: torch.dtype, stored: torch.dtype, **options: object) -> Path:
    """A checkpoint as save_pretrained writes it: weights rounded to `dtype`, in files of the type `stored`."""
    model = Gemma3ForCausalLM.from_pretrained(write_checkpoint(folder / "source"), dtype=dtype)
    out = folder / f"saved-{stored}"
    model.to(stored).save_pretrained(out, **options)
    (out / "tokenizer.json").write_text(tokenizer_json())
    return out


def probabilities(checkpoint: Path, out: Path) -> np.ndarray:
    export(checkpoint, LABELS, out, quantise=False)
    return np.array(list(Labeler(out).predict(ISSUE).probabilities.values()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_precision_is_read(tmp_path: Path, dtype: torch.dtype) -> None:
    short = probabilities(saved_by_transformers(tmp_path, dtype, stored=dtype), tmp_path / "a")
    long = probabilities(saved_by_transformers(tmp_path, dtype, stored=torch.float32), tmp_path / "b")
    np.testing.assert_array_equal(short, long)


def test_a_sharded_checkpoint_equals_one_in_a_single_file(tmp_path: Path) -> None:
    sharded = saved_by_transformers(tmp_path, torch.float32, torch.float32, max_shard_size="100KB")
    assert len(list(sharded.glob("*.safetensors"))) > 1
    plain = probabilities(write_checkpoint(tmp_path / "plain"), tmp_path / "a")
    np.testing.assert_array_equal(plain, probabilities(sharded, tmp_path / "b"))


def test_transformers_4_style_settings_mean_the_same(tmp_path: Path) -> None:
    new, old = write_checkpoint(tmp_path / "new"), write_checkpoint(tmp_path / "old")
    config = json.loads((old / "config.json").read_text())
    del config["rope_parameters"], config["layer_types"]
    config |= {"rope_theta": 1_000_000.0, "rope_local_base_freq": 10_000.0, "sliding_window_pattern": 3}
    (old / "config.json").write_text(json.dumps(config))
    assert read_config(old) == read_config(new)


def test_text_weights_inside_a_larger_model_are_found(tmp_path: Path) -> None:
    """From 4B on, Gemma 3 checkpoints hold an image model too: text settings and weights are nested."""
    from labeler.model.tensors import write_tensors

    plain, nested = write_checkpoint(tmp_path / "plain"), write_checkpoint(tmp_path / "nested")
    file = TensorFile(plain / "model.safetensors")
    write_tensors(nested / "model.safetensors", {f"language_model.{name}": file[name] for name in file.names})
    config = json.loads((plain / "config.json").read_text())
    (nested / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": config}))
    np.testing.assert_array_equal(probabilities(plain, tmp_path / "a"), probabilities(nested, tmp_path / "b"))


def test_the_command_writes_a_bundle_that_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    (tmp_path / "labels.yml").write_text("- bug\n- question\n")
    command = ["export", "--checkpoint", str(checkpoint), "--labels", str(tmp_path / "labels.yml")]
    assert main([*command, "--out", str(tmp_path / "bundle"), "--name", "mine", "--version", "7"]) == 0
    verify(tmp_path / "bundle")
    assert read_manifest(tmp_path / "bundle").quantisation == "int8"
    assert "mine 7, 2 labels" in capsys.readouterr().out


def test_eight_bit_bundles_are_a_quarter_as_large(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint", hidden_size=256, intermediate_size=1024)
    sizes = {}
    for quantise in (True, False):
        export(checkpoint, LABELS, tmp_path / str(quantise), quantise=quantise)
        names = ("decoder.bin", "embeddings.safetensors")
        sizes[quantise] = sum((tmp_path / str(quantise) / name).stat().st_size for name in names)
    assert sizes[True] < 0.32 * sizes[False]


REFUSED = {
    "gemma3_text": ({"model_type": "llama"}, "only Gemma 3 text models"),
    "soft-capping": ({"final_logit_softcapping": 30.0}, "final_logit_softcapping is set"),
    "activation": ({"hidden_activation": "relu"}, "hidden_activation 'relu'"),
    "rope": (
        {
            "rope_parameters": {
                "sliding_attention": {"rope_theta": 1e4},
                "full_attention": {"rope_type": "yarn", "rope_theta": 1e6},
            }
        },
        "rope type 'yarn'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_graph_does_not_do_is_refused(tmp_path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    checkpoint = write_checkpoint(tmp_path / "checkpoint", **changes)
    with pytest.raises(InputError, match=f"(?i){message}"):
        export(checkpoint, LABELS, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_an_adapter_is_told_from_a_merged_model(tmp_path: Path) -> None:
    from labeler.model.tensors import write_tensors

    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    write_tensors(checkpoint / "model.safetensors", {"base.q_proj.lora_A.weight": np.zeros((1, 1), np.float32)})
    with pytest.raises(InputError, match="merge it into its base first"):
        export(checkpoint, LABELS, tmp_path / "bundle")


def test_an_incomplete_checkpoint_names_the_tensor(tmp_path: Path) -> None:
    from labeler.model.tensors import write_tensors

    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    file = TensorFile(checkpoint / "model.safetensors")
    kept = {name: file[name].copy() for name in file.names if "layers.1.mlp.up_proj" not in name}
    write_tensors(checkpoint / "model.safetensors", kept)
    with pytest.raises(InputError, match=r"no tensor model.layers.1.mlp.up_proj.weight"):
        export(checkpoint, LABELS, tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_folder_that_is_no_bundle_is_not_overwritten(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="exists and is no bundle"):
        export(checkpoint, LABELS, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()
