"""A base with a smaller vocabulary: its tokenizer, its rows of the embeddings, the rest of it byte for byte."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labeler.base.claim import claim
from labeler.console.progress import say
from labeler.files import write_text
from labeler.model.tensors import TensorFile
from training.model.base import Base
from training.model.checkpoint import Weights
from training.tuning.settings import TuningSettings
from training.vocabulary.counts import read_counts
from training.vocabulary.cut_record import describe, write_record
from training.vocabulary.keep import all_ids, kept_ids
from training.vocabulary.smaller_tokenizer import Renumbering

OLD_IDS = "old_ids.npy"  # int32: new id -> id in the base
_ORIGIN = "origin.txt"
_BY_TOKEN = ("embed_tokens.weight", "lm_head.weight")  # a row for each token
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")
_CONFIGS = ("generation_config.json", "config.json")
_AS_IT_IS = ("*.md", "*.jinja", "NOTICE*", "LICEN[CS]E*", "*TERMS*")
_ROWS = 16_384  # copied at once
Progress = Callable[[str], None]


def fitted_base(base: Base, settings: TuningSettings, out: Path) -> Base:
    """The base of the run in the folder `out`, with the vocabulary that its settings ask for (`trimmed`)."""
    counts = Path(settings.vocabulary_counts) if settings.vocabulary_counts else None
    return trimmed(base, settings.vocabulary, counts, out / "base" / "trimmed", say)


def trimmed(base: Base, size: int, counts: Path | None, out: Path, progress: Progress = lambda step: None) -> Base:
    """The base with the `size` tokens that are used most, written as a checkpoint into `out`, once.

    A base that has no more tokens than that, or a size of 0, changes nothing: it is returned as it is.

    Args:
        counts: a file of `training.vocabulary.counts`; None for those that ship.
        out: whole or absent; it also holds the kept tokens' old ids (old_ids.npy) and vocabulary.json.

    Raises:
        LabelerError: the base's tokenizer is of another kind, counts and size do not fit, or `out` holds another base.
    """
    if not size:
        return base
    folder, used = Path(base.path), read_counts(counts)
    origin = f"{size} tokens of {folder.resolve()} by {used.name} ({used.sha256[:12]})"
    found = replace(base, path=str(out.resolve()))
    if (out / _ORIGIN).is_file():
        claim(out / _ORIGIN, origin)
        return found
    state = json.loads(base.tokenizer.read_bytes())
    rows = Weights(folder).shape("embed_tokens.weight")[0]
    whole = sum(token < rows for token in all_ids(state).values())
    if size >= whole:
        progress(f"vocabulary: the base has {whole:,} tokens, all of them stay")
        return base
    progress(f"vocabulary: {size:,} of {whole:,} tokens")
    kept = kept_ids(state, used.pieces, size, rows=rows, counts=used.name)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _write_files(folder, part, state, kept)
        for name in _weight_files(folder):
            progress(f"vocabulary: {name}")
            gather_rows(folder / name, part / name, rows, kept)
        np.save(part / OLD_IDS, kept)
        by = {"name": used.name, "sha256": used.sha256}
        write_record(part, describe(kept, whole, by, folder))
        write_text(part / _ORIGIN, origin)
        shutil.rmtree(out, ignore_errors=True)  # of nothing that this function wrote whole
        os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return found


def _write_files(folder: Path, out: Path, state: dict[str, Any], kept: np.ndarray) -> None:
    """All but the weights. A sentencepiece model is left out: it has the whole vocabulary."""
    new = Renumbering(state, kept)
    made = {"tokenizer.json": new.tokenizer(state)}
    for names, change in ((_SETTINGS, new.tokenizer_settings), (_CONFIGS, new.config)):
        for name in names:
            if (folder / name).is_file():
                made[name] = change(json.loads((folder / name).read_bytes()))
    made["config.json"]["vocab_size"] = len(kept)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        made[index.name] = json.loads(index.read_bytes()) | {"metadata": {}}  # its total size is no longer true
    for name, document in made.items():
        write_text(out / name, json.dumps(document, ensure_ascii=False, indent=None if name == "tokenizer.json" else 1))
    for pattern in _AS_IT_IS:
        for path in folder.glob(pattern):
            shutil.copyfile(path, out / path.name)


def _weight_files(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return ["model.safetensors"]
    return sorted(set(json.loads(index.read_bytes())["weight_map"].values()))


def gather_rows(source: Path, target: Path, rows: int, kept: np.ndarray) -> None:
    """Copies a safetensors file; of tensors with a row for each of `rows` tokens the `kept` rows alone.

    Names, order and number formats stay. Memory holds a part of one tensor at a time.
    """
    file = TensorFile(source)
    with open(source, "rb") as raw:
        header = json.loads(raw.read(int.from_bytes(raw.read(8), "little")))
    gathered = {n for n in file.names if n.endswith(_BY_TOKEN) and file[n].ndim == 2 and len(file[n]) == rows}
    offset = 0
    for name in file.names:
        entry = header[name]
        shape = [len(kept), *entry["shape"][1:]] if name in gathered else entry["shape"]
        size = file[name].itemsize * int(np.prod(shape))
        header[name] = entry | {"shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 64)  # so that every tensor can start on an aligned address
    with open(target, "wb") as copy:
        copy.write(len(text).to_bytes(8, "little") + text)
        for name in file.names:
            for part in _parts(file[name], kept if name in gathered else None):
                copy.write(np.ascontiguousarray(part).data)


def _parts(tensor: np.ndarray, kept: np.ndarray | None) -> Iterator[np.ndarray]:
    if kept is None:
        yield tensor
        return
    for start in range(0, len(kept), _ROWS):
        yield tensor[kept[start : start + _ROWS]]
