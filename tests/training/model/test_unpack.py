"""A bundle turned back into a checkpoint: the same model, ready to be tuned again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM

from labeler.errors import BundleError, InputError
from labeler.model.bundle import read_manifest, write_manifest
from labeler.model.predict import Labeler
from labeler.model.tensors import TensorFile
from labeler.model.tokenizer import CompactTokenizer, LibraryTokenizer
from labeler.text.issue import Issue
from tests.models import LABELS, write_checkpoint
from tests.standins.hub import HubServer
from tests.training.small import make_rows, small_settings, write_base, write_folder
from training.export.bundle_export import _PROBES, export
from training.model.base import find_base
from training.model.checkpoint import Weights, read_config
from training.model.unpack import unpack
from training.tuning.prepare import prepare
from training.tuning.run_record import read_record
from training.tuning.tuning_run import run

pytestmark = pytest.mark.training

ISSUE = Issue("The application crashes", "when I open the settings page")


@pytest.mark.parametrize("quantise", [False, True])
def test_a_bundle_unpacked_and_exported_again_is_the_same_model(tmp_path: Path, quantise: bool) -> None:
    checkpoint, bundle = write_checkpoint(tmp_path / "checkpoint"), tmp_path / "bundle"
    export(checkpoint, LABELS, bundle, quantise=quantise)
    out = unpack(bundle, tmp_path / "out")
    before, after = Weights(checkpoint), Weights(out)
    assert set(after.names) == set(before.names)
    for name in before.names:
        step = np.abs(before(name)).max() / 127 if quantise else 1e-6
        np.testing.assert_allclose(after(name), before(name), rtol=0, atol=0.51 * step, err_msg=name)
    assert replace(read_config(out), norm_epsilon=0) == replace(read_config(checkpoint), norm_epsilon=0)
    export(out, LABELS, tmp_path / "again", quantise=quantise)
    first, second = (
        list(Labeler(folder).predict(ISSUE).probabilities.values()) for folder in (bundle, tmp_path / "again")
    )
    assert first == pytest.approx(second, abs=1e-5)
    if quantise:
        rows = [TensorFile(folder / "embeddings.safetensors")["rows"] for folder in (bundle, tmp_path / "again")]
        np.testing.assert_array_equal(*rows)


def test_its_tokenizer_encodes_as_the_bundle_did_and_knows_the_control_tokens(tmp_path: Path) -> None:
    export(write_checkpoint(tmp_path / "checkpoint"), LABELS, tmp_path / "bundle")
    unpack(tmp_path / "bundle", tmp_path / "out")
    compact = CompactTokenizer(tmp_path / "bundle/tokenizer.safetensors")
    library = LibraryTokenizer(tmp_path / "out/tokenizer.json")
    assert (library.control, library.vocab_size) == (compact.control, compact.vocab_size)
    for text in _PROBES:
        assert library.encode(text) == compact.encode(text)


def test_transformers_computes_with_it_what_it_computes_with_the_original(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    export(checkpoint, LABELS, tmp_path / "bundle", quantise=False)
    ids = torch.tensor([[2, 40, 41, 42, 43, 44, 45]])
    with torch.no_grad():
        first, second = (
            Gemma3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()(input_ids=ids).logits
            for folder in (checkpoint, unpack(tmp_path / "bundle", tmp_path / "out"))
        )
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-4)


def test_a_bundle_is_a_base_and_hands_down_its_licence(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    manifest = export(write_base(tmp_path / "checkpoint"), LABELS, bundle, provenance={"licence": "apache-2.0"})
    data = write_folder(tmp_path / "data", make_rows(80))
    result = run(small_settings(epochs=1), data, str(bundle), tmp_path / "run", backend="peft")
    assert result.bundle is not None
    tuned = read_manifest(result.bundle)
    assert tuned.provenance["licence"] == "apache-2.0"
    assert tuned.shape == manifest.shape
    record = read_record(tmp_path / "run")
    assert (record.base.name, record.base.revision) == (str(bundle), "")


def test_who_tunes_a_model_of_plain_text_otherwise_is_told(tmp_path: Path) -> None:
    bundle, data = tmp_path / "bundle", write_folder(tmp_path / "data", make_rows(60))
    export(write_base(tmp_path / "checkpoint"), LABELS, bundle, plain_text=True)
    told = {
        plain: prepare(small_settings(plain_serving=plain), data, str(bundle), tmp_path / "run", "peft").numerics.notes
        for plain in (False, True)
    }
    assert "lower case without punctuation" in told[False][-1]
    assert not any("lower case" in note for note in told[True])


def test_a_bundle_on_the_hub_is_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "bundle"
    export(write_base(tmp_path / "checkpoint"), LABELS, bundle)
    (bundle / "README.md").write_text("---\nlicense: mit\n---\n")
    write_manifest(bundle, read_manifest(bundle))
    with HubServer() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        commit = hub.commit("team/bundle", {path.name: path.read_bytes() for path in bundle.iterdir()})
        base = find_base("team/bundle", tmp_path / "base")
    assert (base.name, base.revision) == ("team/bundle", commit)
    np.testing.assert_array_equal(
        Weights(Path(base.path))("norm.weight"), Weights(unpack(bundle, tmp_path / "out"))("norm.weight")
    )


def test_a_damaged_bundle_is_no_base(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    export(write_base(tmp_path / "checkpoint"), LABELS, bundle)
    (bundle / "decoder.bin").write_bytes((bundle / "decoder.bin").read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match=r"decoder\.bin: sha256 differs"):
        find_base(str(bundle), tmp_path / "base")
    assert not (tmp_path / "base/config.json").exists()


def test_a_bundle_is_unpacked_once_and_never_taken_for_its_successor(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    manifest = export(write_base(tmp_path / "checkpoint"), LABELS, bundle)
    base = find_base(str(bundle), tmp_path / "base")
    written = (tmp_path / "base/model.safetensors").stat().st_mtime_ns
    assert find_base(str(bundle), tmp_path / "base") == base
    assert (tmp_path / "base/model.safetensors").stat().st_mtime_ns == written
    write_manifest(bundle, replace(manifest, version="2"))
    with pytest.raises(InputError, match=r"holds .*, not .*\nGive another --out"):
        find_base(str(bundle), tmp_path / "base")


def test_a_tokenizer_that_has_no_compact_form_is_copied(tmp_path: Path) -> None:
    checkpoint, bundle = write_checkpoint(tmp_path / "checkpoint"), tmp_path / "bundle"
    state = json.loads((checkpoint / "tokenizer.json").read_text())
    state["model"]["ignore_merges"] = True
    (checkpoint / "tokenizer.json").write_text(json.dumps(state))
    export(checkpoint, LABELS, bundle)
    unpack(bundle, tmp_path / "out")
    shutil.rmtree(bundle)
    assert json.loads((tmp_path / "out/tokenizer.json").read_text()) == state
