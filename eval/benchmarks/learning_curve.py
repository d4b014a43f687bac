"""The learning curve: quality on the test issues against the number of labelled issues to learn from.

For each seed the training issues are drawn as nested slices, stratified by label. The validation issues, on which
thresholds are chosen, are all there at every size, as in Tunstall et al., NLP with Transformers, ch. 9: the curve shows
what training issues teach, and flatters small sizes, where nobody would have that many issues to choose on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eval.systems.system import System, Task
from labeler.base.code_hash import code_hash
from labeler.base.examples import Examples, Splits, slices
from labeler.base.f1 import macro_f1, micro_f1
from labeler.base.store import Store
from labeler.console.progress import counted
from labeler.data.textfile import decoded_lines
from labeler.errors import InputError

if TYPE_CHECKING:
    from eval.reports.svg import Series
    from labeler.base.reader import Reader

METRICS = {"micro_f1": "micro-F1", "macro_f1": "macro-F1"}
WIDTH, HEIGHT, GAP = 420, 400, 24  # pixels of one chart, and between the two


@dataclass(frozen=True)
class CurvePoint:
    """One system, fitted on one slice. `size` is 0 for one that needs no training issue; `name` is for tables."""

    system: str
    size: int
    seed: int
    micro_f1: float
    macro_f1: float
    name: str = ""


@dataclass(frozen=True)
class Summary:
    """A figure over the seeds at one size; `deviation` is the sample's, nan for one seed."""

    mean: float
    low: float
    high: float
    deviation: float
    seeds: int


@dataclass(frozen=True)
class _Fit:
    system: System
    size: int
    seed: int
    task: Task
    key: list[object]


def measure(
    splits: Splits,
    systems: Sequence[System],
    sizes: Sequence[int],
    seeds: int,
    store: Store,
    reader: Reader | None = None,
    levels: Sequence[System] = (),
) -> tuple[CurvePoint, ...]:
    """Every system at every size and seed, on the same test issues. What is in `store` is not fitted again.

    Args:
        sizes: numbers of training issues; those beyond what there is become all of them, for which one seed will do.
        seeds: slices drawn for each smaller size.
        levels: systems that need no training issue: measured once, as size 0.
    """
    fits = _fits(splits, systems, sizes, seeds, reader, levels)
    found = [_recalled(fit, store) for fit in fits]
    missing = [place for place, point in enumerate(found) if point is None]
    if reader is not None and any(fits[place].system.needs for place in missing):
        _read_all(reader, [fits[place] for place in missing], splits.test)
    with counted(len(missing), "fitting") as done:
        for place in missing:
            found[place] = point = _measured(fits[place], splits.test)
            store.put(fits[place].key, {"figures": np.array([point.micro_f1, point.macro_f1])})
            done()
    return tuple(point for point in found if point is not None)


def summaries(points: Sequence[CurvePoint], metric: str) -> dict[str, dict[int, Summary]]:
    """System's key -> size, ascending -> figures over the seeds, in the order in which the systems come."""
    found: dict[str, dict[int, list[float]]] = {}
    for point in points:
        found.setdefault(point.system, {}).setdefault(point.size, []).append(getattr(point, metric))
    return {key: {size: _summary(by_size[size]) for size in sorted(by_size)} for key, by_size in found.items()}


