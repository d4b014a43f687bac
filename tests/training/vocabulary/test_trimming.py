"""A base with fewer tokens is written whole, once, and with all its files to match."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from labeler.errors import InputError
from labeler.model.tensors import TensorFile, write_tensors
from tests.models import TEXT
from tests.vocabularies import GERMAN, SIZE, write_both, write_order, write_whole
from training.model.base import Base
from training.vocabulary import DEFAULT_SIZE
from training.vocabulary.counts import Counts, write_counts
from training.vocabulary.cut_record import vocabulary_of
from training.vocabulary.keep import all_ids
from training.vocabulary.trimming import OLD_IDS, trimmed


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Base, Base]:
    return write_both(tmp_path_factory.mktemp("bases"))


def test_a_smaller_base_has_its_rows_and_all_other_weights_unchanged(bases: tuple[Base, Base]) -> None:
    whole, smaller = (TensorFile(Path(base.path) / "model.safetensors") for base in bases)
    kept = np.load(Path(bases[1].path) / OLD_IDS)
    assert whole.names == smaller.names
    for name in whole.names:
        expected = whole[name][kept] if "embed" in name else whole[name]
        assert smaller.is_bfloat16(name)
        assert np.array_equal(smaller[name], expected), name
    assert smaller["model.embed_tokens.weight"].shape[0] == bases[1].config.vocab_size == SIZE
    assert (bases[1].name, bases[1].revision) == ("owner/name", "abc")


def test_the_files_beside_the_weights_name_the_new_ids(bases: tuple[Base, Base]) -> None:
    folder = Path(bases[1].path)
    ids = all_ids(json.loads((folder / "tokenizer.json").read_text()))
    config, generation, tokens = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("config", "generation_config", "tokenizer_config")
    )
    assert config["eos_token_id"] == generation["eos_token_id"] == [ids["<eos>"], ids["<end_of_turn>"]]
    assert config["bos_token_id"] == ids["<bos>"]
    assert "boi_token_index" not in config
    assert generation["top_k"] == 64
    bos = {str(ids["<bos>"]): {"content": "<bos>"}}
    assert tokens == {"bos_token": "<bos>", "extra": ["<h1>"], "added_tokens_decoder": bos}
    assert (folder / "README.md").is_file()
    assert not (folder / "tokenizer.model").exists()


def test_shards_and_an_output_layer_that_is_stored_beside_the_embeddings_are_cut_too(tmp_path: Path) -> None:
    base = write_whole(tmp_path / "whole")
    folder = Path(base.path)
    file = TensorFile(folder / "model.safetensors")
    tensors = {name: np.array(file[name]) for name in file.names}
    embedding = tensors.pop("model.embed_tokens.weight")
    parts = {
        "a.safetensors": tensors,
        "b.safetensors": {"model.embed_tokens.weight": embedding, "lm_head.weight": embedding},
    }
    for name, part in parts.items():
        write_tensors(folder / name, part, bfloat16=True)
    where = {tensor: name for name, part in parts.items() for tensor in part}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 1}, "weight_map": where})
    )
    (folder / "model.safetensors").unlink()
    out = Path(trimmed(base, SIZE, write_order(tmp_path / "counts.xz", TEXT), tmp_path / "out").path)
    kept = np.load(out / OLD_IDS)
    assert np.array_equal(TensorFile(out / "b.safetensors")["lm_head.weight"], embedding[kept])
    assert TensorFile(out / "a.safetensors").names == list(tensors)
    assert json.loads((out / "model.safetensors.index.json").read_text())["weight_map"] == where


def test_a_smaller_base_is_written_once_and_of_one_thing(bases: tuple[Base, Base], tmp_path: Path) -> None:
    whole, counts = bases[0], write_order(tmp_path / "counts.xz", TEXT)
    first = trimmed(whole, SIZE, counts, tmp_path / "out")
    written = (tmp_path / "out" / "config.json").stat().st_mtime_ns
    assert trimmed(whole, SIZE, counts, tmp_path / "out") == first
    assert (tmp_path / "out" / "config.json").stat().st_mtime_ns == written
    with pytest.raises(InputError, match=f"holds {SIZE} tokens of .*\nGive another --out"):
        trimmed(whole, SIZE + 1, counts, tmp_path / "out")
    with pytest.raises(InputError, match="holds"):
        trimmed(whole, SIZE, write_order(tmp_path / "other.xz", GERMAN), tmp_path / "out")


def test_a_base_that_is_small_enough_stays_as_it_is(bases: tuple[Base, Base], tmp_path: Path) -> None:
    whole = bases[0]
    said: list[str] = []
    assert trimmed(whole, 0, None, tmp_path / "out") is whole
    assert trimmed(whole, DEFAULT_SIZE, None, tmp_path / "out", said.append) is whole
    assert "all of them stay" in said[0]
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_of_a_base_that_cannot_be_cut(bases: tuple[Base, Base], tmp_path: Path) -> None:
    counts = tmp_path / "few.xz"
    write_counts(counts, Counts(("▁application",), (1,)))
    with pytest.raises(InputError, match=r"few\.xz: the pieces"):
        trimmed(bases[0], SIZE, counts, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["few.xz"]


def test_a_base_that_was_cut_before_says_both(bases: tuple[Base, Base], tmp_path: Path) -> None:
    again = trimmed(bases[1], SIZE - 20, write_order(tmp_path / "counts.xz", TEXT), tmp_path / "out")
    record = vocabulary_of(Path(again.path))["vocabulary"]
    assert (record["tokens"], record["of"]) == (SIZE - 20, SIZE)
    assert {"vocabulary": record["base"]} == vocabulary_of(Path(bases[1].path))
