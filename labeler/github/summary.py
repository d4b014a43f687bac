"""The job summary: what was chosen, how sure the model was, and what was left alone and why. GitHub Markdown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import partial

from labeler.base.markdown_table import markdown_table
from labeler.decision.decide import ADDED, Row, Verdict
from labeler.decision.outcome import Outcome, passes
from labeler.errors import LabelerError
from labeler.github.actions import ZERO_WIDTH_SPACE, harmless, harmless_lines

BAR_CELLS = 20
ROWS_IN_SIGHT = 20
MOST_TITLE = 120
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LINKED = re.compile(r"(?<=[@#])(?=\S)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=GH)(?=-)", re.IGNORECASE)
_SIGNS = dict.fromkeys(ADDED, "✅") | {Verdict.PRESENT: "☑️", Verdict.TAKE_BACK: "↩️", Verdict.BELOW: ""}


def escape(text: str, most: int = 1000) -> str:
    """Foreign text as Markdown that shows it literally: no markup, no HTML, no links, mentions or references."""
    line = harmless(text)
    line = line if len(line) <= most else line[: most - 1] + "…"
    # GitHub links these after it has read the Markdown, entities and all; an empty space between prevents it.
    line = _LINKED.sub(ZERO_WIDTH_SPACE, line)
    escaped = re.sub(r"[!-&(-+/:-@\[-`{-~]", lambda match: f"&#{ord(match[0])};", line)
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in line):
        return f"&#8296;{escaped}&#8297;"  # isolated, so that right-to-left text keeps to its own place
    return escaped


def code(text: str) -> str:
    return f"<code>{re.sub('[^A-Za-z0-9 ]', lambda match: f'&#{ord(match[0])};', harmless(text))}</code>"


def bar(probability: float, threshold: float) -> str:
    """BAR_CELLS cells, with a line between two of them where the threshold stands.

    >>> bar(0.5, 0.25)
    '█████│█████░░░░░░░░░░'
    """
    eighths = round(min(1.0, max(0.0, probability)) * BAR_CELLS * 8)
    full, part = divmod(eighths, 8)
    cells = "█" * full + (_EIGHTHS[part] if part else "")
    cells += "░" * (BAR_CELLS - len(cells))
    mark = round(min(1.0, max(0.0, threshold)) * BAR_CELLS)
    return f"{cells[:mark]}│{cells[mark:]}"


def render(outcome: Outcome) -> str:
    """The summary of one issue."""
    parts = [f"### {_name(outcome)}"]
    if outcome.decision is None:
        parts.append(f"Left alone: {escape(outcome.skipped or 'nothing to do')}.")
        return "\n\n".join(parts) + "\n"
    parts.append(_headline(outcome))
    rows = sorted(outcome.decision.rows, key=lambda row: (not row.told, -(row.probability or 0.0)))
    table = partial(_table, dry_run=outcome.dry_run)
    parts.append(table(rows[:ROWS_IN_SIGHT]))
    if rest := rows[ROWS_IN_SIGHT:]:
        parts.append(f"<details><summary>{len(rest)} less probable labels</summary>\n\n{table(rest)}\n\n</details>")
    parts += map(escape, (*outcome.warnings, *outcome.notes))
    parts.append(
        f"<sub>Model {escape(outcome.model)} · {outcome.predict_seconds:.2f} s for the issue, "
        f"{outcome.total_seconds:.2f} s in all · read on this runner, sent nowhere · │ marks the threshold</sub>"
    )
    return "\n\n".join(parts) + "\n"


def render_failure(error: LabelerError) -> str:
    """The summary of a run that could not label."""
    shown = re.sub(r"[&<>]", lambda match: f"&#{ord(match[0])};", harmless_lines(error.remedy))
    return f"### No label was set\n\n{escape(error.what)}\n\n" + (f"<pre>{shown}</pre>\n" if shown else "")


def _name(outcome: Outcome) -> str:
    number = "Issue" if outcome.number is None else f"Issue {outcome.number}"
    return f"{number}: {escape(outcome.title, MOST_TITLE)}" if outcome.title else number


def _headline(outcome: Outcome) -> str:
    decision = outcome.decision
    assert decision is not None
    lines = []
    would = "Would add" if outcome.dry_run else "Added"
    added = decision.add if outcome.dry_run else outcome.applied
    lines.append(f"**{would}** {' '.join(map(code, added))}" if added else "No label was added.")
    removed = decision.remove if outcome.dry_run else outcome.removed
    if removed:
        lines.append(f"**{'Would take back' if outcome.dry_run else 'Took back'}** {' '.join(map(code, removed))}")
    if decision.left_alone:
        alone = "Left alone" if decision.skipped else "Nothing to set the model's labels on"
        lines.append(f"{alone}: {escape(decision.left_alone)}.")
    if outcome.dry_run:
        lines.append("A dry run: nothing was written to GitHub.")
    return "<br>\n".join(lines)


def _table(rows: Sequence[Row], dry_run: bool) -> str:
    columns = ("", "Label", "Probability", "", "Threshold", "")
    return markdown_table(columns, (_row(row, dry_run) for row in rows), "cllrrl")


def _row(row: Row, dry_run: bool) -> tuple[str, ...]:
    label = f"<b>{code(row.label)}</b>" if row.verdict in ADDED else code(row.label)
    sign = _SIGNS.get(row.verdict, "✋" if passes(row) else "")
    if row.probability is None or row.threshold is None:
        numbers = ("", "", "")
    else:
        shown = f"<code>{bar(row.probability, row.threshold)}</code>"
        numbers = (shown, f"{row.probability:.0%}", f"{row.threshold:.0%}")
    # The numbers are reason enough for what is merely above or below its threshold.
    reason = {Verdict.ADD: "would be added" if dry_run else "added", Verdict.BELOW: ""}.get(row.verdict, row.reason)
    return (sign, label, *numbers, escape(reason))
