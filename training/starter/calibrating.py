"""Fits calibration and thresholds of a starter bundle on its own bytes, on rows that it was not tuned on.

Two views are fitted together, since people and a large model mean different things by one label:

people       rows of the public sources that no pile holds (their caps leave most of them out), each asked under the
             labels its source uses; what the source does not use is unknown. Sources give equal numbers as far as
             they reach: they are many ways to use a label, and the largest is not the likeliest.
large model  rows with all ten labels, asked under the ten. A recipe keeps `validation_rows` of them from training.

A model whose recipe kept none has no unseen rows of the second view, except those that its run never came to: its
record (`rows.json`, see `training.starter.rows_record`) tells them. Rows it was tuned on are never taken, since on
them a model is surer than it may be, and that is just what calibration is to measure. With no row of the large model,
or too few of a label, people's rows alone are fitted, and a label of few examples is set only where it is likelier
than not (`labeler.base.thresholds.fit_thresholds`). What an adapter saw before the run that went on from it counts as
unseen where no record of it is given: then the fit is a little too sure of itself.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.data.rows import Labelled, truth_and_known
from eval.reports.sections import CARD, keep_sections
from labeler.base.f1 import micro_f1
from labeler.console.progress import counted
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.model.bundle import Manifest, read_manifest, write_manifest
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from training.fitting.fitted import Fitted, fit_all
from training.model.card import card
from training.model.licence import write_notice
from training.starter.material import Example, Material, example_of
from training.starter.new_labels import fit_new_labels
from training.starter.nothing import fit_nothing
from training.starter.recipe import DataSettings, Recipe
from training.starter.rows_record import read_used
from training.starter.selection import LARGE_MODEL, PEOPLE, known, select, unused_large, unused_people

Array = np.ndarray


@dataclass(frozen=True)
class Views:
    """Rows to fit on, by view. Each row is asked under the list `space`."""

    rows: dict[str, list[Labelled]]

    @property
    def all(self) -> list[Labelled]:
        return [row for rows in self.rows.values() for row in rows]


def validation_views(
    material: Material, labels: LabelSet, settings: DataSettings, used: set[int], *, people: int, large: int, seed: int
) -> Views:
    """Rows that are neither used nor the scoreboard's, drawn by the seed.

    Args:
        used: lines of the issues file that the model was tuned on.
        people, large: rows of each view, if there are so many.
    """
    rng, names = random.Random(seed), labels.names
    unseen = unused_large(material, used, settings)
    drawn = rng.sample(unseen, min(large, len(unseen)))
    used = used | {example.row for example in drawn}
    rows = [_labelled(example, names, LARGE_MODEL) for example in drawn]
    by_source = defaultdict(list)
    for issue in unused_people(material, names, used, settings):
        by_source[issue.source].append(issue)
    for found in by_source.values():
        rng.shuffle(found)
    chosen = _evenly(list(by_source.values()), people)
    spaces = {issue.row: known(issue, names) for issue in chosen}
    public = [
        _labelled(example_of(issue, issue.labels & set(names)), spaces[issue.row], issue.source) for issue in chosen
    ]
    return Views({PEOPLE: public, LARGE_MODEL: rows})


def calibrate_bundle(
    recipe: Recipe,
    data: Path,
    bundle: Path,
    records: Sequence[Path],
    *,
    people: int,
    large: int,
    lists: int = 0,
    progress: Callable[[str], None] = print,
) -> Manifest:
    """Calibrates a bundle by the recipe's material.

    Args:
        records: `rows.json` of the runs that made it; none: all rows that the recipe may use count as seen.
        people, large: rows of each view, if there are so many.
        lists: issues of each list for validation, to fit the threshold of new labels on; 0: it is left as it is.

    Raises:
        InputError: the material or a record lacks something, or no row is left.
    """
    material, labels = Material(data), read_manifest(bundle).labels
    if records:
        used = read_used(records, data)
    else:
        piles = select(material, labels.names, recipe.data, recipe.seed).rows()
        used = {row for rows in piles.values() for row in rows}
    views = validation_views(material, labels, recipe.data, used, people=people, large=large, seed=recipe.seed)
    for view, rows in views.rows.items():
        progress(f"{view}: {len(rows):,} rows that the model was not tuned on")
    calibrate(bundle, views, recipe.seed, progress=progress)
    if lists:
        fit_new_labels(bundle, material, lists, recipe.seed, progress)
    return fit_nothing(bundle, views.all, progress)


def calibrate(
    bundle: Path,
    views: Views,
    seed: int = 0,
    note: dict[str, Any] | None = None,
    progress: Callable[[str], None] = print,
) -> Manifest:
    """Writes calibration, thresholds and their figures into the bundle, and its card anew; weights stay as they are.

    Args:
        note: facts for the manifest's metrics: which rows were used.

    Raises:
        InputError: there are no rows.
    """
    manifest = read_manifest(bundle)
    names, rows = manifest.labels.names, views.all
    if not rows:
        raise InputError(
            f"{bundle}: no rows to calibrate it on", "Give more data, or a record of the rows that it saw."
        )
    truth, mask = truth_and_known(rows, names)
    q = probabilities(bundle, rows, manifest.labels)
    fitted = fit_all(names, truth, q, mask, seed=seed)
    metrics = manifest.metrics | {"calibration": fitted.calibration_figures}
    if fitted.figures:
        metrics["validation"] = fitted.figures
    metrics["calibration rows"] = {view: len(found) for view, found in views.rows.items()} | (note or {})
    for line in report(views, names, q, fitted):
        progress(line)
    old = (bundle / CARD).read_text(encoding="utf-8") if (bundle / CARD).is_file() else ""
    manifest = replace(manifest, calibration=fitted.calibration, thresholds=fitted.thresholds, metrics=metrics)
    write_notice(bundle, str(manifest.provenance.get("licence", "")))
    (bundle / CARD).write_text(keep_sections(card(manifest), old), encoding="utf-8")
    return write_manifest(bundle, manifest)


def probabilities(bundle: Path, rows: Sequence[Labelled], labels: LabelSet) -> Array:
    """The model's own probabilities, before any calibration, each row asked under its list: float64 (rows, labels).

    A label that is not in a row's list has 0.5 there.
    """
    found = np.full((len(rows), len(labels)), 0.5)
    column = {name: place for place, name in enumerate(labels.names)}
    places: dict[frozenset[str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[frozenset(row.space)].append(place)
    with counted(len(rows), "validation") as done:
        for names, here in places.items():
            labeler = Labeler(bundle, labels.only(names), threads=1, workers=available_cores())
            ids = [labeler.engine.renderer.issue(rows[place].issue) for place in here]
            columns = [column[name] for name in labeler.labels.names]
            for place, score in zip(here, labeler.engine.score(ids, labeler.task, done), strict=True):
                found[place, columns] = score.probabilities
    return found


def report(views: Views, names: Sequence[str], q: Array, fitted: Fitted) -> list[str]:
    """Micro-F1 of each view at 0.5 and at what was fitted on these same rows, one line a view."""
    limits = np.array([fitted.thresholds[name] for name in names])
    p = q if fitted.calibration is None else fitted.calibration(names, q)
    lines, start = [], 0
    for view, rows in views.rows.items():
        here = slice(start, start := start + len(rows))
        if rows:
            truth, mask = truth_and_known(rows, names)
            before, after = (micro_f1(truth, given[here] >= limit, mask) for given, limit in ((q, 0.5), (p, limits)))
            lines.append(f"{view}: {len(rows):,} rows, micro-F1 {before:.3f} at 0.5, {after:.3f} as fitted on them")
    return lines


def _labelled(example: Example, space: Sequence[str], source: str) -> Labelled:
    issue = Issue(example.title, example.body, id=str(example.row))
    return Labelled(issue, example.labels, tuple(space), source)


def _evenly(piles: list[list[Any]], count: int) -> list[Any]:
    """One of each pile in turn, until there are `count` or none is left."""
    longest = max(map(len, piles), default=0)
    return [pile[place] for place in range(longest) for pile in piles if place < len(pile)][:count]
