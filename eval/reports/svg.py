"""Charts as SVG text, for a page or as files: lines with bands, horizontal bars, a matrix of counts.

    line_chart(series: Sequence[Series], x: Axis, y: Axis, *, title: str, description: str = "",
               width: int = 420, height: int = 280, standalone: bool = False) -> str
    bar_chart(bars: Sequence[Bar], axis: Axis, *, title: str, description: str = "", legend: Sequence[str] = (),
              width: int = 420, standalone: bool = False) -> str
    matrix(names: Sequence[str], counts: Array (L, L) of int, *, title: str, description: str = "",
           width: int = 420, standalone: bool = False) -> str

A learning curve, for instance:

    linear = Series("linear", ((8, 0.41), (64, 0.58)), band=((0.35, 0.46), (0.55, 0.60)))
    line_chart([linear, Series.level("zero-shot", 0.5)], Axis("training issues", ticks=(8, 64), log=True),
               Axis("micro-F1"), title="…", standalone=True)

Inside a page the charts take their colours from STYLE, which the page includes once; `standalone=True` puts it into the
SVG, so that the file works by itself. Lengths are CSS pixels. All text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape

import numpy as np

from eval.reports.scale import Axis, Scale, cut, text_width
from eval.reports.style import COLORS, STYLE

LINE = 20  # height of a line of the legend
ROW = 26  # height of a bar's row
MARGIN = 16  # around a standalone chart
EDGE = 20  # room at the right of a line chart, for half of its last tick's text


@dataclass(frozen=True)
class Series:
    """A line. `band` has (low, high) for each point, `sizes` a dot's radius; points that are not finite are left out.

    `mark` is one point of special meaning, drawn as a ring; `color` is 0..7, by default the place in the list.
    A `level` runs through the whole width.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    band: tuple[tuple[float, float], ...] = ()
    sizes: tuple[float, ...] = ()
    mark: tuple[float, float] | None = None
    dashed: bool = False
    dots: bool = True
    color: int | None = None

    @classmethod
    def level(cls, name: str, value: float, color: int | None = None) -> Series:
        points = ((-math.inf, value), (math.inf, value))
        return cls(name, points, dashed=True, dots=False, color=color)


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart: its interval as a whisker, another system's value as a mark, a note at the right end."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    mark: float | None = None
    note: str = ""


def line_chart(
    series: Sequence[Series], x: Axis, y: Axis, *, title: str, description: str = "", width: int = 420,
    height: int = 280, standalone: bool = False,
) -> str:  # fmt: skip
    """Lines with bands over round ticks; the legend stands above where there is more than one line."""
    entries = [(line.name, _color(line, place), line.dashed) for place, line in enumerate(series) if line.name]
    legend, top = _legend(entries if len(entries) > 1 else [], width)
    xs = [px for line in series for px, _ in line.points if math.isfinite(px)]
    ys = [value for line in series for ends in (*((py,) for _, py in line.points), *line.band) for value in ends]
    rise = Scale.fit(y, [value for value in ys if math.isfinite(value)], height - 44, top + 26)
    left = 12 + max(text_width(y.text(tick)) for tick in rise.ticks)
    run = Scale.fit(x, xs, left, width - EDGE)
    parts = [legend, _text(y.label, 0, top + 12, "soft")]
    for tick in rise.ticks:
        parts.append(_line(left, rise(tick), width - EDGE, rise(tick), "grid"))
        parts.append(_text(y.text(tick), left - 8, rise(tick) + 4, "soft end num"))
    shown = -math.inf
    for tick in run.ticks:
        half = text_width(x.text(tick)) / 2
        if run(tick) - half > shown + 6:
            parts.append(_text(x.text(tick), run(tick), height - 26, "soft mid num"))
            shown = run(tick) + half
    parts.append(_text(x.label, width - EDGE, height - 6, "soft end"))
    for place, line in enumerate(series):
        parts.append(f'<g class="k{_color(line, place)}">{_drawn(line, run, rise, x, y)}</g>')
    return _svg(parts, width, height, title, description, standalone)


