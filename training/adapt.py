"""A base for tuning: one that goes on reading plain text of the domain, or a small one made from nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labeler.errors import InputError
from labeler.files import write_text
from training.claim import claim
from training.licence import write_licence
from training.recipe import check_recipe
from training.texts import documents, text_files

if TYPE_CHECKING:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    from training.pretrain import LoopSettings

CHARACTERS_A_TOKEN = 3.4  # a little above what a new tokenizer reaches, so that the text suffices
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
        base: its folder (`training.base.find_base`).
        kept: files of issues kept for evaluation: texts that open with a title of theirs are not read.
        tokens: at most so many; None: all.
        licence: the base's (`training.licence.licence_of`), which the new one inherits.

    Raises:
        InputError: a file is wrong, the text is too short, or `out` holds another run.
    """
    import torch

    from training.pretrain import mean_loss, pick_device, train

    if base.resolve() == (out / "base").resolve():
        raise InputError(f"{base}: would be overwritten", "Give another --out.")
    files, report = text_files(text), out / "adapted.json"
    asked = {"base": str(base), "seed": seed, "tokens": tokens, "kept": sorted(map(str, kept))}
    _claim(out, asked | asdict(settings), files)
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
    _save(model, base, out, licence)
    figures = {"trained": len(trained) * settings.epochs, "measured": len(measured), "before": before, "after": after}
    write_text(report, json.dumps(figures, indent=1) + "\n")
    _remove_state(out)
    return Adapted(out / "base", **figures)


def from_scratch(recipe: Mapping[str, Any], text: Sequence[Path], out: Path, *, compile: bool = True) -> Path:
    """Makes a tokenizer and a small Gemma 3 by a recipe (`training/recipes`); writes `out/base`, resumable.

    Raises:
        InputError: the recipe lacks something, a file is wrong, the text is too short, or `out` holds another run.
    """
    import torch
    from transformers import Gemma3ForCausalLM

    from training.pretrain import LoopSettings, pick_device, train

    check_recipe(recipe, ("tokenizer", "model", "pretrain"), "the recipe")
    settings = LoopSettings.of(recipe["pretrain"], "[pretrain]")
    files = text_files(text)
    _claim(out, {key: recipe[key] for key in ("seed", "tokenizer", "model", "pretrain")}, files)
    if (out / "base" / "config.json").exists():
        return out / "base"
    torch.manual_seed(recipe["seed"])
    tokens = _recipe_tokens(recipe, files, out)
    model = Gemma3ForCausalLM(_config(recipe)).to(pick_device())
    train(model, tokens, settings, out, compile=compile)
    _start_turn_tokens(model, out / "tokenizer.json")
    base = _save(model, out, out, recipe.get("licence", ""))
    _remove_state(out)
    return base


def _claim(out: Path, settings: Mapping[str, Any], files: Sequence[Path]) -> None:
    claim(out / "adapt.json", {**settings, "text": sorted([path.name, path.stat().st_size] for path in files)})


def _recipe_tokens(recipe: Mapping[str, Any], files: Sequence[Path], out: Path) -> np.ndarray:
    """The text as one array of `pretrain.tokens` ids, and `out/tokenizer.json`, trained on its beginning."""
    from training.tokenizer import train_tokenizer

    settings, tokenizer = recipe["pretrain"], out / "tokenizer.json"
    kept = [path for part in settings.get("kept", []) for path in files if part in path.name]
    read = [path for path in files if path not in kept]
    characters = int(settings["tokens"] * CHARACTERS_A_TOKEN)

    def texts() -> Iterator[str]:
        return documents(read, recipe["seed"], mix=settings.get("mix"), kept=kept, characters=characters)

    if not tokenizer.exists():
        sample, size = [], 0
        for text in texts():
            sample.append(text)
            size += len(text)
            if size >= recipe["tokenizer"]["sample_characters"]:
                break
        train_tokenizer(sample, recipe["tokenizer"]["vocab_size"]).save(str(out / "tokenizer.tmp"))
        os.replace(out / "tokenizer.tmp", tokenizer)
    return _packed(texts(), tokenizer, settings["tokens"], out)


def _packed(texts: Iterator[str], tokenizer: Path, limit: int | None, out: Path) -> np.ndarray:
    """The ids of the texts, read from `out/tokens.npy` where they are there already."""
    from tokenizers import Tokenizer

    from training.pretrain import pack

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


def _config(recipe: Mapping[str, Any]) -> Gemma3TextConfig:
    from transformers import Gemma3TextConfig

    return Gemma3TextConfig(
        vocab_size=recipe["tokenizer"]["vocab_size"],
        query_pre_attn_scalar=recipe["model"]["head_dim"],
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
        attn_implementation="sdpa",
        **recipe["model"],
    )


def _start_turn_tokens(model: Gemma3ForCausalLM, tokenizer_json: Path) -> None:
    """Gives the turn tokens, which plain text never holds, the embeddings of a document's begin and end.

    LoRA leaves embeddings as they are: without this an answer could only end in a token that all of
    pretraining has pushed away.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    rows = model.model.embed_tokens.weight.data
    for turn, document in (("<start_of_turn>", "<bos>"), ("<end_of_turn>", "<eos>")):
        rows[tokenizer.token_to_id(turn)] = rows[tokenizer.token_to_id(document)]


def _save(model: Gemma3ForCausalLM, source: Path, out: Path, licence: str) -> Path:
    """Writes `out/base`, whole or not at all, with the tokenizer files of the folder `source`."""
    base, unfinished = out / "base", out / "base.tmp"
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    for pattern in _CARRIED:
        for path in source.glob(pattern):
            if path.is_file() and path.suffix != ".tmp":
                shutil.copyfile(path, unfinished / path.name)
    write_licence(unfinished, licence)
    shutil.rmtree(base, ignore_errors=True)
    os.replace(unfinished, base)
    return base


def _remove_state(out: Path) -> None:
    from training.pretrain import STATE

    (out / STATE).unlink(missing_ok=True)
