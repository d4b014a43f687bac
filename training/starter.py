"""The starter: its dataset, a base made from nothing, LoRA tuning and the bundle, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any


def make_starter(recipe: Mapping[str, Any], data: Path, out: Path, *, compile: bool = True) -> Path:
    """Writes `out/dataset`, `out/base` and the run `out/tuned`, keeps what is whole already; makes the bundle anew.

    Args:
        recipe: `training.recipe.read_recipe`.
        data: the folder of the gzipped JSON lines (`training.corpus.FILES`, and unlabelled text).
        compile: whether pretraining compiles the model; tuning does as the recipe's preset says.

    Raises:
        LabelerError: the recipe or the data lack something, or `out` was begun with others.
    """
    from training.adapt import from_scratch
    from training.bundle_run import make_bundle
    from training.claim import claim
    from training.run import RECORD, run
    from training.settings import read_settings
    from training.starter_data import write_starter_dataset

    settings = read_settings(recipe["preset"])
    claim(out / "starter.json", {"dataset": recipe["dataset"], "settings": asdict(settings)})
    dataset = write_starter_dataset(recipe, data, out / "dataset")
    base, tuned = from_scratch(recipe, [data], out, compile=compile), out / "tuned"
    run(settings, dataset, str(base), tuned, backend="peft", resume=(tuned / RECORD).is_file(), bundle=False)
    return make_bundle(
        tuned,
        name="starter",
        version=recipe["version"],
        base_model="a small Gemma 3 made from nothing (training/recipes/starter.toml)",
        command="python -m training starter --data DATA --out runs/starter",
    )