def _drawn(line: Series, run: Scale, rise: Scale, x: Axis, y: Axis) -> str:
    """One line inside the plot: its band, the line, dots with their figures, and the mark."""
    keep = [place for place, point in enumerate(line.points) if not any(map(math.isnan, point))]
    spots = [(run(line.points[place][0]), rise(line.points[place][1])) for place in keep]
    parts = []
    if line.band:
        upper = [(run(line.points[place][0]), rise(line.band[place][1])) for place in keep]
        lower = [(run(line.points[place][0]), rise(line.band[place][0])) for place in reversed(keep)]
        parts.append(f'<path class="band" d="{_path(upper + lower)}Z"/>')
    if len(spots) > 1:
        parts.append(f'<path class="line{" dash" if line.dashed else ""}" d="{_path(spots)}"/>')
    for place, (px, py) in zip(keep, spots, strict=True):
        if line.dots:
            radius = line.sizes[place] if line.sizes else 3
            said = (
                f"{line.name}: {y.text(line.points[place][1], fine=True)} at {x.text(line.points[place][0], fine=True)}"
            )
            parts.append(_dot(px, py, radius, "dot", said))
    if line.mark:
        said = _said(f"{line.name}, as set", line.mark, x, y)
        parts.append(_dot(run(line.mark[0]), rise(line.mark[1]), 6, "ring", said))
    return "".join(parts)


def bar_chart(
    bars: Sequence[Bar], axis: Axis, *, title: str, description: str = "", legend: Sequence[str] = (),
    width: int = 420, standalone: bool = False,
) -> str:  # fmt: skip
    """Horizontal bars: name, bar, value, note. `legend` names the bars and, second, the marks."""
    entries = [(name, place, False) for place, name in enumerate(legend)]
    key, top = _legend(entries, width)
    names = [cut(bar.name, width * 0.36) for bar in bars]
    left = 10 + max(map(text_width, names), default=0)
    notes = max((text_width(bar.note) for bar in bars), default=0)
    right = width - notes - 54
    values = [v for bar in bars for v in (bar.value, bar.high, bar.mark) if v is not None and math.isfinite(v)]
    run = Scale.fit(axis, [0.0, *values], left, right)
    bottom = top + ROW * len(bars) + 4
    parts = [key]
    for tick in run.ticks:
        parts.append(_line(run(tick), top, run(tick), bottom, "grid"))
        parts.append(_text(axis.text(tick), run(tick), bottom + 14, "soft mid num"))
    for place, (bar, name) in enumerate(zip(bars, names, strict=True)):
        parts.append(_bar_row(bar, name, run, axis, top + ROW * place + ROW / 2, left, right, width))
    parts.append(_text(axis.label, right, bottom + 32, "soft end"))
    return _svg(parts, width, bottom + 38, title, description, standalone)


def _bar_row(bar: Bar, name: str, run: Scale, axis: Axis, y: float, left: float, right: float, width: int) -> str:
    known = math.isfinite(bar.value)
    shown = axis.text(bar.value, fine=True) if known else "–"
    parts = [
        _text(name, left - 10, y + 4, "end", bar.name if name != bar.name else ""),
        f'<rect class="track" x="{left:.1f}" y="{y - 6:.1f}" width="{right - left:.1f}" height="12" rx="2"/>',
        _text(shown, right + 42, y + 4, "end num"),
        _text(bar.note, width, y + 4, "soft end num"),
    ]
    if known:
        long = run(bar.value) - left
        parts.append(f'<rect class="bar k0" x="{left:.1f}" y="{y - 6:.1f}" width="{long:.1f}" height="12" rx="2"/>')
    if known and bar.low is not None and bar.high is not None:
        parts += [_line(run(bar.low), y, run(bar.high), y, kind) for kind in ("halo", "whisker")]
    if bar.mark is not None and math.isfinite(bar.mark):
        parts.append(_line(run(bar.mark), y - 9, run(bar.mark), y + 9, "mark k1"))
    return "".join(parts)


