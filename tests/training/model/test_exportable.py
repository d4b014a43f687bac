"""A base is refused before it is tuned where its export would fail, or would be another model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM

from labeler.errors import BundleError, InputError
from labeler.model.predict import Labeler
from labeler.model.tensors import TensorFile, write_tensors
from labeler.model.tokenizer import CompactTokenizer, LibraryTokenizer
from labeler.text.issue import Issue
from tests.models import LABELS, write_checkpoint
from tests.training.small import make_rows, small_settings, write_base, write_folder
from training.export.bundle_export import export
from training.model.base import find_base
from training.model.checkpoint import Weights
from training.model.merge import merge
from training.tuning.tuning_run import run

pytestmark = pytest.mark.training

EMBEDDINGS = "model.embed_tokens.weight"
Tensors = dict[str, np.ndarray]


def change_tokenizer(checkpoint: Path, change: Callable[[dict[str, Any]], object]) -> None:
    state = json.loads((checkpoint / "tokenizer.json").read_text())
    change(state)
    (checkpoint / "tokenizer.json").write_text(json.dumps(state))


def change_tensors(checkpoint: Path, change: Callable[[Tensors], Tensors]) -> Path:
    file = TensorFile(checkpoint / "model.safetensors")
    write_tensors(checkpoint / "model.safetensors", change({name: np.array(file[name]) for name in file.names}))
    return checkpoint


def change_config(checkpoint: Path, **changes: Any) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps(config | changes))


def above_the_rows(special: bool, content: str = "<image_soft_token>") -> Callable[[dict[str, Any]], object]:
    def add(state: dict[str, Any]) -> None:
        token = dict(state["added_tokens"][0], id=len(state["model"]["vocab"]), content=content, special=special)
        state["added_tokens"].append(token)

    return add


@pytest.mark.parametrize("form", ["compact", "library"])
def test_a_special_token_above_the_rows_is_left_out(tmp_path: Path, form: str) -> None:
    """As in the real Gemma 3: <image_soft_token> has the id 262,144 and the embeddings as many rows."""
    plain, real = write_base(tmp_path / "plain"), write_base(tmp_path / "real")
    change_tokenizer(real, above_the_rows(special=True))
    if form == "library":
        for checkpoint in (plain, real):
            change_tokenizer(checkpoint, lambda state: state["model"].update(ignore_merges=True))
    rows = len(Weights(real)("embed_tokens.weight"))
    assert LibraryTokenizer(real / "tokenizer.json").vocab_size == rows
    base = find_base(str(real), tmp_path / "text")
    export(Path(base.path), LABELS, tmp_path / "bundle")
    export(plain, LABELS, tmp_path / "other")
    found, expected = (
        Labeler(tmp_path / name).predict(Issue("Crash <image_soft_token>", "x")).probabilities
        for name in ("bundle", "other")
    )
    assert found == expected
    if form == "compact":
        assert CompactTokenizer(tmp_path / "bundle/tokenizer.safetensors").vocab_size == rows
        assert find_base(str(tmp_path / "bundle"), tmp_path / "unpacked").config.vocab_size == rows


def test_tokens_above_the_rows_that_text_can_reach_are_refused_before_tuning(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    data = write_folder(tmp_path / "data", make_rows(60))
    change_tokenizer(base, above_the_rows(special=False, content="<h1>"))
    with pytest.raises(InputError, match=r"text can become token \d+, the embeddings have \d+ rows"):
        run(small_settings(), data, str(base), tmp_path / "run", backend="peft")
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_piece_of_the_vocabulary_above_the_rows_is_refused(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    change_tokenizer(base, lambda state: state["model"]["vocab"].update({"ẞ": len(state["model"]["vocab"])}))
    with pytest.raises(InputError, match="text can become token"):
        find_base(str(base), tmp_path / "text")


def test_a_tokenizer_that_is_none_is_named(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    (base / "tokenizer.json").write_text('{"added_tokens": [], "model": {"type": "BPE", "vocab": {}}}')
    with pytest.raises(InputError, match=r"tokenizer\.json: no tokenizer"):
        find_base(str(base), tmp_path / "text")


def untied(tensors: Tensors) -> Tensors:
    return tensors | {"lm_head.weight": tensors[EMBEDDINGS][::-1].copy()}


def tied(tensors: Tensors) -> Tensors:
    return tensors | {"lm_head.weight": tensors[EMBEDDINGS].copy()}


@pytest.mark.parametrize("said", [True, False, None])
def test_an_output_layer_of_its_own_is_never_tied(tmp_path: Path, said: bool | None) -> None:
    base = change_tensors(write_base(tmp_path / "base"), untied)
    change_config(base, tie_word_embeddings=said)
    for use in (
        lambda: find_base(str(base), tmp_path / "text"),
        lambda: export(base, LABELS, tmp_path / "bundle"),
        lambda: merge(base, tmp_path, tmp_path / "merged"),
    ):
        with pytest.raises(InputError, match=r"lm_head\.weight differs from the embeddings"):
            use()
    assert not (tmp_path / "bundle").exists()


def test_an_output_layer_of_its_own_is_found_in_a_model_that_reads_images_too(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    text = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": text}))
    change_tensors(base, lambda t: {f"language_model.{name}": tensor for name, tensor in untied(t).items()})
    with pytest.raises(InputError, match=r"language_model\.lm_head\.weight differs"):
        find_base(str(base), tmp_path / "text")


def test_a_missing_output_layer_that_is_said_to_be_apart_is_refused(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", tie_word_embeddings=False)
    with pytest.raises(InputError, match=r"tie_word_embeddings is false, and there is no lm_head\.weight"):
        find_base(str(base), tmp_path / "text")


@pytest.mark.parametrize("said", [True, False])
def test_an_output_layer_equal_to_the_embeddings_is_dropped(tmp_path: Path, said: bool) -> None:
    plain = write_base(tmp_path / "plain")
    base = change_tensors(write_base(tmp_path / "base"), tied)
    change_config(base, tie_word_embeddings=said)
    found = find_base(str(base), tmp_path / "text")
    model = Gemma3ForCausalLM.from_pretrained(found.path)
    assert model.lm_head.weight is model.model.embed_tokens.weight  # tuned whole, they stay one
    ids = torch.tensor([[2, 40, 41, 42]])
    expected = Gemma3ForCausalLM.from_pretrained(plain)(input_ids=ids).logits
    torch.testing.assert_close(model(input_ids=ids).logits, expected)
    assert "lm_head.weight" not in Weights(Path(found.path)).names
    export(Path(found.path), LABELS, tmp_path / "bundle")


BROKEN: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "a missing tensor": (
        lambda t: {name: tensor for name, tensor in t.items() if "layers.1.mlp.up_proj" not in name},
        r"no tensor model\.layers\.1\.mlp\.up_proj\.weight",
    ),
    "another width": (
        lambda t: t | {"model.layers.0.mlp.down_proj.weight": np.zeros((32, 32), np.float32)},
        r"down_proj\.weight is 32 × 32, config\.json asks for 32 × 64",
    ),
    "too few rows": (lambda t: t | {EMBEDDINGS: t[EMBEDDINGS][:-8].copy()}, r"embed_tokens\.weight is \d+ × 32"),
    "numbers of 8 bits": (lambda t: t | {"model.norm.weight": np.zeros(32, np.int8)}, r"norm\.weight is of type I8"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_weights_that_are_not_whole_are_refused_before_tuning(tmp_path: Path, case: str) -> None:
    change, message = BROKEN[case]
    base = change_tensors(write_base(tmp_path / "base"), change)
    with pytest.raises(InputError, match=message):
        find_base(str(base), tmp_path / "text")


def test_a_type_of_number_that_numpy_lacks_is_named(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    path = base / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"model.norm.weight":{"dtype":"F32"', b'"model.norm.weight":{"dtype":"F8_"', 1))
    with pytest.raises(InputError, match=r"model\.norm\.weight is of type F8_"):
        find_base(str(base), tmp_path / "text")


def test_files_that_are_cut_short_or_lost_are_named(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    model = Gemma3ForCausalLM.from_pretrained(base)
    model.save_pretrained(base, max_shard_size="20KB")
    (base / "model.safetensors").unlink()
    assert find_base(str(base), tmp_path / "text").config.layers == 2
    shard = sorted(base.glob("model-*.safetensors"))[1]
    shard.write_bytes(shard.read_bytes()[:-4])
    with pytest.raises(BundleError, match="cut short"):
        find_base(str(base), tmp_path / "text")
    shard.unlink()
    with pytest.raises(InputError, match=f"no {shard.name}"):
        find_base(str(base), tmp_path / "text")
    (base / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match="no index of safetensors files"):
        find_base(str(base), tmp_path / "text")


def test_tokens_of_a_checkpoint_of_the_instruction_tuned_kind_are_counted_alike(tmp_path: Path) -> None:
    """It has several special tokens, and the prompt's own may be the last of all."""
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    rows = len(Weights(checkpoint)("embed_tokens.weight"))

    def several(state: dict[str, Any]) -> None:
        for name in ("<start_of_image>", "<end_of_image>"):
            above_the_rows(special=True, content=name)(state)
            state["added_tokens"][-1]["id"] += len(state["added_tokens"])

    change_tokenizer(checkpoint, several)
    assert LibraryTokenizer(checkpoint / "tokenizer.json").vocab_size == rows
    find_base(str(checkpoint), tmp_path / "text")

    def last(state: dict[str, Any]) -> None:
        moved = next(token for token in state["added_tokens"] if token["content"] == "<end_of_turn>")
        moved["id"] = rows
        del state["model"]["vocab"]["<end_of_turn>"]

    change_tokenizer(checkpoint, last)
    assert LibraryTokenizer(checkpoint / "tokenizer.json").vocab_size == rows + 1
    with pytest.raises(InputError, match="text can become token"):
        find_base(str(checkpoint), tmp_path / "text")
