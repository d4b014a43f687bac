"""Prefix caches: what they are keyed by, and what becomes of damaged ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import Manifest, read_manifest
from labeler.model.predict import Labeler
from labeler.model.prefix import FILE, PrefixStore
from labeler.model.tensors import TensorFile
from labeler.text.issue import Issue
from tests.models import write_bundle
from training.quantise.quantisation import FOUR_BITS

IDS = [2, 5, 7]
VALUES = np.random.default_rng(0).standard_normal((4, 1, 3, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("made") / "bundle", quantisation=FOUR_BITS)


@pytest.fixture
def manifest(bundle: Path) -> Manifest:
    return read_manifest(bundle)


def asked(folder: Path, manifest: Manifest, values: np.ndarray = VALUES) -> tuple[np.ndarray, bool]:
    """A prefix as a new store gives it, and whether it was computed for that."""
    computed = []

    def compute(ids: list[int]) -> np.ndarray:
        computed.append(ids)
        return values

    return PrefixStore(folder, manifest, folder / "cache").get(IDS, compute), bool(computed)


def test_what_a_prefix_depends_on_is_in_its_key(tmp_path: Path, manifest: Manifest) -> None:
    """The same weights under another graph or other rotary angles make other keys and values."""
    files = dict(manifest.files)
    others = [replace(manifest, shape=replace(manifest.shape, embedding_scale=3.0))]
    for name in ("decoder.onnx", "decoder.bin", "scales.safetensors", "embeddings.safetensors"):
        others.append(replace(manifest, files=files | {name: {"size": 1, "sha256": "0" * 64}}))
    others.append(replace(manifest, files=files | {"decoder-1.bin": {"size": 1, "sha256": "0" * 64}}))
    assert [asked(tmp_path, one)[1] for one in [manifest, *others, manifest]] == [True] * 7 + [False]


def test_what_it_does_not_depend_on_is_not(tmp_path: Path, manifest: Manifest) -> None:
    asked(tmp_path, manifest)
    card = manifest.files | {"README.md": {"size": 1, "sha256": "0" * 64}}
    assert not asked(tmp_path, replace(manifest, files=card, thresholds={"bug": 0.4}))[1]


def test_a_damaged_prefix_never_answers(tmp_path: Path, manifest: Manifest) -> None:
    first, _ = asked(tmp_path, manifest)
    (kept,) = (tmp_path / "cache").iterdir()
    whole = kept.read_bytes()
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(whole), 60):
        data = bytearray(whole)
        data[place] ^= int(rng.integers(1, 256))
        kept.write_bytes(data)
        np.testing.assert_array_equal(asked(tmp_path, manifest)[0], first)


@pytest.mark.parametrize("header", [b"[]", b"{}", b'{"ids": 1}', b'{"ids": {"dtype": "I32", "shape": [9]}}', b"\xff"])
def test_a_prefix_file_with_another_header_is_computed_again(tmp_path: Path, manifest: Manifest, header: bytes) -> None:
    asked(tmp_path, manifest)
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(len(header).to_bytes(8, "little") + header)
    assert asked(tmp_path, manifest)[1]
    assert not asked(tmp_path, manifest)[1]


def test_values_are_the_same_from_disk_as_just_computed(tmp_path: Path, manifest: Manifest) -> None:
    first, computed = asked(tmp_path, manifest)
    second, again = asked(tmp_path, manifest)
    assert (computed, again) == (True, False)
    np.testing.assert_array_equal(first, second)
    assert (first.dtype, np.abs(first - VALUES).max() < 2e-3) == (np.float32, True)
    (kept,) = (tmp_path / "cache").iterdir()
    assert TensorFile(kept)["cache"].dtype == np.float16


def test_values_beyond_half_precision_stay_in_single(tmp_path: Path, manifest: Manifest) -> None:
    large = VALUES.copy()
    large[0, 0, 0, 0] = 70_000.5
    for _ in range(2):
        np.testing.assert_array_equal(asked(tmp_path, manifest, large)[0], large)


def test_models_of_older_forms_keep_single_precision(tmp_path: Path, manifest: Manifest) -> None:
    old = replace(manifest, quantisation="int8")
    for _ in range(2):
        np.testing.assert_array_equal(asked(tmp_path, old)[0], VALUES)


def test_a_bundles_own_prefix_is_what_would_be_computed(bundle: Path, tmp_path: Path) -> None:
    """So that labels given by hand get the answers that the bundle's own list gets."""
    assert TensorFile(bundle / FILE)["cache"].dtype == np.float16
    own = Labeler(bundle).predict(Issue("Crash")).probabilities
    whole = json.loads((bundle / "bundle.json").read_text())["labels"]
    (bundle / FILE).rename(tmp_path / FILE)
    labels = LabelSet(tuple(Label(row["name"]) for row in whole))
    try:
        assert Labeler(bundle, labels).predict(Issue("Crash")).probabilities == own
    finally:
        (tmp_path / FILE).rename(bundle / FILE)
