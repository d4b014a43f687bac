"""The figures of `eval score` as tables, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.metrics.intervals import Interval
from eval.metrics.scoring import Paired, Probabilities, Score
from labeler.base.f1 import LabelFigures
from labeler.base.markdown_table import markdown_table

NOTE = (
    "In brackets: 95 % interval, bootstrap over issues. Malformed by format: empty, more than one line, a backtick, "
    "bracket or brace, or over 200 characters; strictly: that, or a name outside the list. A name outside the list is "
    "a wrong label; of a malformed answer counts what can be read."
)
OTHER_RULE = (
    "There are two usual rules for names outside the list: under “names outside: ignored” they count for nothing; in "
    "all other rows, and in the tests of pairs, each is a wrong label. Compare figures that are by the same rule."
)
WRONG, IGNORED = "names outside: wrong", "names outside: ignored"
METRICS = {
    "micro_precision": "micro-precision",
    "micro_recall": "micro-recall",
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "jaccard_pooled": "Jaccard, pooled",
    "jaccard_mean": "Jaccard, mean of issues",
    "exact_match": "exact match",
}


@dataclass(frozen=True)
class Section:
    """A table. The first cell of a row says what the row is; a row of nothing else is a heading."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def overview(title: str, scores: Sequence[Score]) -> Section:
    """One column a system; where one names what is not in the list, figures by both rules."""
    strangers = any(score.malformed.outside for score in scores)
    rows = [_row("all answers, n", scores, lambda s: f"{s.n:,}")]
    rows += [(WRONG,)] if strangers else []
    rows += _metrics([score.all_rows for score in scores])
    if strangers:
        rows += [(IGNORED,), *_metrics([score.all_rows_listed for score in scores])]
    rows += [
        ("",),
        ("labels an issue, mean",),
        _row("true", scores, lambda s: f"{s.true_an_issue:.2f}"),
        _row("predicted", scores, lambda s: f"{s.labels_an_issue:.2f}"),
        _row("extra", scores, lambda s: f"{s.extra_an_issue:.2f}"),
        _row("missing", scores, lambda s: f"{s.missing_an_issue:.2f}"),
        ("",),
        ("malformed answers",),
        _row("format", scores, lambda s: _share(s.malformed.format, s.n)),
        _row("strict", scores, lambda s: _share(s.malformed.strict, s.n)),
        _row("empty", scores, lambda s: _share(s.malformed.empty, s.n)),
        _row("… where nothing is true", scores, lambda s: f"{s.malformed.empty_unlabelled:,}"),
        _row("names outside the list", scores, lambda s: f"{s.malformed.outside:,}"),
        ("",),
        _row("well-formed only, n", scores, lambda s: f"{s.well_formed['micro_f1'].n:,}"),
    ]
    rows += [(WRONG,)] if strangers else []
    rows += _metrics([score.well_formed for score in scores])
    if strangers:
        rows += [(IGNORED,), *_metrics([score.well_formed_listed for score in scores])]
    if any(score.probabilities for score in scores):
        rows += [
            ("",),
            _row("with probabilities, n", scores, _of_probabilities(lambda p: f"{p.n:,}")),
            _row("mean average precision", scores, _of_probabilities(lambda p: p.mean_average_precision.cell)),
            _row("calibration error", scores, _of_probabilities(lambda p: f"{p.calibration_error:.3f}")),
            _row("Brier score", scores, _of_probabilities(lambda p: f"{p.brier:.3f}")),
        ]
    return Section(title, ("", *(score.system for score in scores)), tuple(rows))


def differences(pairs: Sequence[Paired]) -> Section:
    """One column a system that is compared with the first; `pairs` is not empty."""
    rows = [_row("shared issues, n", pairs, lambda pair: f"{pair.n:,}")]
    for key in pairs[0].differences:
        rows.append((METRICS[key], *(pair.differences[key].cell for pair in pairs)))
        rows.append(("… p", *(f"{pair.differences[key].p:.3f}" for pair in pairs)))
    columns = ("", *(pair.system for pair in pairs))
    return Section(f"Minus {pairs[0].against}, paired bootstrap", columns, tuple(rows))


def by_label(score: Score) -> Section:
    rows = tuple(_label_row(figures) for figures in score.labels)
    columns = ("label", "true", "predicted", "precision", "recall", "F1")
    return Section(f"{score.system}: labels, n = {score.n:,}", columns, rows)


def markdown(sections: Sequence[Section]) -> str:
    """GitHub Markdown in which foreign names show literally."""
    from labeler.github.summary import escape

    parts = []
    for section in sections:
        rows = [
            (
                f"**{escape(row[0])}**" if len(row) == 1 else escape(row[0]),
                *row[1:],
                *[""] * (len(section.columns) - len(row)),
            )
            for row in section.rows
            if any(row)
        ]
        parts += [f"### {escape(section.title)}", markdown_table([*map(escape, section.columns)], rows, "lr")]
    return "\n\n".join([*parts, _note(sections)]) + "\n"


def show(sections: Sequence[Section]) -> None:
    """Prints the tables; one that is too wide for the terminal becomes several below each other."""
    from rich.table import Column
    from rich.text import Text

    from labeler.console.tables import right, styled, table
    from labeler.console.terminal import console

    output = console()
    for part in (part for section in sections for part in _fitted(section, output.width)):
        first, *others = part.columns
        rows = (styled("bold", row) if len(row) == 1 else row for row in part.rows)
        output.print(table((Column(first, no_wrap=True), *right(*others)), rows, title=part.title))
        output.print()
    output.print(Text(_note(sections), "dim"))


def _fitted(section: Section, width: int) -> list[Section]:
    """The table as often as its columns need, the first column in each."""
    full = [row for row in (section.columns, *section.rows) if len(row) > 1]
    widths = [max(map(len, column)) + 2 for column in zip(*full, strict=True)]
    groups: list[list[int]] = [[]]
    for place in range(1, len(widths)):
        if groups[-1] and widths[0] + sum(widths[i] for i in groups[-1]) + widths[place] > width + 2:
            groups.append([])
        groups[-1].append(place)

    def cells(row: tuple[str, ...], group: list[int]) -> tuple[str, ...]:
        return row if len(row) == 1 else (row[0], *(row[place] for place in group))

    return [
        Section(section.title, cells(section.columns, group), tuple(cells(row, group) for row in section.rows))
        for group in groups
    ]


def _note(sections: Sequence[Section]) -> str:
    return f"{NOTE} {OTHER_RULE}" if any((IGNORED,) in section.rows for section in sections) else NOTE


def _metrics(figures: Sequence[Mapping[str, Interval]]) -> list[tuple[str, ...]]:
    """A row a metric that all of the systems' figures have."""
    return [(name, *(one[key].cell for one in figures)) for key, name in METRICS.items() if key in figures[0]]


def _row(name: str, items: Sequence[Any], cell: Callable[[Any], str]) -> tuple[str, ...]:
    return (name, *(cell(item) for item in items))


def _of_probabilities(cell: Callable[[Probabilities], str]) -> Callable[[Score], str]:
    return lambda score: cell(score.probabilities) if score.probabilities else "–"


def _share(count: int, n: int) -> str:
    return f"{count:,} ({count / n:.1%})"


def _label_row(figures: LabelFigures) -> tuple[str, ...]:
    shares = (f"{value:.3f}" for value in (figures.precision, figures.recall, figures.f1))
    return (figures.name, f"{figures.support:,}", f"{figures.predicted:,}", *shares)
