"""The four distributions of a working folder as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler.data.textfile import one_line
from labeler.errors import InputError
from labeler.files import replaced
from synthetic.preparing.statistics import Stats, quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LABELS = 20
_COLOUR, _DARK = "#4c78a8", "#333333"
_STYLE: Any = {
    "font.size": 9,
    "text.parse_math": False,  # a label may have dollars
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#999999",
}


def write_picture(stats: Stats, path: Path) -> None:
    """Writes labels, labels an issue, words an issue and issues by month as a PNG. Raises InputError."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 7.5), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        (labels, words), (sizes, months) = figure.subplots(2, 2)
        _labels(labels, stats)
        _words(words, stats)
        _sizes(sizes, stats)
        _months(months, stats)
        kind = "prepared" if stats.prepared else "fetched"
        figure.suptitle(f"{stats.issues:,} {kind} issues", x=0.005, ha="left", fontsize=13, fontweight="bold")
        try:
            with replaced(path) as partial:
                figure.savefig(partial, format="png")
        except OSError as error:
            what = f"{path}: cannot be written: {error.strerror}"
            raise InputError(what, "Check the folder and the disk.") from error


def _labels(axes: Axes, stats: Stats) -> None:
    shown = list(stats.labels.items())[:MOST_LABELS]
    more = len(stats.labels) - len(shown)
    axes.set_title("Issues by label" + (f" (the first {MOST_LABELS}, {more:,} more)" if more else ""))
    bars = axes.barh(range(len(shown)), [count for _, count in shown], color=_COLOUR)
    axes.set_yticks(range(len(shown)), [_short(name) for name, _ in shown])
    axes.invert_yaxis()
    _numbered(axes, bars, [count for _, count in shown])
    axes.xaxis.set_major_formatter(_thousands)
    axes.set_xlabel("issues")


def _sizes(axes: Axes, stats: Stats) -> None:
    axes.set_title("Labels an issue")
    bars = axes.bar(list(stats.labels_an_issue), list(stats.labels_an_issue.values()), color=_COLOUR)
    axes.set_xticks(list(stats.labels_an_issue))
    _numbered(axes, bars, list(stats.labels_an_issue.values()))
    axes.yaxis.set_major_formatter(_thousands)
    axes.set_xlabel("labels")
    axes.set_ylabel("issues")


def _words(axes: Axes, stats: Stats) -> None:
    import numpy as np

    counts = [max(1, count) for count in stats.words] or [1]
    axes.hist(counts, bins=list(np.geomspace(1, max(10, *counts) * 1.01, 40)), color=_COLOUR)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_thousands)
    axes.yaxis.set_major_formatter(_thousands)
    half, most = quantile(stats.words, 0.5), quantile(stats.words, 0.95)
    axes.set_title(f"Words an issue: half have up to {half:,}, 95 % up to {most:,}")
    for at in (half, most):
        axes.axvline(max(1, at), color=_DARK, linewidth=1, linestyle="--")
    axes.set_xlabel("words of title and body")
    axes.set_ylabel("issues")


def _months(axes: Axes, stats: Stats) -> None:
    axes.set_title("Issues by month")
    names = list(stats.months)
    if not names:
        axes.set_axis_off()
        axes.text(0, 0.9, "No issue has a date.", transform=axes.transAxes)
        return
    axes.bar(range(len(names)), list(stats.months.values()), width=0.9, color=_COLOUR)
    step = next((step for step in (1, 2, 3, 6, 12, 24) if len(names) <= 6 * step), 60)
    axes.set_xticks(range(0, len(names), step), names[::step])
    axes.set_ylabel("issues opened")


def _numbered(axes: Axes, bars: Any, counts: list[int]) -> None:
    axes.margins(x=0.08, y=0.08)
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=2, color=_DARK, fontsize=8)


def _thousands(value: float, position: float) -> str:
    return f"{value:,.0f}"


def _short(name: str) -> str:
    text = one_line(name)
    return text if len(text) <= 28 else f"{text[:27]}…"
