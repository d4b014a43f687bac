"""A base for tuning that goes on reading plain text of the domain first."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labeler.base.claim import claim
from labeler.errors import InputError
from labeler.files import write_text
from training.model.licence import write_licence
from training.pretraining.texts import documents, text_files

if TYPE_CHECKING:
    from transformers import Gemma3ForCausalLM

    from training.pretraining.pretrain import LoopSettings

_CHARACTERS_A_TOKEN_AT_MOST = 8
_MEASURED_SHARE, _MEASURED_WINDOWS = 0.05, 64  # of the text, kept back to measure by
_CARRIED = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "chat_template*", "generation_config.json")


@dataclass(frozen=True)
class Adapted:
    """The new base; mean nats a token on `measured` tokens that were not trained on, before and after."""

    base: Path
    trained: int
    measured: int
    before: float
    after: float


def adapt(
    base: Path,
    text: Sequence[Path],
    out: Path,
    settings: LoopSettings,
    *,
    kept: Sequence[Path] = (),
    seed: int = 0,
    tokens: int | None = None,
    licence: str = "",
    compile: bool = False,
) -> Adapted:
    """Goes on with the pretraining of a Gemma 3 text model; writes `out/base`, resumable.

    Args:
        base: its folder (`training.model.base.find_base`).
        kept: files of issues kept for evaluation: texts that open with a title of theirs are not read.
        tokens: at most so many; None: all.
        licence: the base's (`training.model.licence.licence_of`), which the new one inherits.

    Raises:
        InputError: a file is wrong, the text is too short, or `out` holds another run.
    """
    import torch

    from training.pretraining.pretrain import STATE, mean_loss, pick_device, train

    if base.resolve() == (out / "base").resolve():
        raise InputError(f"{base}: would be overwritten", "Give another --out.")
    files, report = text_files(text), out / "adapted.json"
    asked = {"base": str(base), "seed": seed, "tokens": tokens, "kept": sorted(map(str, kept))}
    read = sorted([path.name, path.stat().st_size] for path in files)
    claim(out / "adapt.json", asked | asdict(settings) | {"text": read})
    if report.exists():
        return Adapted(out / "base", **json.loads(report.read_bytes()))
    characters = float("inf") if tokens is None else tokens * _CHARACTERS_A_TOKEN_AT_MOST
    texts = documents(files, seed, kept=kept, characters=characters)
    ids = _packed(texts, base / "tokenizer.json", tokens, out)
    trained, measured = _parted(ids, settings.sequence_length)
    model = _load(base).to(pick_device())
    before = mean_loss(model, measured, settings)
    rows = model.model.embed_tokens.weight.data
    original = rows.cpu().clone()
    train(model, trained, settings, out, compile=compile)
    # The loss pushes away every token that the text never holds, the turn tokens among them: tuning needs those back.
    unseen = np.setdiff1d(np.arange(len(original)), trained)
    rows[torch.from_numpy(unseen).to(rows.device)] = original[unseen].to(rows.device)
    after = mean_loss(model, measured, settings)
    _save(model, base, out / "base", licence)
    figures = {"trained": len(trained) * settings.epochs, "measured": len(measured), "before": before, "after": after}
    write_text(report, json.dumps(figures, indent=1) + "\n")
    (out / STATE).unlink(missing_ok=True)
    return Adapted(out / "base", **figures)


def _packed(texts: Iterator[str], tokenizer: Path, limit: int | None, out: Path) -> np.ndarray:
    """The ids of the texts, read from `out/tokens.npy` where they are there already."""
    from tokenizers import Tokenizer

    from training.pretraining.pretrain import pack

    cached = out / "tokens.npy"
    if not cached.exists():
        np.save(out / "tokens.tmp.npy", pack(texts, Tokenizer.from_file(str(tokenizer)), limit))
        os.replace(out / "tokens.tmp.npy", cached)
    ids: np.ndarray = np.load(cached, mmap_mode="r")
    return ids


def _parted(ids: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """(ids to train on, ids to measure by): the last windows, a twentieth, at least one and at most 64."""
    windows = (len(ids) - 1) // length
    measured = max(1, min(_MEASURED_WINDOWS, int(windows * _MEASURED_SHARE)))
    if windows < 2:
        raise InputError(f"{len(ids):,} tokens of text: not two sequences of {length}", "Give more text.")
    cut = (windows - measured) * length
    return ids[: cut + 1], ids[cut:]


def _load(base: Path) -> Gemma3ForCausalLM:
    import torch
    from transformers import Gemma3ForCausalLM

    return Gemma3ForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="sdpa")


def _save(model: Gemma3ForCausalLM, source: Path, out: Path, licence: str) -> None:
    """Writes the model's folder `out`, whole or not at all, with the tokenizer files of the folder `source`."""
    unfinished = out.with_name(out.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    for pattern in _CARRIED:
        for path in source.glob(pattern):
            if path.is_file():
                shutil.copyfile(path, unfinished / path.name)
    write_licence(unfinished, licence)
    shutil.rmtree(out, ignore_errors=True)
    os.replace(unfinished, out)
