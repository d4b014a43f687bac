from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labeler.errors import BundleError, NewerBundleError
from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import MANIFEST, read_manifest, verify, write_manifest
from labeler.model.predict import Labeler
from labeler.model.tensors import write_tensors
from labeler.text.issue import Issue
from tests.models import LABELS, write_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("made") / "bundle", name="tiny", version="1.2")


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "bundle")
    return tmp_path / "bundle"


def edit(bundle: Path, **changes: object) -> None:
    path = bundle / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_whole_bundle_verifies_and_says_what_it_is(bundle: Path) -> None:
    verify(bundle)
    manifest = read_manifest(bundle)
    assert (manifest.name, manifest.version, manifest.labels) == ("tiny", "1.2", LABELS)
    assert set(manifest.files) == {path.name for path in bundle.iterdir()} - {MANIFEST}


def test_writing_the_manifest_again_changes_nothing(bundle: Path) -> None:
    before = (bundle / MANIFEST).read_bytes()
    write_manifest(bundle, read_manifest(bundle))
    assert (bundle / MANIFEST).read_bytes() == before


@pytest.mark.parametrize("name", ["decoder.bin", "decoder.onnx", "embeddings.safetensors", "prefix.safetensors"])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}: missing"):
        verify(bundle)


def test_a_truncated_file_is_named_with_its_sizes(bundle: Path) -> None:
    size = (bundle / "decoder.bin").stat().st_size
    os.truncate(bundle / "decoder.bin", size - 1)
    with pytest.raises(BundleError, match=rf"decoder.bin: {size - 1} bytes instead of {size}"):
        verify(bundle)


def test_a_changed_byte_is_found(bundle: Path) -> None:
    data = bytearray((bundle / "embeddings.safetensors").read_bytes())
    data[-1] ^= 1
    (bundle / "embeddings.safetensors").write_bytes(data)
    with pytest.raises(BundleError, match="embeddings.safetensors: sha256 differs"):
        verify(bundle)


def test_labels_that_are_new_to_the_model_have_a_threshold_of_their_own(bundle: Path) -> None:
    manifest = replace(read_manifest(bundle), thresholds={"bug": 0.3, "ci/cd": 0.7}, new_label_threshold=0.4)
    manifest = write_manifest(bundle, manifest)
    assert manifest.format == 4
    names = ("bug", "enhancement", "area/nobody knows")
    labeler = Labeler(bundle, LabelSet(tuple(map(Label, names))))
    assert labeler.thresholds == {"bug": 0.3, "area/nobody knows": 0.4}


@pytest.mark.parametrize("what", ["format", "prompt_version"])
def test_a_newer_format_or_prompt_asks_for_a_newer_program(bundle: Path, what: str) -> None:
    edit(bundle, **{what: 99})
    with pytest.raises(NewerBundleError, match=f"{what.replace('_', ' ')} 99"):
        read_manifest(bundle)


def test_a_bundle_of_a_model_that_reads_plain_text_shows_it_that_and_is_refused_by_older_readers(bundle: Path) -> None:
    shouted, plain = Issue("App CRASHES!", "Steps: open IT!"), Issue("app crashes", "steps open it")

    def differ() -> bool:
        first, second = (Labeler(bundle).predict(issue).probabilities for issue in (shouted, plain))
        return first != second

    assert read_manifest(bundle).format == 1
    assert differ()
    write_manifest(bundle, replace(read_manifest(bundle), plain_text=True))
    assert json.loads((bundle / MANIFEST).read_text())["format"] == 3
    assert read_manifest(bundle).plain_text
    assert not differ()


# The keys of bundle.json as 0.4.0 wrote it, always and with a later format.
OLD_KEYS = {
    "format", "name", "version", "base_model", "prompt_version", "token_budget", "describe", "labels", "thresholds",
    "shape", "quantisation", "provenance", "metrics", "files",
}  # fmt: skip
OLD_SHAPE = {
    "hidden_size", "layers", "kv_heads", "head_dim", "vocab_size", "embedding_scale", "local_rope", "global_rope",
}  # fmt: skip
OLD_CALIBRATION = {"calibration": {"common": [0.5, 1.0], "labels": {"bug": [2.0, -1.0]}}}
OLD_FORMATS: dict[int, dict[str, Any]] = {1: {}, 2: OLD_CALIBRATION, 3: OLD_CALIBRATION | {"plain_text": True}}


@pytest.mark.parametrize("format", OLD_FORMATS)
def test_a_bundle_of_0_4_0_says_what_it_said_then(bundle: Path, format: int) -> None:
    shouted = Issue("App CRASHES!", "Steps: open IT!")
    shown = Issue("app crashes", "steps open it") if format == 3 else shouted
    expected = Labeler(bundle).predict(shown).probabilities
    if format > 1:
        lines = {name: (2.0, -1.0) if name == "bug" else (0.5, 1.0) for name in expected}
        expected = {
            name: 1 / (1 + math.exp(-a * math.log(q / (1 - q)) - b))
            for (name, q), (a, b) in zip(expected.items(), lines.values(), strict=True)
        }
    now = json.loads((bundle / MANIFEST).read_text())
    old = {key: now[key] for key in OLD_KEYS} | {"format": format} | OLD_FORMATS[format]
    old["shape"] = {key: now["shape"][key] for key in OLD_SHAPE}
    (bundle / MANIFEST).write_text(json.dumps(old))
    verify(bundle)
    labeler = Labeler(bundle)
    assert labeler.manifest.format == format
    assert labeler.predict(shouted).probabilities == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "not json"])
def test_a_manifest_that_is_none_is_refused(bundle: Path, text: str) -> None:
    (bundle / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match="not a bundle manifest"):
        read_manifest(bundle)


@pytest.mark.parametrize("files", [[], {"decoder.bin": {}}, {"decoder.bin": "x"}, None])
def test_a_list_of_files_that_is_none_is_refused(bundle: Path, files: object) -> None:
    edit(bundle, files=files)
    with pytest.raises(BundleError, match="not a bundle manifest"):
        verify(bundle)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a\\b", "c:x"])
def test_file_names_cannot_leave_the_bundle(bundle: Path, name: str) -> None:
    edit(bundle, files={name: {"size": 0, "sha256": ""}})
    with pytest.raises(BundleError, match="leaves the bundle"):
        verify(bundle)


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"bundle.json: missing"):
        verify(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(bundle: Path) -> None:
    document = json.loads((bundle / MANIFEST).read_text())
    shape = document["shape"] | {"vocab_size": 100}
    edit(bundle, shape=shape)
    with pytest.raises(BundleError, match="rows and columns"):
        Labeler(bundle)
    from labeler.model.tensors import TensorFile

    file = TensorFile(bundle / "embeddings.safetensors")
    cut = {"rows": file["rows"][:100].copy(), "scales": file["scales"][:100].copy()}
    write_tensors(bundle / "embeddings.safetensors", cut)
    with pytest.raises(BundleError, match="the tokenizer has"):
        Labeler(bundle)


def test_a_decoder_that_is_no_onnx_file_is_refused(bundle: Path) -> None:
    (bundle / "decoder.onnx").write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"decoder.onnx: cannot be loaded"):
        Labeler(bundle)


def test_a_cut_safetensors_file_is_refused(bundle: Path) -> None:
    os.truncate(bundle / "tokenizer.safetensors", 100)
    with pytest.raises(BundleError, match="tokenizer.safetensors"):
        Labeler(bundle)
