"""The starter: its dataset, a base made from nothing, LoRA tuning and the bundle, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any


def called(tuned_on: int = 0) -> str:
    """What the card of a run calls its base: `tuned_on` are the rows of the run before it."""
    before = f" and tuned once before, on {tuned_on:,} rows" if tuned_on else ""
    return f"a small Gemma 3 made from nothing{before} (training/recipes/starter.toml)"


def make_starter(recipe: Mapping[str, Any], data: Path, out: Path, *, compile: bool = True) -> Path:
    """Writes `out/dataset`, `out/base` and the runs `out/tuned-1`, …, keeps what is whole already; bundles the last.

    Each of the recipe's presets is a run, on the base or on the bundle of the run before it: from a starter that was
    shipped, the later ones go as from one's own.

    Args:
        recipe: `training.recipe.read_recipe`.
        data: the folder of the gzipped JSON lines (`training.corpus.FILES`, and unlabelled text).
        compile: whether pretraining compiles the model; tuning does as the recipe's presets say.

    Raises:
        LabelerError: the recipe or the data lack something, or `out` was begun with others.
    """
    from training.adapt import from_scratch
    from training.bundle_run import make_bundle
    from training.claim import claim
    from training.run import RECORD, read_record, run
    from training.settings import read_settings
    from training.starter_data import write_starter_dataset

    settings = [read_settings(preset) for preset in recipe["presets"]]
    claim(out / "starter.json", {"dataset": recipe["dataset"], "settings": [asdict(one) for one in settings]})
    dataset = write_starter_dataset(recipe, data, out / "dataset")
    bundle, rows = from_scratch(recipe, [data], out, compile=compile), 0
    for number, one in enumerate(settings, 1):
        base, tuned = bundle, out / f"tuned-{number}"
        bundle = tuned / "bundle"
        run(one, dataset, str(base), tuned, backend="peft", resume=(tuned / RECORD).is_file(), bundle=False)
        before, rows = rows, read_record(tuned)["plan"]["rows"]["train"]
        if number < len(settings) and bundle.is_dir():
            continue  # made anew, it would be another base for the next run
        make_bundle(
            tuned,
            name="starter",
            version=recipe["version"],
            base_model=called(before),
            command="python -m training starter --data DATA --out runs/starter",
        )
    return bundle
