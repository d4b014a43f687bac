"""The few figures that README shows: of the shipped model, of the release before and of the linear model."""

from __future__ import annotations

from eval.reports.sections import cell
from eval.starter.page import MAIN_ROWS, Line, Results, figure, lines
from labeler.base.markdown_table import markdown_table

ROLES = ("model", "earlier", "linear")
ROWS = (("ten", "micro_f1"), ("lists", "micro_f1"), ("five", "macro_f1"), ("forms", "set_changed"))


def short_table(results: Results, more: dict[str, str] | None = None) -> str:
    """The rows of `ROWS` that the results have; then `more`: a title and what the model has there."""
    roles = [role for role in ROLES if role in results["systems"]]
    heads = [cell(results["systems"][role]["name"]) for role in roles]
    rows: list[tuple[str, ...]] = []
    titles = {MAIN_ROWS[row]: row for row in ROWS}
    found: dict[tuple[str, str], Line] = {titles[line.title]: line for line in lines(results) if line.title in titles}
    for row in ROWS:
        if line := found.get(row):
            cells = [figure(line.figures.get(role), role == "model") for role in roles]
            rows.append((f"{line.title} (n = {line.n:,})", *cells))
    rows += [(title, value, *[""] * (len(roles) - 1)) for title, value in (more or {}).items()]
    return markdown_table(("", *heads), rows)


def short_note(results: Results) -> str:
    """When it was measured, and what is to be said of it: a trial on few issues, sets that the model was tuned on."""
    parts = []
    if results["limit"]:
        parts.append(f"**At most {results['limit']:,} issues of each set: a trial, no measurement.**")
    keys = [key for key, _ in ROWS if key in results["sets"]]
    for tuned_on, what in ((True, "was tuned on"), (None, "may have been tuned on")):
        if named := [results["sets"][key]["title"] for key in keys if results["sets"][key]["tuned_on"] is tuned_on]:
            parts.append(f"The model {what}: {'; '.join(dict.fromkeys(named))}.")
    return " ".join([*parts, f"Quality was measured on {results['date']}; in brackets are 95 % intervals."])
