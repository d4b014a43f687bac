"""What a search found, as a table, a CSV file and a picture."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FIGURES = {"loss": "validation loss", "micro_f1": "validation micro-F1"}
_GREY = 7


@dataclass(frozen=True)
class Trial:
    """One trial. `value` is its best validation figure; `state` is "complete", "pruned" or "failed".

    Attributes:
        as_given: it has the settings that the search began with.
        settings: those that the search varies.
        course: (epoch, figure) of every evaluation.
    """

    number: int
    as_given: bool
    state: str
    value: float | None
    seconds: float
    settings: dict[str, Any]
    course: tuple[tuple[float, float], ...]


def write_results(trials: Sequence[Trial], figure: str, folder: Path) -> None:
    """Writes results.csv and results.svg; the best trial stands first."""
    written = io.StringIO(newline="")
    table = csv.writer(written, lineterminator="\n")
    names = list(trials[0].settings)
    table.writerow(["trial", "state", figure, "seconds", *names])
    for trial in trials:
        value = "" if trial.value is None else f"{trial.value:.6f}"
        varied = map(_short, trial.settings.values())
        table.writerow([trial.number, trial.state, value, f"{trial.seconds:.1f}", *varied])
    for name, text in (("results.csv", written.getvalue()), ("results.svg", draw(trials, figure))):
        partial = folder / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / name)


def draw(trials: Sequence[Trial], figure: str) -> str:
    """The course of every trial as SVG text: the best and the given settings in colour, pruned ones dashed."""
    from eval.reports.scale import Axis
    from eval.reports.svg import Series, line_chart

    best, lines = trials[0], []
    for trial in sorted(trials, key=lambda t: (t is best, t.as_given)):
        name, color = "", _GREY
        if trial.as_given:
            name, color = "the settings as given", 1
        if trial is best:
            name, color = f"the best, trial {trial.number}" + (", as given" if trial.as_given else ""), 0
        dots = bool(name) or len(trial.course) == 1
        lines.append(Series(name, trial.course, dashed=trial.state == "pruned", dots=dots, color=color))
    if any(not line.name for line in lines):
        lines.append(Series("others, dashed where stopped early", (), color=_GREY))
    last = max((epoch for trial in trials for epoch, _ in trial.course), default=1.0)
    across = Axis("epoch", span=(0.0, float(math.ceil(last))))
    return line_chart(lines, across, Axis(_FIGURES[figure]), title="Trials", width=640, height=340, standalone=True)


def print_results(trials: Sequence[Trial], figure: str) -> None:
    """The table on stderr, since a run's result is what stdout is for."""
    from rich.console import Console

    from labeler.console.tables import right, styled, table
    from training.tuning.logs import duration

    columns = right("trial", _FIGURES[figure], "time", *(name.replace("_", " ") for name in trials[0].settings))
    rows = []
    for place, trial in enumerate(trials):
        value = "failed" if trial.value is None else f"{trial.value:.4f}" + (" *" if trial.state == "pruned" else "")
        cells = (str(trial.number), value, duration(trial.seconds), *map(_short, trial.settings.values()))
        rows.append(styled("bold green" if place == 0 else "dim" if trial.state != "complete" else "", cells))
    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
    console.print(table(columns, rows))
    if any(trial.state == "pruned" for trial in trials):
        console.print("* stopped early: worse than the median of the trials before it", style="dim")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
