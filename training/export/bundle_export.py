"""Turns a merged Gemma 3 checkpoint into a bundle, without torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.model.bundle import Manifest, Shape, write_manifest
from labeler.model.engine import Engine
from labeler.model.prefix import FILE as PREFIX
from labeler.model.prefix import PrefixStore, write_prefix
from labeler.model.tokenizer import COMPACT_NAME, LIBRARY_NAME, CompactTokenizer, LibraryTokenizer, write_compact
from labeler.text.prompt import DEFAULT_TOKEN_BUDGET, PROMPT_VERSION
from training.export.embeddings import write_embeddings
from training.export.graph import write_decoder
from training.model.checkpoint import Config, Weights, read_config
from training.model.licence import licence_of_bundle, write_notice
from training.quantise.quantisation import EIGHT_BITS, Quantisation
from training.quantise.rounding import Rounding, nearest
from training.vocabulary.cut_record import vocabulary_of

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
    quantisation: Quantisation = EIGHT_BITS,
    rounding: Rounding = nearest,
    fine: Sequence[int] = (),
    token_budget: int = DEFAULT_TOKEN_BUDGET,
    describe: bool = True,
    plain_text: bool = False,
    provenance: dict[str, Any] | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Manifest:
    """Writes the bundle `out`, by way of a folder beside it, so that it is whole or absent.

    Args:
        quantise: False keeps 32-bit weights, whatever `quantisation` says.
        fine: the tokens whose embeddings are in 8 bits where the others are in 4, `quantisation.fine` of them.

    Raises:
        InputError: the checkpoint is no merged Gemma 3 text model, a weight is no finite number, or `out` is not a
            bundle folder.
    """
    if out.exists() and not (out / "bundle.json").exists() and any(out.iterdir()):
        raise InputError(f"{out}: exists and is no bundle", "Give a new folder.")
    config, weights = read_config(checkpoint), Weights(checkpoint)
    chosen = quantisation if quantise else None
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        progress("tokenizer")
        _write_tokenizer(checkpoint, part)
        progress("embeddings")
        write_embeddings(part / "embeddings.safetensors", config, weights, chosen, rounding, fine)
        progress("decoder")
        write_decoder(config, weights, part / "decoder.onnx", chosen, rounding)
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
            quantisation=str(chosen or "float32"),
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
