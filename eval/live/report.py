"""A survey in words and tables: for a terminal, as Markdown for a job summary or a weekly issue, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eval.live.agreement import Agreement
from eval.live.survey import Survey
from eval.metrics.intervals import Interval
from eval.systems.plain import plain
from labeler.base.markdown_table import markdown_table
from labeler.github.actions import harmless
from labeler.github.client import ACTIONS_LOGIN
from labeler.verdicts.judging import Judged, Verdict

MOST_CORRECTIONS = 20
FEW = 20  # settled labels; below, a share says little
COLUMNS = ("kept", "taken off", "right", "added by people", "found")


@dataclass(frozen=True)
class Table:
    """Rows of plain text; the first column is a name."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_aside: bool = False  # in Markdown, folded away


def percent(share: Interval) -> str:
    """A share with the ends of its interval: "94 % [91–97]"."""
    return f"{share.value:.0%} [{share.low * 100:.0f}–{share.high * 100:.0f}]" if share.n else "–"


def headline(found: Survey) -> list[str]:
    """The sentences that a maintainer reads, the first the most important."""
    every, handled = found.all_issues, found.handled
    if not every.right.n:
        return [f"There is nothing to judge yet: no label that {found.login} set has settled."]
    lines = [
        f"Of {every.right.n:,} labels that the action set, people kept {every.kept:,}: {percent(every.right)}.",
        f"They set {every.added:,} that it had not; so of the {every.found.n:,} labels that stand, it had found "
        f"{percent(every.found)}.",
    ]
    if handled.right.n:
        lines.append(
            f"Where a person has dealt with the issue since, {percent(handled.right)} of {handled.right.n:,} labels "
            "were kept: elsewhere, perhaps nobody has looked."
        )
    else:
        lines.append("No person has dealt with any of these issues since, so perhaps nobody has looked at the labels.")
    return lines


def notes(found: Survey) -> list[str]:
    """What a reader has to know to take the figures for what they are."""
    field, window, lines = found.field, found.window, []
    if field.cut_short:
        back = f"GitHub's events were read back to {field.reached:%Y-%m-%d %H:%M} only"
        lines.append(f"{back} ({field.cut_short}): nothing older is counted.")
    if not found.labelled:
        seen = ", ".join(
            f"{login or 'deleted accounts'} ({count})" for login, count in list(field.labelers.items())[:5]
        )
        lines.append(f"{found.login} set no label. Set labels: {seen or 'nobody'}. --login names the action's account.")
    if unseen := [one.name for one in found.labels if not _is_seen(one)]:
        lines.append(f"Neither set by the action nor added by people: {', '.join(unseen)}.")
    waiting = len(found.judged) - len(found.settled)
    if waiting:
        lines.append(f"{waiting:,} issues were labelled less than {window.settle.days} days ago and do not count yet.")
    unclear = sum(label.unclear for label in found.labels)
    if unclear:
        lines.append(
            f"{unclear:,} labels count for nothing: changed by another bot, a deleted account or the action itself, or "
            "without an event that tells (a label renamed or deleted, or set before this window)."
        )
    if field.moved or field.orphans:
        lines.append(f"Left out: {field.moved:,} transferred issues, {field.orphans:,} events of deleted issues.")
    if found.login == ACTIONS_LOGIN:
        lines.append("Other workflows that label with the job's own token do so under the same name, and count here.")
    return lines


def tables(found: Survey) -> list[Table]:
    made = [
        Table("By label", ("label", *COLUMNS), tuple(_agreement_row(one) for one in found.labels if _is_seen(one))),
        Table("By week", ("week of", *COLUMNS), tuple(map(_agreement_row, found.weeks)), is_aside=len(found.weeks) < 3),
    ]
    if drift := found.drift:
        title = f"Share of issues that got each label, before and after {drift.parted[:10]} (n = {drift.n:,})"
        rows = tuple(
            (one.name, f"{one.before.value:.0%}", f"{one.after.value:.0%}", _points(one.difference, one.low, one.high))
            for one in drift.labels
        )
        made.append(Table(title, ("label", "before", "after", "difference in points"), rows, is_aside=True))
    if found.thresholds:
        title = f"Thresholds that would have served best on issues people dealt with ({found.model})"
        fitted = tuple(
            (
                one.name,
                "–" if one.current is None else f"{one.current:.2f}",
                "–" if one.suggested is None else f"{one.suggested:.2f}",
                f"{one.positives:,} of {one.n:,}",
            )
            for one in found.thresholds
        )
        made.append(Table(title, ("label", "now", "suggested", "true"), fitted))
    if corrected := [one for one in reversed(found.settled) if one.is_corrected]:
        title = f"What people corrected ({len(corrected):,} issues{_cut(len(corrected))})"
        listed = tuple((str(one.story.number), *_corrections(one, found)) for one in corrected[:MOST_CORRECTIONS])
        made.append(Table(title, ("issue", "taken off", "added"), listed, is_aside=True))
    return [table for table in made if table.rows]


