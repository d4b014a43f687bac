"""A learning curve in a terminal: a table for each metric, a row for each system, a column for each size."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from eval.benchmarks.learning_curve import METRICS, CurvePoint, Summary, summaries
from labeler.console.tables import right, table
from labeler.console.terminal import console


def show_curve(points: Sequence[CurvePoint], title: str) -> None:
    """Prints means with their spread over the draws; systems by their keys."""
    console().print(Text(title))
    _show(points, {}, spread=True)
    console().print(Text("columns: training issues; mean ± sample standard deviation over the draws", style="dim"))


def show_means(points: Sequence[CurvePoint], title: str) -> None:
    """Prints means over the draws; systems by their names."""
    console().print(Text(title), soft_wrap=True)
    _show(points, {point.system: point.name for point in points}, spread=False)
    console().print(Text("columns: training issues; means over the draws; thresholds are chosen on validation", "dim"))


def _show(points: Sequence[CurvePoint], names: dict[str, str], *, spread: bool) -> None:
    for metric, title in METRICS.items():
        found = summaries(points, metric)
        sizes = sorted({size for by_size in found.values() for size in by_size})
        heads = right(*(f"{size:,}" if size else "none" for size in sizes), no_wrap=True)
        rows = (
            (names.get(system, system), *(_cell(by_size.get(size), spread=spread) for size in sizes))
            for system, by_size in found.items()
        )
        console().print(table((title, *heads), rows))


def _cell(summary: Summary | None, *, spread: bool) -> str:
    if summary is None:
        return ""
    around = f"±{summary.deviation:.2f}".replace("±0", "±") if spread and summary.seeds > 1 else ""
    return f"{summary.mean:.3f}{around}"
