"""Makes the starter by its recipe: rows, tuning, rounding, bundle, calibration, card; each stage once.

OUT/starter.json          what was asked for: another recipe, base or adapter is refused
OUT/base/                 the base, where it had to be converted or trimmed
OUT/dataset.json          files, counts, what was left out (`training.starter.dataset_record`)
OUT/rows.json             the rows by number, and once it is tuned those that it was shown
                          (`training.starter.rows_record`), with those that its matrices were rounded for
OUT/log.jsonl, state.pt   the tuning (`training.fast.loop`)
OUT/adapter/              what it learned, as peft loads it, and what came of it in result.json
OUT/blocks.safetensors    "LAYER.self_attn.q_proj.codes" and ".scales": the rounded matrices; only where the recipe has
                          them distilled
OUT/merged/               the model in bfloat16
OUT/bundle/               what the action loads, calibrated on its own bytes; whole or absent
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from labeler.base.claim import claim
from labeler.errors import InputError
from labeler.files import write_text
from labeler.labels.label_set import LabelSet, read_labels
from labeler.model.bundle import MANIFEST, sha256
from labeler.model.tokenizer import LIBRARY_NAME
from training.model.base import Base, find_base
from training.starter.dataset_record import write_dataset_record
from training.starter.material import Material
from training.starter.recipe import Recipe
from training.starter.rows_record import ROWS, add_dealt, write_rows
from training.starter.selection import Selection, select
from training.vocabulary.trimming import trimmed

ADAPTER, BLOCKS, MERGED, BUNDLE, RESULT = "adapter", "blocks.safetensors", "merged", "bundle", "result.json"
Progress = Callable[[str], None]


def make_starter(
    recipe: Recipe,
    data: Path,
    base: str,
    out: Path,
    *,
    adapter: Path | None = None,
    compile: bool = True,
    rows: int = 0,
    seconds: float = 0.0,
    earlier: Sequence[Path] = (),
    people: int = 600,
    large: int = 600,
    lists: int = 26,
    tune_only: bool = False,
    progress: Progress = print,
) -> Path:
    """Goes through the stages that are not done yet; returns the bundle's folder.

    Args:
        base: as for `training run`; its vocabulary is cut down to the recipe's.
        adapter: LoRA to go on from.
        rows, seconds: take the place of the recipe's budget where one of them is given.
        earlier: `rows.json` of the runs that made the adapter: their rows do not calibrate.
        people, large: rows of each view to calibrate on; lists: issues of each list for validation.
        tune_only: leave the bundle to another call, on another machine if need be.

    Raises:
        LabelerError: something is missing or wrong, or `out` was begun with something else; nothing is tuned then.
    """
    bundle = out / BUNDLE
    if rows or seconds:
        recipe = replace(recipe, tuning=replace(recipe.tuning, rows=rows, seconds=seconds))
    found, labels, material = _base(recipe, base, out, progress), read_labels(recipe.labels), Material(data)
    selection = select(material, labels.names, recipe.data, recipe.seed)
    _claim(recipe, found, adapter, out)
    dataset = write_dataset_record(recipe, material, selection, out)
    _say_plan(recipe, found, adapter, dataset, progress)
    if not (out / RESULT).is_file():
        _tune(recipe, found, labels, selection, data, out, adapter, compile, progress)
    if not tune_only and not (bundle / MANIFEST).is_file():
        from training.starter.bundling import export_tuned, provenance
        from training.starter.calibrating import calibrate_bundle

        making = out / f"{BUNDLE}.making"
        facts = provenance(recipe, found, dataset, adapter, json.loads((out / RESULT).read_bytes()))
        shutil.rmtree(making, ignore_errors=True)
        export_tuned(recipe, labels, out / MERGED, making, _how(recipe, labels, selection, out), facts, progress)
        counts = {"people": people, "large": large, "lists": lists}
        calibrate_bundle(recipe, data, making, [out / ROWS, *earlier], **counts, progress=progress)
        shutil.rmtree(bundle, ignore_errors=True)
        os.replace(making, bundle)
    return bundle


def _base(recipe: Recipe, given: str, out: Path, progress: Progress) -> Base:
    """The base, cut down to the recipe's vocabulary where it has more."""
    base = trimmed(find_base(given, out / "base"), recipe.vocabulary, None, out / "base" / "trimmed", progress)
    tokens = base.config.vocab_size
    if tokens != recipe.vocabulary:
        what = f"{given}: {tokens:,} tokens, and the recipe says {recipe.vocabulary:,}"
        raise InputError(what, "Give a base with its whole vocabulary, or the recipe another number.")
    return base


