"""A job's summary, which is GitHub Markdown, as an SVG that looks like GitHub's page: read by a Markdown parser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token

WIDTH, MARGIN, ROW = 880, 24, 31  # pixels
# Left edge of each column: sign, label, bar, probability, threshold, reason.
_COLUMNS = (MARGIN, 62, 216, 420, 500, 600)
_RIGHT = (3, 4)  # columns of numbers, set to the right
_ADVANCE = {"code": 7.2, "strong": 9.6}  # pixels of a letter, to place what follows
_STYLE = """
    text { font: 14px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328; }
    .code { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    .h3 { font-size: 20px; font-weight: 600; } .strong, .th { font-weight: 600; }
    .set { fill: #1f883d; } .tick { stroke: #ffffff; stroke-width: 2; fill: none; }
    .sub { font-size: 12px; } .chip { fill: #818b981f; } .line { stroke: #d1d9e0; }
    .page { fill: #ffffff; stroke: #d1d9e0; } .odd { fill: #f6f8fa; }"""


@dataclass
class _Run:
    """Text of one look: code, strong, sub, or a mix of them."""

    text: str
    look: frozenset[str]


@dataclass
class _Drawing:
    parts: list[str] = field(default_factory=list)
    y: float = MARGIN + 22.0

    def text(self, x: float, text: str, look: str, right: bool = False, width: float = 0.0) -> None:
        anchor = ' text-anchor="end"' if right else ""
        length = f' textLength="{width:g}" lengthAdjust="spacingAndGlyphs"' if width else ""
        shown = escape(text, quote=False).replace(" ", "&#160;")
        self.parts.append(f'<text x="{x:g}" y="{self.y:g}" class="{look}"{anchor}{length}>{shown}</text>')

    def chip(self, x: float, run: _Run) -> float:
        """A label on grey; returns its width."""
        width = len(run.text) * _ADVANCE["code"]
        self.parts.append(
            f'<rect class="chip" x="{x:g}" y="{self.y - 14:g}" width="{width + 10:g}" height="20" rx="6"/>'
        )
        self.text(x + 5, run.text, "label " + " ".join(sorted(run.look)), width=width)
        return width + 10

    def tick(self, x: float) -> None:
        """GitHub's ✅, which not every font has."""
        y = self.y - 13
        self.parts.append(f'<rect class="set" x="{x:g}" y="{y:g}" width="16" height="16" rx="3"/>')
        self.parts.append(f'<path class="tick" d="M{x + 4:g} {y + 8:g}l3 3l5-6"/>')

    def line(self, runs: list[_Run], x: float = MARGIN) -> None:
        for run in runs:
            if "code" in run.look:
                x += self.chip(x, run) + 6
            elif text := run.text.strip():
                self.text(x, text, " ".join(sorted(run.look)) or "plain")
                x += len(text) * _ADVANCE["strong"] + 6


def picture(markdown: str) -> str:
    """The SVG of a summary that has a heading, lines of text and tables of six columns."""
    drawing, row, looks = _Drawing(), 0, "td"
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    cells: list[list[_Run]] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        opened = before.type if before else ""
        if token.type == "inline" and opened == "heading_open":
            drawing.text(MARGIN, "".join(run.text for run in _runs(token)), "h3")
            drawing.y += 34
        elif token.type == "inline" and opened == "paragraph_open":
            for line in _broken(_runs(token)):
                drawing.line(line)
                drawing.y += 24
            drawing.y += 14
        elif token.type in ("th_open", "td_open"):
            looks = token.type[:2]
        elif token.type == "inline":
            cells.append(list(_runs(token)))
        elif token.type == "tr_close":
            _row(drawing, cells, looks, odd=row % 2 == 0 and row > 0)
            cells, row = [], row + 1
        elif token.type == "table_close":
            drawing.y += 14
    height = drawing.y - 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}">\n  <style>{_STYLE}\n  </style>\n'
        f'  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="6"/>\n  '
        + "\n  ".join(drawing.parts)
        + "\n</svg>\n"
    )


def _row(drawing: _Drawing, cells: list[list[_Run]], look: str, odd: bool) -> None:
    top, width = drawing.y - 20, WIDTH - 2 * MARGIN
    if odd:
        drawing.parts.append(f'<rect class="odd" x="{MARGIN}" y="{top:g}" width="{width}" height="{ROW}"/>')
    for at, runs in enumerate(cells):
        text = "".join(run.text for run in runs)
        if at == 1 and look == "td":
            drawing.line(runs, _COLUMNS[at])
        elif at == 2 and look == "td":  # the bar: as wide as it is long, whatever the font
            drawing.text(_COLUMNS[at], text, "code", width=len(text) * 7.2)
        elif at == 0 and text == "✅":
            drawing.tick(_COLUMNS[at])
        elif at in _RIGHT:
            drawing.text(_COLUMNS[at] + 56, text, look, right=True)
        elif text:
            drawing.text(_COLUMNS[at], text, look)
    drawing.y += ROW
    low = top + ROW
    drawing.parts.append(f'<path class="line" d="M{MARGIN} {low:g}h{width}"/>')


def _runs(token: Token) -> Iterator[_Run]:
    """Text of an inline token with its look; a line break is a run of its own."""
    look: set[str] = set()
    for child in token.children or []:
        if child.type == "html_inline":
            tag = child.content.strip("</>").lower()
            name = {"b": "strong"}.get(tag, tag)
            if tag == "br":
                yield _Run("\n", frozenset())
            elif child.content.startswith("</"):
                look.discard(name)
            else:
                look.add(name)
        elif child.type == "strong_open":
            look.add("strong")
        elif child.type == "strong_close":
            look.discard("strong")
        elif text := child.content.replace("\u200b", ""):
            yield _Run(text, frozenset(look))


def _broken(runs: Iterator[_Run]) -> Iterator[list[_Run]]:
    line: list[_Run] = []
    for run in runs:
        if run.text == "\n":
            yield line
            line = []
        else:
            line.append(run)
    yield line
