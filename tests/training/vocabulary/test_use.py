"""A model with fewer tokens computes the same; adapters fit it; its bundle says so."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from labeler.cli import main as labeler
from labeler.errors import InputError
from labeler.model.bundle import read_manifest
from labeler.model.predict import Labeler
from labeler.model.tensors import TensorFile, write_tensors
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.prompt import Renderer
from tests.models import LABELS, TEXT
from tests.vocabularies import ISSUE, SIZE, whole_json, write_both, write_order, write_whole
from training.cli import main
from training.export.bundle_export import export
from training.model.adapter_files import ADAPTER, ADAPTER_CONFIG, WHOLE
from training.model.base import Base
from training.model.merge import merge
from training.model.unpack import unpack
from training.vocabulary.cut_record import vocabulary_of
from training.vocabulary.trimming import OLD_IDS


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Base, Base]:
    return write_both(tmp_path_factory.mktemp("bases"))


def test_both_vocabularies_give_the_same_probabilities(
    bases: tuple[Base, Base], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for base, name in zip(bases, ("whole", "smaller"), strict=True):
        # The whole one without the token that its embeddings have no row for.
        folder = Path(base.path) if name == "smaller" else without_row(Path(base.path), tmp_path / "fitting")
        export(folder, LABELS, tmp_path / name, quantise=False)
    whole, smaller = (Labeler(tmp_path / name, threads=1).predict(ISSUE) for name in ("whole", "smaller"))
    kept = np.load(Path(bases[1].path) / OLD_IDS)
    renderer = Renderer(LibraryTokenizer(bases[0].tokenizer))
    assert {*renderer.prefix(LABELS), *renderer.issue(ISSUE)} <= set(kept.tolist())
    assert smaller.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
    manifest = read_manifest(tmp_path / "smaller")
    record = manifest.provenance["vocabulary"]
    assert (record["tokens"], record["of"]) == (manifest.shape.vocab_size, bases[0].config.vocab_size)
    assert record["ids_sha256"] == hashlib.sha256(kept.astype("<i4").tobytes()).hexdigest()
    assert record["counts"]["name"] == "counts.xz"
    assert "vocabulary" not in read_manifest(tmp_path / "whole").provenance
    assert labeler(["info", "--model", str(tmp_path / "smaller")]) == 0
    assert f"{SIZE} of {bases[0].config.vocab_size:,} tokens" in capsys.readouterr().out
    # A model that is tuned from the bundle still says so.
    assert vocabulary_of(unpack(tmp_path / "smaller", tmp_path / "again"))["vocabulary"] == record


def without_row(whole: Path, folder: Path) -> Path:
    state = json.loads(whole_json())
    del state["model"]["vocab"]["<image_soft_token>"]
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] != "<image_soft_token>"]
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((whole / name).read_bytes())
    (folder / "tokenizer.json").write_text(json.dumps(state))
    return folder


def write_adapter(folder: Path, base: Path, *, embeddings: bool = False) -> Path:
    """A random adapter of one projection, over the base; with embeddings that were trained whole, on wish."""
    file, at = TensorFile(base / "model.safetensors"), "model.layers.1.mlp.up_proj"
    rows, columns = file[f"{at}.weight"].shape
    rng = np.random.default_rng(0)
    folder.mkdir()
    sides = {"A": (4, columns), "B": (rows, 4)}
    tensors = {
        f"base_model.model.{at}.lora_{side}.weight": rng.standard_normal(shape, np.float32)
        for side, shape in sides.items()
    }
    write_tensors(folder / ADAPTER, tensors)
    (folder / ADAPTER_CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 4}))
    if embeddings:
        name = "model.embed_tokens.weight"
        write_tensors(folder / WHOLE, {name: file.as_float32(name) * 3})
    return folder


def test_an_adapter_fits_its_base_with_another_vocabulary(bases: tuple[Base, Base], tmp_path: Path) -> None:
    whole, smaller = (Path(base.path) for base in bases)
    adapter = write_adapter(tmp_path / "adapter", whole)
    one, other = (TensorFile(merge(b, adapter, tmp_path / b.name) / "model.safetensors") for b in (whole, smaller))
    kept = np.load(smaller / OLD_IDS)
    for name in one.names:
        assert np.array_equal(other[name], one[name][kept] if "embed" in name else one[name]), name
    tuned = "model.layers.1.mlp.up_proj.weight"
    assert not np.array_equal(one[tuned], TensorFile(whole / "model.safetensors")[tuned])
    assert vocabulary_of(tmp_path / "smaller") == vocabulary_of(smaller) != {}


def test_embeddings_trained_over_another_vocabulary_are_refused(bases: tuple[Base, Base], tmp_path: Path) -> None:
    whole, smaller = (Path(base.path) for base in bases)
    adapter = write_adapter(tmp_path / "adapter", whole, embeddings=True)
    with pytest.raises(InputError, match="embeddings were trained over another vocabulary\n.*cut down to the same"):
        merge(smaller, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_export_with_fewer_tokens(tmp_path: Path) -> None:
    base, counts = write_whole(tmp_path / "whole"), write_order(tmp_path / "counts.xz", TEXT)
    (tmp_path / "labels.yml").write_text("[bug, docs]")
    command = [
        "export",
        "--checkpoint",
        base.path,
        "--labels",
        str(tmp_path / "labels.yml"),
        "--out",
        str(tmp_path / "made"),
    ]
    assert main([*command, "--vocabulary", str(SIZE), "--vocabulary-counts", str(counts)]) == 0
    manifest = read_manifest(tmp_path / "made")
    assert manifest.name == "whole"
    assert manifest.shape.vocab_size == manifest.provenance["vocabulary"]["tokens"] == SIZE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counts.xz", "labels.yml", "made", "whole"]
    assert main([*command, "--vocabulary-counts", str(counts)]) == 2
