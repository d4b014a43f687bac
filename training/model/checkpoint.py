"""Reads a merged Gemma 3 text checkpoint in Hugging Face form, without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labeler.errors import InputError
from labeler.model.bundle import Rope
from labeler.model.tensors import TensorFile
from training.model.config_keys import GLOBAL, LOCAL, Keys, read_document

EMBEDDINGS = "embed_tokens.weight"
_PREFIXES = ("model.", "language_model.model.", "model.language_model.", "")
_OUTPUT = "lm_head.weight"
_FLOATS = ("F64", "F32", "F16", "BF16")
_ROWS = 16_384  # of the embeddings, compared at once


@dataclass(frozen=True)
class Config:
    """The facts of config.json that the graph depends on."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    norm_epsilon: float
    attention_scale: float
    window: int
    is_local: tuple[bool, ...]  # one a layer
    local_rope: Rope
    global_rope: Rope


def read_config(folder: Path) -> Config:
    """Reads config.json, in the style of transformers 4 or 5 (`training.model.config_keys`).

    Raises:
        InputError: it is missing or wrong, or names something the graph does not do.
    """
    path = folder / "config.json"
    return config_of(path, read_document(path))


def config_of(path: Path, document: dict[str, Any]) -> Config:
    """The same of a config.json's content; errors name `path`."""
    keys = Keys(path, document)
    heads, kv_heads, head_dim = keys.heads()
    return Config(
        hidden_size=keys.size("hidden_size"),
        intermediate_size=keys.size("intermediate_size"),
        layers=keys.size("num_hidden_layers"),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=keys.size("vocab_size"),
        norm_epsilon=keys.number("rms_norm_eps"),
        attention_scale=keys.number("query_pre_attn_scalar") ** -0.5,
        window=keys.window(),
        is_local=keys.is_local(),
        local_rope=Rope(*keys.rope(LOCAL)),
        global_rope=Rope(*keys.rope(GLOBAL)),
    )


class Weights:
    """The tensors of a checkpoint, one file or sharded, as float32; read one by one.

    Raises:
        InputError: files are missing, it is no Gemma 3 text model, or its output layer is not its embeddings.
    """

    def __init__(self, folder: Path) -> None:
        names = _file_names(folder)
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise InputError(f"{folder}: no {', '.join(missing)}", "Save the merged model with safetensors.")
        self._folder = folder
        self._files = [TensorFile(folder / name) for name in names]
        self._where = {name: file for file in self._files for name in file.names}
        found = next((prefix for prefix in _PREFIXES if prefix + EMBEDDINGS in self._where), None)
        if found is None:
            hint = (
                "It looks like an adapter: merge it into its base first."
                if (any("lora_" in name for name in self._where))
                else "Is it a Gemma 3 text model?"
            )
            raise InputError(f"{folder}: no {EMBEDDINGS}", hint)
        self._prefix = found
        self._refuse_own_output()

    @property
    def names(self) -> list[str]:
        """Of the text model's tensors, without its prefix; the output layer is the embeddings."""
        return [self._short(name) for name in self._where if self._is_text(name)]

    def shape(self, name: str) -> tuple[int, ...]:
        """Of one tensor. Raises InputError where the checkpoint lacks it, or it is quantised."""
        full = self._full(name)
        return self._where[full][full].shape

    def __call__(self, name: str) -> np.ndarray:
        """One tensor as float32.

        Raises:
            InputError: the checkpoint lacks it, or it is quantised.
        """
        full = self._full(name)
        return self._where[full].as_float32(full)

    def rows(self, name: str, step: int) -> Iterator[np.ndarray]:
        """Slices of `step` rows of a matrix, as float32: an embedding table is large."""
        full = self._full(name)
        return _rows(self._where[full], full, step)

    def files(self) -> Iterator[tuple[TensorFile, dict[str, str]]]:
        """Each file with the text model's tensors in it: name in the file -> name without prefix."""
        for file in self._files:
            yield file, {name: self._short(name) for name in file.names if self._is_text(name)}

    def _short(self, name: str) -> str:
        return name.removeprefix(self._prefix)

    def _is_text(self, name: str) -> bool:
        return name.startswith(self._prefix) and not name.endswith(_OUTPUT)

    def _full(self, name: str) -> str:
        full = self._prefix + name
        if full not in self._where:
            raise InputError(f"{self._folder}: no tensor {full}", "The checkpoint is incomplete.")
        return self._checked(full)

    def _checked(self, full: str) -> str:
        if (kind := self._where[full].dtype(full)) not in _FLOATS:
            raise InputError(
                f"{self._folder}: {full} is of type {kind}", "Give the 16-bit model that it was made from."
            )
        return full

    def _refuse_own_output(self) -> None:
        """Bundles and merged checkpoints have one matrix for both ends of the model."""
        if output := next((name for name in self._where if name.endswith(_OUTPUT)), ""):
            if self._are_equal(self._full(EMBEDDINGS), self._checked(output)):
                return
            what = f"{self._folder}: {output} differs from the embeddings"
        elif _says_untied(self._folder / "config.json"):
            what = f"{self._folder}: tie_word_embeddings is false, and there is no {_OUTPUT}"
        else:
            return
        remedy = "An output layer of its own cannot be exported: use a base that has none, and tune it without lm_head."
        raise InputError(what, remedy)

    def _are_equal(self, *names: str) -> bool:
        files = [self._where[name] for name in names]
        if files[0][names[0]].shape != files[1][names[1]].shape:
            return False
        parts = (_rows(file, name, _ROWS) for file, name in zip(files, names, strict=True))
        return all(np.array_equal(one, other) for one, other in zip(*parts, strict=True))


def _file_names(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return ["model.safetensors"]
    try:
        return sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{index}: no index of safetensors files", "Download or save it again.") from error


def _rows(file: TensorFile, name: str, step: int) -> Iterator[np.ndarray]:
    raw = file[name]
    for start in range(0, len(raw), step):
        part = raw[start : start + step]
        if file.is_bfloat16(name):
            yield (part.astype(np.uint32) << 16).view(np.float32)
        else:
            yield part.astype(np.float32)


def _says_untied(path: Path) -> bool:
    if not path.is_file():
        return False
    document: dict[str, Any] = read_document(path)
    return False in (
        document.get("tie_word_embeddings"),
        (document.get("text_config") or {}).get("tie_word_embeddings"),
    )
