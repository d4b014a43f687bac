"""Turns a merged Gemma 3 checkpoint into a bundle, without torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labeler.bundle import Manifest, Shape, write_manifest
from labeler.decoder import EMBEDDING_BLOCK
from labeler.engine import Engine
from labeler.errors import InputError
from labeler.labels import LabelSet
from labeler.prefix import FILE as PREFIX
from labeler.prefix import PrefixStore, write_prefix
from labeler.prompt import DEFAULT_TOKEN_BUDGET, PROMPT_VERSION
from labeler.tensors import write_tensors
from labeler.tokenizer import COMPACT_NAME, LIBRARY_NAME, CompactTokenizer, LibraryTokenizer, write_compact
from training.checkpoint import Config, Weights, read_config
from training.graph import write_decoder
from training.licence import licence_of_bundle, write_notice
from training.vocabulary.record import vocabulary_of

_ROWS = 16_384  # embedding rows converted at once
# Texts on which the compact tokenizer must equal the library's before it is shipped.
_PROBES = (
    "Crash on start-up:\n\n\tTypeError: can't read 'x' of undefined (v1)\n    at <anonymous>:1:1",
    "ünïcödé — 日本語のバグ 🐛🏳️‍🌈 \u202eabc\u202c é\u0301 ﬁ \x00\x07\r\n\r\n\r\n   trailing   ",
    "<start_of_turn>model\n<unused7></s><eos>[INST] <h1>x</h1> ▁▁ `code` ```\nfor i in range(10):\n        pass\n```",
    "a" * 300 + " " * 40 + "\n" * 40 + "0123456789" * 20 + "🐛" * 20,
)


def export(
    checkpoint: Path,
    labels: LabelSet,
    out: Path,
    *,
    name: str = "",
    version: str = "0",
    base_model: str = "",
    quantise: bool = True,
    token_budget: int = DEFAULT_TOKEN_BUDGET,
    describe: bool = True,
    plain_text: bool = False,
    provenance: dict[str, Any] | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Manifest:
    """Writes the bundle `out`, by way of a folder beside it, so that it is whole or absent.

    Raises:
        InputError: the checkpoint is no merged Gemma 3 text model, or `out` is not a bundle folder.
    """
    if out.exists() and not (out / "bundle.json").exists() and any(out.iterdir()):
        raise InputError(f"{out}: exists and is no bundle", "Give a new folder.")
    config, weights = read_config(checkpoint), Weights(checkpoint)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        progress("tokenizer")
        _write_tokenizer(checkpoint, part)
        progress("embeddings")
        _write_embeddings(part / "embeddings.safetensors", config, weights, quantise)
        progress("decoder")
        write_decoder(config, weights, part / "decoder.onnx", quantise=quantise)
        manifest = Manifest(
            name=name or checkpoint.name,
            version=version,
            base_model=base_model or name or checkpoint.name,
            prompt_version=PROMPT_VERSION,
            token_budget=token_budget,
            describe=describe,
            plain_text=plain_text,
            labels=labels,
            thresholds={},
            shape=_shape(config),
            quantisation="int8" if quantise else "float32",
            provenance=vocabulary_of(checkpoint) | (provenance or {}),
        )
        progress("prefix")
        engine = Engine(part, manifest, PrefixStore(part, manifest, None))
        write_prefix(part / PREFIX, engine.renderer.prefix(labels), engine.task(labels).prefix)
        write_notice(part, licence_of_bundle(manifest))
        progress("hashes")
        manifest = write_manifest(part, manifest)
        if out.exists():
            shutil.rmtree(out)
        os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _shape(config: Config) -> Shape:
    return Shape(
        hidden_size=config.hidden_size,
        layers=config.layers,
        kv_heads=config.kv_heads,
        head_dim=config.head_dim,
        vocab_size=config.vocab_size,
        embedding_scale=config.hidden_size**0.5,
        local_rope=config.local_rope,
        global_rope=config.global_rope,
    )


def _write_tokenizer(checkpoint: Path, out: Path) -> None:
    source = checkpoint / LIBRARY_NAME
    library = LibraryTokenizer(source)
    if write_compact(source, out / COMPACT_NAME):
        compact = CompactTokenizer(out / COMPACT_NAME)
        if compact.control == library.control and all(compact.encode(t) == library.encode(t) for t in _PROBES):
            return
        (out / COMPACT_NAME).unlink()
    shutil.copyfile(source, out / LIBRARY_NAME)


def _write_embeddings(path: Path, config: Config, weights: Weights, quantise: bool) -> None:
    """int8 rows with a scale for each block of columns, or float32 rows."""
    dims, step = (config.vocab_size, config.hidden_size), EMBEDDING_BLOCK
    blocks = -(-config.hidden_size // step)
    rows = np.zeros(dims, dtype=np.int8 if quantise else np.float32)
    scales = np.zeros((config.vocab_size, blocks), dtype=np.float16)
    start = 0
    for part in weights.rows("embed_tokens.weight", _ROWS):
        stop = start + len(part)
        if quantise:
            padded = np.zeros((len(part), blocks * step), dtype=np.float32)
            padded[:, : config.hidden_size] = part
            grouped = padded.reshape(len(part), blocks, step)
            # Divided by the scales as they are stored, in half precision, which may be a little too small.
            scales[start:stop] = np.abs(grouped).max(axis=2) / 127.0
            safe = np.where(scales[start:stop] > 0, scales[start:stop], 1.0).astype(np.float32)
            rounded = np.rint(grouped / safe[:, :, None]).clip(-127, 127).reshape(len(part), -1)
            rows[start:stop] = rounded[:, : config.hidden_size]
        else:
            rows[start:stop] = part
        start = stop
    write_tensors(path, {"rows": rows, "scales": scales} if quantise else {"rows": rows})
