"""The report as one HTML file: no script, nothing to load, light and dark, on a phone as on a desk."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.metrics.intervals import Interval
from eval.reports import charts, wording
from eval.reports.figures import (
    Cell,
    Mistake,
    Worth,
    confusion,
    linear_result,
    main_result,
    mistakes,
    pairs,
    rows,
    silent,
    worth,
)
from eval.reports.style import STYLE
from eval.systems.results import Comparison
from labeler.base.f1 import label_table
from labeler.data.textfile import one_line
from labeler.files import write_text

if TYPE_CHECKING:
    from eval.benchmarks.learning_curve import CurvePoint

MOST_TITLE = 200
MOST_TEXT = 1500
MOST_START = 180


def write_html(comparison: Comparison, path: Path, curve: Sequence[CurvePoint] | None = None) -> None:
    """Writes the page; `curve` adds the learning curve. Raises InputError where the path cannot be written."""
    write_text(path, html(comparison, curve))


def html(comparison: Comparison, curve: Sequence[CurvePoint] | None = None) -> str:
    """The page's text. Whatever comes from issues, labels and names is escaped by the template."""
    from markupsafe import Markup

    drawn = {name: svg and Markup(svg) for name, svg in _charts(comparison).items()}
    filters: dict[str, Callable[..., Any]] = {"span": wording.span, "p": wording.probability, "along": _along}
    given = {"charts": drawn, "curves": _curves(curve), **_context(comparison)}
    return filled(Path(__file__).with_name("page.html"), filters, given)


def filled(page: Path, filters: Mapping[str, Callable[..., Any]], given: Mapping[str, Any]) -> str:
    """A page's template with what is given, all of it escaped but `Markup`; a name that is not given is an error.

    Args:
        filters: besides `figure`, `percent`, `seconds` and `megabytes` of `eval.reports.wording`.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    for one in (wording.figure, wording.percent, wording.seconds, wording.megabytes):
        environment.filters[one.__name__] = one
    environment.filters.update(filters)
    return environment.from_string(page.read_text(encoding="utf-8")).render(style=Markup(STYLE), **given)


def _charts(comparison: Comparison) -> dict[str, str | None]:
    return {
        "labels": charts.label_chart(comparison),
        "coverage": charts.coverage_chart(comparison),
        "reliability": charts.reliability_chart(comparison),
        "confusion": charts.confusion_chart(comparison) if confusion(comparison).any() else None,
        "words": charts.words_chart(comparison),
    }


def _curves(curve: Sequence[CurvePoint] | None) -> list[Any]:
    from markupsafe import Markup

    if not curve:
        return []
    from eval.benchmarks.learning_curve import charts as curve_charts

    return [Markup(svg) for svg in curve_charts(curve)]


def _context(comparison: Comparison) -> dict[str, Any]:
    main, linear, test = main_result(comparison), linear_result(comparison), comparison.test
    ours = worth(comparison, main)
    theirs = worth(comparison, linear) if linear else None
    table = rows(comparison)
    return {
        "comparison": comparison,
        "main": main,
        "linear": linear,
        "sentence": wording.sentence(ours),
        "verdicts": wording.verdicts(comparison, table),
        "tiles": _tiles(ours, theirs),
        "rows": table,
        "notes": _notes(comparison),
        "scale": _scale([row.micro_f1 for row in table]),
        "labels": label_table(test.truth, main.predicted, test.known, comparison.labels.names),
        "thresholds": dict(zip(comparison.labels.names, main.thresholds or (), strict=False)),
        "pairs": pairs(comparison),
        "silent": silent(comparison),
        "in_matrix": charts.MATRIX_LABELS,
        "mistakes": [_mistake(comparison, mistake) for mistake in mistakes(comparison)],
        "n": ours.coverage.n,
        "few": wording.few(ours.coverage.n),
        "unknown": 1 - float(test.known.mean()) if len(test) else 0.0,
        "labels_true": int((test.truth & test.known).sum()),
    }


def _tiles(ours: Worth, theirs: Worth | None) -> list[dict[str, Any]]:
    """Each share as a tile: what it is, the main system's, the linear baseline's."""
    tiles = (
        ("coverage", "new issues get a label"),
        ("precision", "labels it sets are right"),
        ("recall", "labels that belong are set"),
    )
    return [
        {
            "what": what,
            "ours": getattr(ours, name),
            "parts": wording.parts(getattr(ours, name).value),
            "theirs": getattr(theirs, name) if theirs else None,
        }
        for name, what in tiles
    ]


def _notes(comparison: Comparison) -> list[tuple[str, str]]:
    """Each note with the systems that have it."""
    found: dict[str, list[str]] = {}
    for result in comparison.results:
        if result.note:
            found.setdefault(result.note, []).append(result.name)
    return [("; ".join(names), note) for note, names in found.items()]


def _scale(intervals: Sequence[Interval]) -> tuple[float, float]:
    """The ends of the small axis in the table: the tenths around all intervals."""
    ends = [end for one in intervals for end in (one.low, one.high) if end == end] or [0.0, 1.0]
    return math.floor(10 * min(ends)) / 10, min(1.0, (math.floor(10 * max(ends)) + 1) / 10)


def _along(value: float, scale: tuple[float, float]) -> float:
    """Where a value lies on the small axis, in per cent."""
    return round(100 * (value - scale[0]) / (scale[1] - scale[0]), 1) if value == value else 0.0


def _mistake(comparison: Comparison, mistake: Mistake) -> dict[str, Any]:
    issue = comparison.test.issues[mistake.row]
    body = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in _newlines(issue.body))
    number = f"#{issue.number}" if issue.number else ""
    return {
        "title": _cut(one_line(issue.title), MOST_TITLE) or "(no title)",
        "where": one_line(f"{issue.repository}{number}" or comparison.test.ids[mistake.row]),
        "start": _cut(one_line(body), MOST_START),
        "body": _cut(body.strip(), MOST_TEXT),
        "cells": [{"cell": cell, "kind": _kind(cell)} for cell in mistake.cells],
    }


def _kind(cell: Cell) -> str:
    if cell.true and cell.set:
        return "right"
    return "missed" if cell.true else "wrong"


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