def matrix(
    names: Sequence[str], counts: np.ndarray, *, title: str, description: str = "", width: int = 420,
    standalone: bool = False,
) -> str:  # fmt: skip
    """Counts (L, L) as shaded cells, names at the left and, turned, above; a cell of 0 stays empty."""
    short = [cut(name, width * 0.26) for name in names]
    left = 10 + max(map(text_width, short))
    cell = min(34.0, (width - left) / len(names))
    top = left + 2
    # A few cases are no pattern: they stay pale, even where there are no others.
    most = max(10, int(counts.max()))
    parts = [_text("set →", left - 8, top - 26, "soft end"), _text("missed ↓", left - 8, top - 8, "soft end")]
    for row, name in enumerate(short):
        middle = left + cell * (row + 0.5)
        parts.append(_text(name, left - 8, top + cell * (row + 0.5) + 4, "end", names[row]))
        turn = f'transform="rotate(-90 {middle + 4:.1f} {top - 8:.1f})"'
        parts.append(_text(name, middle + 4, top - 8, "", names[row], turn))
        for column, count in enumerate(map(int, counts[row])):
            place = f'x="{left + cell * column + 1:.1f}" y="{top + cell * row + 1:.1f}"'
            size = f'width="{cell - 2:.1f}" height="{cell - 2:.1f}" rx="2"'
            if row != column:
                parts.append(f'<rect class="track" {place} {size}/>')
            if count:
                shade = f'fill-opacity="{0.12 + 0.5 * math.sqrt(count / most):.2f}"'
                said = f"<title>{escape(names[row])} → {escape(names[column])}: {count}</title>"
                parts.append(f'<rect class="bar k1" {place} {size} {shade}>{said}</rect>')
                middle_y = top + cell * (row + 0.5) + 4
                parts.append(_text(str(count), left + cell * (column + 0.5), middle_y, "mid num"))
    return _svg(parts, width, top + cell * len(names) + 2, title, description, standalone)


def _svg(parts: Iterable[str], width: int, height: float, title: str, description: str, standalone: bool) -> str:
    key = "t" + sha256(f"{title}\n{description}".encode()).hexdigest()[:8]
    edge, alone, style = 0, "", ""
    if standalone:
        edge, alone = MARGIN, ' xmlns="http://www.w3.org/2000/svg"'
        style = f'<style>{STYLE}</style><rect class="page" x="{-edge}" y="{-edge}" width="100%" height="100%"/>'
    wide, high = width + 2 * edge, math.ceil(height) + 2 * edge
    return (
        f'<svg{alone} class="chart" viewBox="{-edge} {-edge} {wide} {high}" width="{wide}" height="{high}" role="img" '
        f'aria-labelledby="{key} {key}d"><title id="{key}">{escape(title)}</title>'
        f'<desc id="{key}d">{escape(description)}</desc>{style}{"".join(parts)}</svg>'
    )


def _legend(entries: Sequence[tuple[str, int, bool]], width: int) -> tuple[str, float]:
    """Swatches with names in as many lines as they need, and the height of that."""
    parts, x, y = [], 0.0, 14.0
    for name, color, dashed in entries:
        name = cut(name, width - 30)
        if x and x + 24 + text_width(name) > width:
            x, y = 0.0, y + LINE
        swatch = _line(x, y - 4, x + 16, y - 4, f"line k{color}{' dash' if dashed else ''}")
        parts.append(swatch + _text(name, x + 22, y, ""))
        x += 40 + text_width(name)
    return "".join(parts), y + 8 if entries else 2


def _color(line: Series, place: int) -> int:
    return (place if line.color is None else line.color) % COLORS


def _said(name: str, point: tuple[float, float], x: Axis, y: Axis) -> str:
    return f"{name}: {y.text(point[1], fine=True)} at {x.text(point[0], fine=True)}"


def _path(spots: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _dot(x: float, y: float, radius: float, kind: str, said: str) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{escape(said)}</title></circle>'


def _text(text: str, x: float, y: float, kind: str, whole: str = "", more: str = "") -> str:
    if not text:
        return ""
    title = f"<title>{escape(whole)}</title>" if whole else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}{title}</text>'