def _claim(recipe: Recipe, base: Base, adapter: Path | None, out: Path) -> None:
    asked = asdict(recipe) | {"labels": sha256(Path(recipe.labels)), "base": base.name}
    if adapter is not None:
        file = adapter / "adapter_model.safetensors" if adapter.is_dir() else adapter
        if not file.is_file():
            raise InputError(f"{file}: missing", "Give a folder that peft saved, or its safetensors file.")
        asked["adapter"] = sha256(file)
    claim(out / "starter.json", asked)


def _say_plan(recipe: Recipe, base: Base, adapter: Path | None, dataset: dict[str, Any], progress: Progress) -> None:
    from training.starter.bundling import rounding_in_words
    from training.tuning.logs import duration

    tuning = recipe.tuning
    until = f"{tuning.rows:,} issues" if tuning.rows else duration(tuning.seconds)
    start = f" on from {adapter}" if adapter else ""
    progress(f"starter {recipe.version}: {base.name}, {recipe.vocabulary:,} tokens, LoRA of rank {tuning.rank}{start}")
    progress("rows: " + ", ".join(f"{name} {count:,}" for name, count in dataset["piles"].items()))
    progress("left out: " + ", ".join(f"{name} {count:,}" for name, count in dataset["left out"].items()))
    progress(f"tuning: {until}; matrices {rounding_in_words(recipe.four_bit)}")


def _tune(
    recipe: Recipe, base: Base, labels: LabelSet, selection: Selection, data: Path, out: Path, adapter: Path | None,
    compile: bool, progress: Progress,
) -> None:  # fmt: skip
    from labeler.model.tokenizer import LibraryTokenizer
    from training.fast.adapter import load_adapter, write_adapter
    from training.fast.ahead import Ahead
    from training.fast.distil import distil
    from training.fast.loop import tune
    from training.fast.merged import write_merged
    from training.starter.episodes import Episodes
    from training.starter.machine import open_model
    from training.tuning.device import find_device

    model = open_model(recipe, Path(base.path), compile, progress)
    if adapter is not None:
        load_adapter(adapter, model.adapted, model.rank)
    tokenizer, on_gpu = LibraryTokenizer(Path(base.path) / LIBRARY_NAME), model.device.type == "cuda"
    episodes = Episodes(
        selection, labels, tokenizer, recipe.mixture, recipe.tuning.episodes_a_step, recipe.seed, shared=not on_gpu
    )
    validation = episodes.validation()
    with Ahead(episodes) if on_gpu else nullcontext(episodes) as stream:
        result = tune(model, stream, _loop_settings(recipe), out, validation, progress)
        found = asdict(result) | {"device": find_device().name if on_gpu else str(model.device)}
        write_adapter(out / ADAPTER, model.adapted, model.rank, base.name)
        if recipe.four_bit.distil_rows:
            grid = recipe.four_bit.quantisation().qkv  # all matrices are distilled alike
            found["distilled"] = distil(model, stream, _distil_settings(recipe), grid, out, validation, progress)
        dealt = stream.state()["dealt"]
    write_merged(model, out / MERGED)
    write_rows(out / ROWS, data, selection, {whose: sorted(rows) for whose, rows in dealt.items()})
    # Last, since it says that all the above is there.
    write_text(out / RESULT, json.dumps(found, indent=1) + "\n")


def _how(recipe: Recipe, labels: LabelSet, selection: Selection, out: Path) -> Any:
    """What `export_tuned` rounds matrices by. Rows that calibrated rounding looks at are seen ones from then on."""
    from labeler.model.tokenizer import LibraryTokenizer
    from training.quantise.rounding import given
    from training.starter.episodes import Episodes

    if (out / BLOCKS).is_file():
        return given(out / BLOCKS)
    tokenizer = LibraryTokenizer(out / MERGED / LIBRARY_NAME)
    stream = Episodes(selection, labels, tokenizer, recipe.mixture, 1, recipe.seed + 1)  # not what tuning began with
    prompts = stream.prompts(recipe.four_bit.texts)
    add_dealt(out / ROWS, stream.dealt)
    return prompts


def _distil_settings(recipe: Recipe) -> Any:
    from training.fast.schedule import Budget, LoopSettings

    four_bit = recipe.four_bit
    budget = Budget(rows=four_bit.distil_rows, seconds=four_bit.distil_seconds)
    return LoopSettings(budget, four_bit.distil_rate, warmup_steps=20, hold=0.0)


def _loop_settings(recipe: Recipe) -> Any:
    from training.fast.schedule import Budget, LoopSettings

    tuning = recipe.tuning
    return LoopSettings(
        budget=Budget(rows=tuning.rows, seconds=tuning.seconds),
        learning_rate=tuning.learning_rate,
        beta2=tuning.beta2,
        weight_decay=tuning.weight_decay,
        clip=tuning.clip,
        warmup_steps=tuning.warmup_steps,
        hold=tuning.hold,
        save_every=tuning.save_every,
    )
