"""The agreement report: for a terminal, as Markdown, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from labeler.base.markdown_table import markdown_table
from labeler.files import write_text
from synthetic.annotating.reliability import Agreement
from synthetic.workspace.records import AGREEMENT

MARKDOWN = "agreement.md"
NOTES = (
    "κ and α: 1 is full agreement, 0 what chance brings, below 0 worse; – where everybody answers the same everywhere. "
    "κ is over the issues that all annotators answered, α over those that two or more did.",
    "Own: the repository's labels, over the issues where it set any of the list; what it did not set may fit as well. "
    "Shared: of those issues, those with the label from both, of those with it from either.",
)


@dataclass(frozen=True)
class Section:
    """A table; the first column is text, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write_report(folder: Path, found: Agreement) -> None:
    """Writes agreement.json, with every figure and the disputed ids, and agreement.md."""
    write_text(folder / MARKDOWN, markdown(found))
    write_text(folder / AGREEMENT, to_json(found))


def to_json(found: Agreement) -> str:
    return json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n"


def lines(found: Agreement) -> list[str]:
    """What there is to say in words."""
    several = len(found.annotators) > 1
    said = [f"{_issues(found.issues)} of {found.prepared:,} have an answer"]
    if several:
        said[0] += f", {found.complete:,} have one of all {len(found.annotators)} annotators"
        said[0] += f"; {found.unanimous:,} are unanimous"
        mean, alpha = _figure(found.mean_jaccard), _figure(found.alpha)
        said.append(f"Mean Jaccard index of two annotators: {mean}; Krippendorff's α of label sets (MASI): {alpha}")
    else:
        said.append("One annotator: there is nothing to compare, and no issue is disputed.")
    said.append(f"Consensus: {_rule(found)}")
    if found.own_jaccard is not None:
        said.append(
            f"Consensus and the repository's own labels, {_issues(found.own_issues)}: "
            f"mean Jaccard index {_figure(found.own_jaccard)}"
        )
    if several:
        below = f"agreement below {found.rule.min_agreement:g}, or too few answers"
        said.append(f"Disputed ({below}): {_issues(len(found.disputed))}, {found.undecided:,} of them undecided")
    if found.other_prompts:
        said.append(f"{found.other_prompts:,} answers are to another instruction or label list, and don't count.")
    return said


def sections(found: Agreement) -> list[Section]:
    return [_annotators(found), _labels(found)]


def markdown(found: Agreement) -> str:
    """GitHub Markdown, in which foreign names show literally."""
    from labeler.github.summary import escape

    parts = ["# Agreement", "\n".join(f"- {line}" for line in lines(found))]
    for section in sections(found):
        rows = ((escape(name), *cells) for name, *cells in section.rows)
        parts += [f"## {section.title}", markdown_table(section.columns, rows, "lr")]
    return "\n\n".join([*parts, *NOTES]) + "\n"


def show(found: Agreement) -> None:
    """Prints the report to the terminal."""
    from rich.table import Column
    from rich.text import Text

    from labeler.console.tables import table
    from labeler.console.terminal import console

    output = console()
    for line in lines(found):
        output.print(Text(line))
    for section in sections(found):
        first, *others = section.columns
        folded = [Column(name, justify="right", overflow="fold") for name in others]
        output.print()
        output.print(table((Column(first, overflow="fold"), *folded), section.rows, title=section.title))
    output.print()
    for note in NOTES:
        output.print(Text(note, "dim"))


def _annotators(found: Agreement) -> Section:
    rows = [
        (one.name, f"{one.answered:,}", f"{one.failed:,}", f"{one.labels_an_issue:.2f}", _figure(one.with_consensus))
        for one in found.annotators
    ]
    columns = ("annotator", "answered", "failed", "labels an issue", "Jaccard with consensus")
    return Section("Annotators", columns, tuple(rows))


def _labels(found: Agreement) -> Section:
    many = len(found.annotators) > 1
    kappa = "Cohen's κ" if len(found.annotators) == 2 else "Fleiss' κ"
    between = ("votes", kappa, "α") if many else ()
    columns = ("label", *between, "consensus", *(("own", "shared", "κ with own") if found.own_issues else ()))
    rows = []
    for one in found.labels:
        cells = [one.name]
        if many:
            cells += [f"{one.votes:,}", _figure(one.kappa), _figure(one.alpha)]
        cells.append(f"{one.issues:,}")
        if found.own_issues:
            cells += [f"{one.own:,}", f"{one.both:,} of {one.own + one.consensus - one.both:,}", _figure(one.own_kappa)]
        rows.append(tuple(cells))
    return Section("Labels", columns, tuple(rows))


def _rule(found: Agreement) -> str:
    if len(found.annotators) < 2:
        return "the labels of the one annotator"
    if found.rule.votes is None:
        return "the labels that more than half of an issue's annotators set"
    return f"the labels that at least {found.rule.votes} of an issue's annotators set"


def _issues(count: int) -> str:
    return f"{count:,} issue" if count == 1 else f"{count:,} issues"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
