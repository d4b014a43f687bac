"""The scoreboard: every system on every held-out set, by the same code, as one document of results."""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.starter.answering import Bundle
from eval.starter.linear import Chance, LinearModel
from eval.starter.scores import differences, figures, units
from eval.starter.sets import SETS, HeldOut
from eval.starter.source import Folder
from eval.systems.system import Output
from labeler.console.progress import counted, say
from labeler.errors import InputError
from labeler.files import write_text
from labeler.model.bundle import Manifest

RESULTS = Path(__file__).parent / "results.json"  # the committed ones: README and card are made from them
SEED = 0
SYSTEMS = ("model", "earlier", "base", "linear", "chance")
NAMES = {"base": {"name": "the untuned base"}}  # instead of what its bundle is called


@dataclass(frozen=True)
class Wanted:
    """What to measure. `bundles` are folders by role: model, and where given earlier (a release before) and base."""

    data: Path
    bundles: Mapping[str, Path]
    out: Path
    sets: Sequence[str] = tuple(SETS)
    limit: int | None = None
    tuned_on: Collection[str] = ()
    command: str = ""


def measure(wanted: Wanted) -> dict[str, Any]:
    """All figures. Answers are kept in `wanted.out`: after a break the same call goes on.

    Raises:
        InputError, BundleError: a file of the data folder is wrong or missing, or a bundle is.
    """
    data = Folder(wanted.data)
    systems: dict[str, Any] = {role: Bundle(path, wanted.out) for role, path in wanted.bundles.items()}
    held = {key: SETS[key](data).sample(wanted.limit, SEED) for key in wanted.sets}
    for bundle in systems.values():
        _read_all(bundle, list(held.values()))
    systems |= {"linear": LinearModel(data, wanted.out), "chance": Chance()}
    systems = {role: systems[role] for role in SYSTEMS if role in systems}
    return {
        "date": datetime.date.today().isoformat(),
        "command": wanted.command,
        "limit": wanted.limit,
        "seed": SEED,
        "systems": {role: system.facts() | NAMES.get(role, {}) for role, system in systems.items()},
        "sets": {
            key: _judged(one, systems, _tuned_on(one, systems["model"].manifest, wanted.tuned_on))
            for key, one in held.items()
        },
    }


def write_results(results: Mapping[str, Any], path: Path) -> None:
    """As JSON, a figure a line."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    write_text(path, re.sub(r"\{[^{}]*\}", lambda found: re.sub(r"\n\s*", " ", found[0]), text) + "\n", parents=True)


def read_results(path: Path = RESULTS) -> dict[str, Any]:
    """Raises InputError where the file is missing or not JSON."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "Write it by `python -m eval starter … --results FILE`."
        raise InputError(f"{path}: no results: {error}", remedy) from error
    return found


def _read_all(bundle: Bundle, held: Sequence[HeldOut]) -> None:
    """All answers that are missing, under one bar with the time left."""
    every = [part for one in held for part in (_plain(one), one) if part is not None]
    started = time.perf_counter()
    with counted(total := bundle.missing(*every), f"{bundle.name} reads") as done:
        for one in every:
            bundle.answer(one, done)
    if total:
        say(f"{bundle.name} has read {total:,} issues in {time.perf_counter() - started:.0f} s")


def _judged(held: HeldOut, systems: Mapping[str, Any], tuned_on: bool | None) -> dict[str, Any]:
    say(f"{held.title}: {len(held):,} issues")
    plain = _plain(held)
    said: dict[str, tuple[Output, Output | None]] = {}
    for role, system in systems.items():
        # Chance says nothing of the text: what a form changes is no figure of its.
        if (role != "chance" or plain is None) and (output := system.answer(held)) is not None:
            said[role] = (output, None if plain is None else system.answer(plain))
    by, cluster = units(held)
    ours = said["model"][0]
    return {
        "title": held.title,
        "issues": len(held),
        "repositories": len(set(held.repositories) - {""}),
        "intervals_by": by,
        "clusters": len(set(cluster.tolist())),
        "tuned_on": tuned_on,
        "figures": {role: figures(held, *outputs) for role, outputs in said.items()},
        "model_minus": {
            role: differences(held, ours, output)
            for role, (output, _) in said.items()
            if role not in ("model", "chance")
        },
    }


def _plain(held: HeldOut) -> HeldOut | None:
    return None if held.plain is None else replace(held, issues=held.plain, plain=None)


def _tuned_on(held: HeldOut, manifest: Manifest, said: Collection[str]) -> bool | None:
    """Whether the model was tuned on rows of the set: as its record says; None where it says nothing of its sources."""
    if held.key in said:
        return True
    if not held.files:
        return False
    sources = manifest.provenance.get("sources")
    if not sources:
        return None
    stems = [name.partition(".")[0] for name in held.files]
    return any(stem in str(source) for stem in stems for source in sources)
