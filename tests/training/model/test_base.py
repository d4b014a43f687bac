"""Where a base comes from: a folder, a repository of the Hub, the text part of a model that also reads images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Gemma3Config, Gemma3ForCausalLM, Gemma3ForConditionalGeneration

from labeler.errors import DownloadError, InputError
from labeler.model.tensors import TensorFile, write_tensors
from tests.models import tokenizer_json
from tests.standins.hub import HubServer
from tests.training.small import make_rows, small_settings, write_base, write_folder
from training.model.base import find_base
from training.model.checkpoint import Weights, read_config
from training.tuning.run_record import read_record
from training.tuning.tuning_run import run

pytestmark = pytest.mark.training

NAME = "team/tiny-gemma"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield server


def test_a_base_of_the_hub_is_fetched_without_what_training_does_not_need(hub: HubServer, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in write_base(tmp_path / "made").iterdir()}
    commit = hub.commit(NAME, files | {"model.gguf": b"x", "pytorch_model.bin": b"x"})
    base = find_base(NAME, tmp_path / "text")
    assert (base.name, base.revision) == (NAME, commit)
    assert {path.name for path in Path(base.path).iterdir()} == set(files)
    assert base.config.layers == 2
    older, _ = commit, hub.commit(NAME, files | {"config.json": files["config.json"] + b"\n"})
    assert find_base(f"{NAME}@{older}", tmp_path / "text").revision == older


def test_a_base_that_the_hub_does_not_give_is_named(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="team/absent: the Hub refuses it"):
        find_base("team/absent", tmp_path / "text")


def test_the_text_part_of_a_model_that_reads_images_is_tuned(tmp_path: Path) -> None:
    folder = tmp_path / "large"
    text = json.loads((write_base(tmp_path / "small") / "config.json").read_text())
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
        "patch_size": 14,
    }  # fmt: skip
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4))
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer_json())
    leave_to_defaults(folder / "config.json")
    base = find_base(str(folder), tmp_path / "text")
    loaded = Gemma3ForCausalLM.from_pretrained(base.path).eval()
    ids = torch.tensor([[2, 40, 41, 42, 43]])
    with torch.no_grad():
        expected = model.eval().model.language_model(input_ids=ids).last_hidden_state
        torch.testing.assert_close(loaded.model(input_ids=ids).last_hidden_state, expected)
    Weights(Path(base.path))("norm.weight")
    data = write_folder(tmp_path / "data", make_rows(80))
    result = run(small_settings(epochs=1), data, str(folder), tmp_path / "run", backend="peft", bundle=False)
    assert read_record(tmp_path / "run").base.path == str((tmp_path / "run" / "base").resolve())
    assert read_config(tmp_path / "run" / "base").layers == 2
    assert (result.adapter / "adapter_model.safetensors").is_file()


def leave_to_defaults(path: Path) -> None:
    """Google's own files of Gemma 3 4B do not name these."""
    config = json.loads(path.read_text())
    for key in ("vocab_size", "num_attention_heads", "num_key_value_heads", "head_dim"):
        del config["text_config"][key]
    path.write_text(json.dumps(config))


def test_a_folder_with_the_text_part_of_another_model_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name
        base = write_base(folder)
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": config}))
        file = TensorFile(base / "model.safetensors")
        tensors = {key.replace("model.", "language_model.model.", 1): np.array(file[key]) for key in file.names}
        write_tensors(base / "model.safetensors", tensors)
    first = find_base(str(tmp_path / "a"), tmp_path / "text")
    assert find_base(str(tmp_path / "a"), tmp_path / "text") == first
    with pytest.raises(InputError, match="holds .*a, not .*b"):
        find_base(str(tmp_path / "b"), tmp_path / "text")


def test_a_quantised_model_is_refused_before_it_is_tuned(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"quantization_config": {"load_in_4bit": True}}))
    with pytest.raises(InputError, match="quantised already"):
        find_base(str(base), tmp_path / "text")


def test_what_is_no_gemma_3_text_model_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    other = write_base(tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"model_type": "llama"}))
    with pytest.raises(InputError, match="llama"):
        find_base(str(other), tmp_path / "text")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="looks like an adapter: merge it into its base first"):
        find_base(str(tmp_path / "adapter"), tmp_path / "text")
    with pytest.raises(InputError, match="no such folder"):
        find_base(str(tmp_path / "absent"), tmp_path / "text")
    (other / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json: missing"):
        find_base(str(other), tmp_path / "text")
