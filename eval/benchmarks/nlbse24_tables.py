"""The NLBSE'24 benchmark in a terminal: a row for each system, the published ones among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from eval.benchmarks.nlbse24_protocol import PUBLISHED, Score
from labeler.console.tables import right, table
from labeler.console.terminal import console

MEAN, FOR_ALL = "mean [95 %]", "one for all"
WIDE = 110  # columns of a terminal that holds repositories and means beside each other


def show_scores(scores: Sequence[Score], note: str) -> None:
    """Prints the table, the best mean first. `note` is why the published figures do not compare, "" if they do."""
    repos = list(scores[0].repos)
    cells = _cells(scores)
    output = console()
    title = f"NLBSE'24, macro-F1 of bug, feature, question: n = {scores[0].mean.n:,} test issues"
    output.print(Text(title), soft_wrap=True)
    means = [MEAN] if scores[0].one_for_all is None else [MEAN, FOR_ALL]
    columns = [*repos, *means]
    for part in [columns] if output.width >= WIDE else [means, repos]:
        output.print(_table(cells, part))
    if note:
        output.print(Text(f"Not comparable with the published figures: {note}.", "bold"), soft_wrap=True)
    explained = {MEAN: "one model for each repository", FOR_ALL: "one model trained on all of them"}
    output.print(Text("; ".join(f"{name}: {explained[name]}" for name in means), "dim"))


def _cells(scores: Sequence[Score]) -> dict[str, dict[str, str]]:
    """System's name -> column -> cell."""
    cells = {}
    for score in sorted(scores, key=lambda score: -score.mean.value):
        cells[score.name] = {repo: f"{figure:.3f}" for repo, figure in score.repos.items()}
        cells[score.name][MEAN] = score.mean.cell
        if score.one_for_all is not None:
            cells[score.name][FOR_ALL] = f"{score.one_for_all:.3f}"
    for name, figure in PUBLISHED.items():
        cells[f"{name}, published"] = {MEAN: f"{figure:.3f}"}
    return cells


def _table(cells: Mapping[str, Mapping[str, str]], columns: Sequence[str]) -> Table:
    named = right(*(column.rpartition("/")[2] for column in columns))
    rows = (
        (name, *(row.get(column, "") for column in columns))
        for name, row in cells.items()
        if any(column in row for column in columns)
    )
    return table(("", *named), rows)
