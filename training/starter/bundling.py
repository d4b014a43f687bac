"""From the tuned checkpoint to a bundle, which is not calibrated yet."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from labeler import __version__
from labeler.labels.label_set import LabelSet
from labeler.model.bundle import Manifest
from labeler.model.tokenizer import LIBRARY_NAME
from training.export.bundle_export import export
from training.model.base import Base
from training.model.checkpoint import Weights, read_config
from training.model.licence import licence_of
from training.quantise.gptq import calibrated
from training.quantise.rounding import GivenBlocks, Rounding
from training.starter.recipe import FourBitSettings, Recipe
from training.vocabulary.fine import fine_tokens

_VERSIONS = ("torch", "tokenizers", "safetensors")


def export_tuned(
    recipe: Recipe,
    labels: LabelSet,
    merged: Path,
    out: Path,
    how: Rounding | Sequence[Sequence[int]],
    facts: Mapping[str, Any],
    progress: Callable[[str], None] = lambda step: None,
) -> Manifest:
    """The bundle `out` of a merged checkpoint, in the recipe's form.

    Args:
        how: what tuning or distilling made of the matrices: then the bundle holds exactly that. Or the prompts (token
            ids) that they are rounded for.
        facts: `provenance`.
    """
    fine = fine_tokens(merged / LIBRARY_NAME, recipe.four_bit.fine)
    form = recipe.four_bit.quantisation(len(fine))
    if callable(how):
        rounding = how
    else:
        blocks = calibrated(read_config(merged), Weights(merged), how, form, fine=fine, progress=progress)
        rounding = GivenBlocks(blocks)
    return export(
        merged,
        labels,
        out,
        name=recipe.name,
        version=recipe.version,
        base_model=recipe.base_model,
        token_budget=recipe.token_budget,
        provenance=dict(facts),
        quantisation=form,
        rounding=rounding,
        fine=fine,
        progress=progress,
    )


def rounding_in_words(four_bit: FourBitSettings) -> str:
    if four_bit.distil_rows:
        return f"are rounded after it, and learn to answer as they did, on {four_bit.distil_rows:,} issues"
    return f"are rounded after it, for what they compute on {four_bit.texts:,} prompts"


def provenance(
    recipe: Recipe, base: Base, dataset: Mapping[str, Any], adapter: Path | None, result: Mapping[str, Any]
) -> dict[str, Any]:
    """Facts for the manifest and the card (`training.model.card`)."""
    position, tuning, four_bit = result["position"], recipe.tuning, recipe.four_bit
    settings = {key: value for key, value in asdict(recipe.tuning).items() if value} | {
        "form": f"{four_bit.form}, embeddings of {four_bit.fine:,} tokens, control tokens, tags and bytes in 8 bits",
        "rounding": f"tuning saw the embeddings as they are; matrices {rounding_in_words(four_bit)}",
        "shares": ", ".join(f"{kind} {variation.share:g}" for kind, variation in recipe.mixture.kinds.items()),
        "seed": recipe.seed,
        "steps": position["step"],
        "issues": position["rows"],
        "tokens": position["tokens"],
        "seconds": round(position["seconds"]),
    }
    if distilled := result.get("distilled"):
        settings |= {"distilled on": distilled["rows"], "distilled in": f"{distilled['seconds']:.0f} s"}
    if adapter is not None:
        settings["on from"] = adapter.name
    budget = f"--rows {tuning.rows}" if tuning.rows else f"--seconds {tuning.seconds:.0f}"
    words = ["python -m training starter --data DATA --base BASE --out runs/starter", budget]
    found = {
        "made": date.today().isoformat(),
        "licence": licence_of(base.name, Path(base.path)) or licence_of(recipe.base_model),
        "base revision": base.revision,
        "data": "the starter's material (training/starter/material.py)",
        "data sha256": dataset["sha256"],
        "rows": dataset["piles"],
        "sources": dataset["sources"],
        "settings": settings,
        "device": result["device"],
        "command": " ".join(words + ([f"--adapter {adapter.name}"] if adapter is not None else [])),
        "versions": {"issue-labeler": __version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _VERSIONS},
    }
    return {key: value for key, value in found.items() if value != ""}
