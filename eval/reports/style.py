"""Colours and text of the charts, light and dark, as one style sheet that page and standalone files share."""

from __future__ import annotations

from collections.abc import Sequence

COLORS = 8
_LIGHT = ("#1f5fbf", "#c4570a", "#1a7f5a", "#8a4bc9", "#b8336f", "#0b7285", "#7a6a00", "#6b7280")
_DARK = ("#7fb0ff", "#ffa95c", "#5fd0a0", "#c9a0ff", "#ff8fbf", "#5cc8dc", "#d8c25a", "#a3acb8")


def _variables(colors: Sequence[str]) -> str:
    return "".join(f"--c{number}:{color};" for number, color in enumerate(colors))


STYLE = (
    f":root{{--page:#fff;--ink:#1d2329;--soft:#5b6670;--grid:#e3e7eb;{_variables(_LIGHT)}}}"
    "@media (prefers-color-scheme:dark){:root{--page:#14181d;--ink:#e4e8ec;--soft:#9aa5b1;--grid:#2b323a;"
    f"{_variables(_DARK)}}}}}"
    "svg.chart{display:block;max-width:100%;height:auto;font-family:system-ui,-apple-system,'Segoe UI',sans-serif}"
    "svg.chart text{font-size:12px;fill:var(--ink)}svg.chart .soft{fill:var(--soft)}"
    "svg.chart .end{text-anchor:end}svg.chart .mid{text-anchor:middle}svg.chart .num{font-variant-numeric:tabular-nums}"
    "svg.chart .grid{stroke:var(--grid);stroke-width:1}svg.chart .track{fill:var(--grid);opacity:.55}"
    "svg.chart .line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    "svg.chart .dash{stroke-dasharray:5 5;stroke-width:1.5}svg.chart .band{fill:var(--c);opacity:.14}"
    "svg.chart .dot{fill:var(--c);stroke:var(--page);stroke-width:1}"
    "svg.chart .ring{fill:var(--page);stroke:var(--c);stroke-width:3}"
    "svg.chart .whisker{stroke:var(--ink);stroke-width:1.5}svg.chart .halo{stroke:var(--page);stroke-width:5}"
    "svg.chart .mark{stroke:var(--c);stroke-width:3}"
    "svg.chart .bar{fill:var(--c)}svg.chart .page{fill:var(--page)}"
    + "".join(f"svg.chart .k{number}{{--c:var(--c{number})}}" for number in range(COLORS))
)
