"""From the tuned checkpoint to a bundle, which is not calibrated yet."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from labeler import __version__
from labeler.bundle import Manifest
from labeler.labels import LabelSet
from training.base import Base
from training.export import export
from training.licence import licence_of
from training.quantisation import Grid, Quantisation
from training.rounding import GivenScales
from training.starter.recipe import Recipe

_VERSIONS = ("torch", "tokenizers", "safetensors")


def export_tuned(
    recipe: Recipe,
    labels: LabelSet,
    merged: Path,
    scales: Path | None,
    out: Path,
    facts: Mapping[str, Any],
    progress: Callable[[str], None] = lambda step: None,
) -> Manifest:
    """The bundle `out` of a merged checkpoint, in the recipe's bits.

    Args:
        scales: those that tuning rounded by: then the bundle holds exactly the weights that it saw.
        facts: `provenance`.
    """
    return export(
        merged,
        labels,
        out,
        name=recipe.name,
        version=recipe.version,
        base_model=recipe.base_model,
        token_budget=recipe.token_budget,
        provenance=dict(facts),
        progress=progress,
        **_rounding(recipe, scales),
    )


def _rounding(recipe: Recipe, scales: Path | None) -> dict[str, Any]:
    """How `export` is to round; where weights were never seen rounded, as it does by itself."""
    if scales is None:
        return {}
    four_bit = recipe.four_bit
    matrices, embeddings = Grid(four_bit.bits, four_bit.block), Grid(four_bit.embeddings, four_bit.block)
    return {"quantisation": Quantisation.uniform(matrices, embeddings), "rounding": GivenScales(scales)}


def provenance(
    recipe: Recipe, base: Base, dataset: Mapping[str, Any], adapter: Path | None, result: Mapping[str, Any]
) -> dict[str, Any]:
    """Facts for the manifest and the card (`training.card`)."""
    position, tuning, four_bit = result["position"], recipe.tuning, recipe.four_bit
    settings = {key: value for key, value in asdict(recipe.tuning).items() if value} | {
        "four_bit": f"from {four_bit.begin:g} on, {four_bit.bits} bits, blocks of {four_bit.block}",
        "shares": ", ".join(f"{kind} {variation.share:g}" for kind, variation in recipe.mixture.kinds.items()),
        "seed": recipe.seed,
        "steps": position["step"],
        "issues": position["rows"],
        "tokens": position["tokens"],
        "seconds": round(position["seconds"]),
    }
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
