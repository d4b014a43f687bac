"""The report in short, as Markdown for a pull request or a job summary."""

from __future__ import annotations

from eval.benchmarks.refitting import Refitted
from eval.reports import wording
from eval.reports.figures import Row, main_result, rows, worth
from eval.reports.snippet import snippet, told
from eval.systems.results import Comparison
from labeler.base.f1 import label_table
from labeler.base.markdown_table import markdown_table
from labeler.github.summary import code, escape

MOST_LABELS = 100  # so that it stays within what GitHub takes, whatever the names
MOST_NAME = 80
MOST_YAML = 15_000  # characters
SYSTEMS_HEAD = (
    *("system", "micro-F1", "less main", "macro-F1", "labelled", "right", "first label", "an issue", "size"),
)


def markdown(comparison: Comparison, refitted: Refitted | None = None) -> str:
    """Sentence, main table, and, folded away, every label and refitted thresholds; below 60 kB."""
    ours, table = worth(comparison, main_result(comparison)), rows(comparison)
    parts = [
        f"### {escape(comparison.title, 200)}",
        f"**{wording.sentence(ours)}**",
        wording.caveat(ours),
        *wording.verdicts(comparison, table, lambda name: escape(name, MOST_NAME)),
        markdown_table(SYSTEMS_HEAD, (_system(row, comparison.main) for row in table), "lr"),
        f"<sub>n = {ours.coverage.n:,} issues, the same for all, after {comparison.train_size:,} to train on and "
        f"{comparison.validation_size:,} to choose on · 95% intervals by bootstrap over issues · less main: micro-F1 "
        "less that of the system in bold, paired, two-sided p · labelled: issues that get a label · right: of the "
        "labels set</sub>",
        _labels(comparison),
    ]
    if refitted is not None and len(yaml := snippet(refitted)) <= MOST_YAML:
        folded = f"{told(refitted)}\n\n```yaml\n{yaml}```"
        parts.append(f"<details><summary>thresholds of your own</summary>\n\n{folded}\n\n</details>")
    return "\n\n".join(parts) + "\n"


def _system(row: Row, main: str) -> tuple[str, ...]:
    result, less = row.worth.result, row.difference
    name = escape(result.name, MOST_NAME)
    return (
        f"**{name}**" if result.key == main else name,
        row.micro_f1.cell,
        f"{wording.minus(f'{less.value:+.3f}')} (p {wording.probability(less.p)})" if less else "",
        wording.figure(row.macro_f1.value),
        wording.percent(row.worth.coverage.value),
        wording.percent(row.worth.precision.value),
        wording.seconds(result.cold_seconds),
        wording.seconds(result.seconds_an_issue),
        wording.megabytes(result.size_megabytes),
    )


def _labels(comparison: Comparison) -> str:
    test, main = comparison.test, main_result(comparison)
    table = label_table(test.truth, main.predicted, test.known, comparison.labels.names)
    shown = sorted(table, key=lambda row: -row.support)[:MOST_LABELS]
    lines = []
    for row in shown:
        right = f"{row.precision:.0%}" if row.predicted else wording.DASH
        found = f"{row.recall:.0%}" if row.support else wording.DASH
        lines.append((code(row.name), f"{row.f1:.2f}", right, found, f"{row.support:,}"))
    cut = len(shown) < len(table)
    many = f"The {len(shown)} most frequent of {len(table)} labels" if cut else f"{len(table)} labels"
    body = markdown_table(("label", "F1", "right", "found", "n"), lines, "lr")
    return f"<details><summary>{many}, by {escape(main.name, MOST_NAME)}</summary>\n\n{body}\n\n</details>"