def document(points: Sequence[CurvePoint], splits: Splits) -> dict[str, object]:
    """What curve.json holds: the points and what they were measured on."""
    counts = {"train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)}
    return {"data": splits.name, "sha256": splits.sha256, **counts, "points": [asdict(point) for point in points]}


def read_curve(path: Path, splits: Splits) -> tuple[CurvePoint, ...]:
    """The points of a curve.json, measured on this dataset. Raises InputError, also for another dataset's."""
    try:
        found = json.loads("".join(decoded_lines(path)))
        points, measured_on = tuple(CurvePoint(**point) for point in found["points"]), found["sha256"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not the points of a curve", "Write it by `python -m eval curve`.") from error
    if measured_on != splits.sha256:
        raise InputError(f"{path}: of another dataset than {splits.name}", "Run `python -m eval curve` on this one.")
    return points


def charts(points: Sequence[CurvePoint]) -> tuple[str, ...]:
    """One SVG for micro-F1 and one for macro-F1, to stand side by side in a page that has the charts' style."""
    from eval.reports.scale import Axis
    from eval.reports.svg import line_chart

    sizes = tuple(sorted({float(point.size) for point in points if point.size}))
    across = Axis("training issues, logarithmic", ticks=sizes, log=True)
    names = {point.system: point.name or point.system for point in points}
    said = "Lines are means over the draws, bands their lowest and highest."
    drawn = []
    for metric, title in METRICS.items():
        found = sorted(summaries(points, metric).items(), key=lambda item: 0 in item[1])
        lines = [_series(names[key], by_size) for key, by_size in found]
        drawn.append(line_chart(lines, across, Axis(title), title=title, description=said, width=WIDTH, height=HEIGHT))
    return tuple(drawn)


def drawing(points: Sequence[CurvePoint], title: str) -> str:
    """Both charts in one SVG file that needs nothing else."""
    from html import escape

    from eval.reports.style import STYLE

    parts = charts(points)
    width = WIDTH * len(parts) + GAP * (len(parts) + 1)
    height = HEIGHT + 2 * GAP + 20
    moved = (f'<g transform="translate({GAP + (WIDTH + GAP) * i} {GAP + 20})">{svg}</g>' for i, svg in enumerate(parts))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<rect class="page" width="100%" height="100%"/><text x="{GAP}" y="{GAP}">{escape(title)}</text>'
        f"{''.join(moved)}</svg>\n"
    )


def _fits(
    splits: Splits, systems: Sequence[System], sizes: Sequence[int], seeds: int, reader: Reader | None,
    levels: Sequence[System],
) -> list[_Fit]:  # fmt: skip
    train = splits.train
    wanted = sorted({min(size, len(train)) for size in sizes})
    tasks = {(0, 0): Task(train.take([]), splits.validation, splits.labels, reader)}
    for seed in range(seeds):
        for size, rows in slices(train, wanted, seed).items():
            # All issues are the same ones whatever the seed.
            if size < len(train) or seed == 0:
                tasks[size, seed] = Task(train.take(rows), splits.validation, splits.labels, reader)
    code = code_hash("labeler", "synthetic", "eval")
    fits = []
    for system in (*levels, *systems):
        for (size, seed), task in tasks.items():
            if (system in levels) == (size == 0):
                read_by = reader.key if reader is not None and system.needs else None
                key: list[object] = ["curve", splits.sha256, code, repr(system), read_by, size, seed]
                fits.append(_Fit(system, size, seed, task, key))
    return fits


def _recalled(fit: _Fit, store: Store) -> CurvePoint | None:
    kept = store.get(fit.key)
    return _point(fit, *kept["figures"].tolist()) if kept else None


def _measured(fit: _Fit, test: Examples) -> CurvePoint:
    predicted = fit.system.fit(fit.task)(test.issues).predicted
    return _point(fit, micro_f1(test.truth, predicted, test.known), macro_f1(test.truth, predicted, test.known))


def _point(fit: _Fit, micro: float, macro: float) -> CurvePoint:
    return CurvePoint(fit.system.key, fit.size, fit.seed, micro, macro, fit.system.name)


def _read_all(reader: Reader, fits: Sequence[_Fit], test: Examples) -> None:
    """Reads every issue once, in an order that does not depend on what is missing."""
    issues = {issue: None for fit in fits for part in (fit.task.train, fit.task.validation) for issue in part.issues}
    reader.read([*test.issues, *issues])


def _summary(values: Sequence[float]) -> Summary:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Summary(float(np.mean(values)), min(values), max(values), deviation, len(values))


def _series(name: str, by_size: Mapping[int, Summary]) -> Series:
    from eval.reports.svg import Series

    if 0 in by_size:
        return Series.level(name, by_size[0].mean, color=7)
    points = tuple((float(size), summary.mean) for size, summary in by_size.items())
    return Series(name, points, band=tuple((summary.low, summary.high) for summary in by_size.values()))