def drift_lines(found: Survey) -> list[str]:
    lines = []
    if drift := found.drift:
        clear = [one.name for one in drift.labels if one.is_clear]
        lines.append(
            f"Labels set in the first and the second half of {drift.n:,} issues differ by {drift.divergence:.3f} bits, "
            f"p = {drift.p:.3f}" + (f"; most clearly {', '.join(clear)}." if clear and drift.p < 0.05 else ".")
        )
    if sure := found.confidence:
        lines.append(
            f"The likeliest label's probability went from {sure.before:.2f} to {sure.after:.2f}, a difference of "
            f"{sure.difference:+.3f} [{sure.low:+.3f}, {sure.high:+.3f}], n = {sure.n:,} issues read by {found.model}."
        )
    return lines


def title_of(found: Survey) -> str:
    since, until = max(found.window.since, found.field.reached), found.window.until
    return f"Labels in {found.repository}, {since:%Y-%m-%d} to {until:%Y-%m-%d}"


def markdown(found: Survey) -> str:
    """GitHub Markdown. Foreign names show literally, and an issue's number is no link, which would notify it."""
    from labeler.github.summary import escape

    first, *rest = map(escape, headline(found))
    parts = [f"## {escape(title_of(found))}", f"**{first}** {' '.join(rest)}", *map(escape, drift_lines(found))]
    for table in tables(found):
        body = markdown_table(table.columns, ([*map(escape, row)] for row in table.rows), "lr")
        if table.is_aside:
            parts.append(f"<details><summary>{escape(table.title)}</summary>\n\n{body}\n\n</details>")
        else:
            parts.append(f"**{escape(table.title)}**\n\n{body}")
    parts.append("<sub>" + escape(" ".join([*_legend(), *notes(found)]), most=4000) + "</sub>")
    return "\n\n".join(parts) + "\n"


def show(found: Survey) -> None:
    """Prints the survey to the terminal."""
    from rich.table import Column
    from rich.text import Text

    from labeler.console.tables import right, table
    from labeler.console.terminal import console

    output = console()
    output.print(Text(harmless(title_of(found)), "bold"))
    for line in [*headline(found), *drift_lines(found)]:
        output.print(Text(harmless(line)))
    for one in tables(found):
        output.print(Text(f"\n{harmless(one.title)}", "bold"))
        first, *others = one.columns
        rows = (map(harmless, row) for row in one.rows)
        output.print(table((Column(first, no_wrap=True), *right(*others)), rows))
    output.print()
    for line in [*_legend(), *notes(found)]:
        output.print(Text(harmless(line), "dim"))


def figures(found: Survey) -> dict[str, Any]:
    """The survey as what JSON can hold: no issue text, and null where there is no figure."""
    window, field = found.window, found.field
    document: dict[str, Any] = plain(
        {
            "repository": found.repository,
            "login": found.login,
            "since": max(window.since, field.reached).isoformat(),
            "cut_short": field.cut_short,
            "until": window.until.isoformat(),
            "settle_days": window.settle.days,
            "events": field.events,
            "issues": len(found.judged),
            "settled_issues": len(found.settled),
            "labelled_issues": found.labelled,
            "pull_requests": field.pull_requests,
            "transferred_issues": field.moved,
            "all": _agreement(found.all_issues),
            "handled": _agreement(found.handled),
            "labels": [_agreement(one) for one in found.labels],
            "weeks": [_agreement(one) for one in found.weeks],
            "drift": found.drift and asdict(found.drift),
            "confidence": found.confidence and asdict(found.confidence),
            "thresholds": [asdict(one) for one in found.thresholds],
            "model": found.model,
            "notes": notes(found),
        }
    )
    return document


def _legend() -> list[str]:
    return [
        "Right: of the labels that the action set, the share that people kept. Found: of those that people kept or "
        "added, the share that the action had set. In brackets: 95 % intervals (Wilson), in percent."
    ]


def _agreement_row(one: Agreement) -> tuple[str, ...]:
    few = " (few)" if 0 < one.right.n < FEW else ""
    return (
        one.name,
        f"{one.kept:,}",
        f"{one.removed:,}",
        percent(one.right) + few,
        f"{one.added:,}",
        percent(one.found),
    )


def _is_seen(one: Agreement) -> bool:
    return bool(one.kept or one.removed or one.added)


def _agreement(one: Agreement) -> dict[str, Any]:
    return asdict(one) | {"right": asdict(one.right), "found": asdict(one.found)}


def _points(difference: float, low: float, high: float) -> str:
    return f"{difference * 100:+.0f} [{low * 100:+.0f}, {high * 100:+.0f}]"


def _corrections(one: Judged, found: Survey) -> tuple[str, str]:
    def names(wanted: Verdict) -> str:
        pairs: Sequence[tuple[str, Verdict]] = list(zip(found.label_set.names, one.verdicts, strict=True))
        return ", ".join(name for name, verdict in pairs if verdict is wanted) or "–"

    return names(Verdict.REMOVED), names(Verdict.ADDED)


def _cut(count: int) -> str:
    return f", the latest {MOST_CORRECTIONS} of them" if count > MOST_CORRECTIONS else ""
