"""The card of a published dataset: where its issues and labels come from, how far to trust them, what was taken out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeler.base.markdown_table import markdown_table
from labeler.data.dataset import SPLITS, Row
from labeler.github.summary import escape
from labeler.labels.label_set import LabelSet
from synthetic.annotating.agreement_report import markdown
from synthetic.annotating.consensus import read_answers, read_decisions, read_rule
from synthetic.annotating.generation import REQUESTS
from synthetic.annotating.instruction import Prompt, prompt_for
from synthetic.annotating.plan import read_prepared
from synthetic.annotating.reliability import Agreement, measure
from synthetic.fetching.fetcher import read_state
from synthetic.preparing.preparation import Report, read_report
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.records import PREPARED

SYNTHETIC_SOURCE = "synthetic"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LICENSE_NOTE = """The text of the issues belongs to the people who wrote it, and to their repository's terms; it is
given here for research and for training labellers, under no licence of its own. Labels set by people and by models are
given under the licence named above where there is one. Answers of Gemini models come under the
[terms of the Gemini API](https://ai.google.dev/gemini-api/terms). Authors who want an issue of theirs taken out can say
so in this dataset's discussions."""


@dataclass(frozen=True)
class Facts:
    """What the card tells.

    Attributes:
        fetched_at: when the issues were last fetched, "" for unknown.
        agreement: None where no large language model answered.
        preparation: None where the rows come from elsewhere than `prepare`.
        writers: the models that wrote the synthetic rows.
    """

    labels: LabelSet
    rows: tuple[Row, ...]
    fetched_at: str
    prompt: Prompt
    agreement: Agreement | None
    preparation: Report | None
    writers: tuple[str, ...] = ()


def read_facts(folder: Path, labels: LabelSet, rows: Sequence[Row]) -> Facts:
    """What a working folder knows of its dataset. Raises InputError where a file of it is damaged."""
    state, answers = read_state(folder), read_answers(folder, labels)
    agreement = None
    if answers.annotators and (folder / PREPARED).is_file():
        decided = {issue: one for issue, one in read_decisions(folder, labels).items() if one.labels is not None}
        agreement = measure(read_prepared(folder), answers, labels, read_rule(folder), decided)
    return Facts(
        labels=labels,
        rows=tuple(rows),
        fetched_at=state.finished_at if state else "",
        prompt=prompt_for(labels),
        agreement=agreement,
        preparation=read_report(folder),
        writers=tuple(sorted({str(line["model"]) for line in read_lines(folder / REQUESTS) if line.get("kept")})),
    )


def card(facts: Facts, *, repository: str, license_id: str, unredacted: bool) -> str:
    """README.md as the Hub reads it (https://huggingface.co/docs/hub/datasets-cards)."""
    parts = [
        f"---\n{_head(facts, license_id)}---",
        f"# Labelled issues of {_and(sorted({escape(row.repo) for row in facts.rows if row.repo})) or 'GitHub'}",
        _about(facts),
        _counts(facts),
        _columns(repository),
        f"## Where the labels come from\n\n{_sources(facts)}",
    ]
    if facts.agreement is not None:
        parts += [_deeper(markdown(facts.agreement)), _prompt(facts)]
    parts += [
        f"## What was taken out\n\n{_taken_out(facts, unredacted)}",
        f"## Licence\n\n{LICENSE_NOTE}",
        "Made by `python -m synthetic` of issue-labeler.",
    ]
    return "\n\n".join(parts) + "\n"


def _head(facts: Facts, license_id: str) -> str:
    import yaml

    files = [{"split": split, "path": f"data/{split}.parquet"} for split in _splits(facts)]
    head = {
        "license": license_id,
        "task_categories": ["text-classification"],
        "task_ids": ["multi-label-classification"],
        "tags": ["github", "issues", *({row.source for row in facts.rows} & {SYNTHETIC_SOURCE})],
        "size_categories": [next((name for below, name in _SIZES if len(facts.rows) < below), "1M<n<10M")],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _about(facts: Facts) -> str:
    times = sorted(row.created_at for row in facts.rows if row.created_at and row.source != SYNTHETIC_SOURCE)
    opened = f" Opened from {times[0][:10]} to {times[-1][:10]}." if times else ""
    fetched = f" Fetched {facts.fetched_at[:10]}." if facts.fetched_at else ""
    written = sum(row.source == SYNTHETIC_SOURCE for row in facts.rows)
    writers = _and([escape(name) for name in facts.writers]) or "a language model"
    mixed = f" Of these {writers} wrote {written:,}, all in the training split." if written else ""
    names = f"{len(facts.labels)} labels, any number of them an issue."
    return f"{len(facts.rows):,} issues, {names}{opened}{fetched}{mixed}"


def _counts(facts: Facts) -> str:
    """Rows by label and split."""
    splits = _splits(facts)
    lines = []
    for label in facts.labels:
        cells = [f"{sum(row.split == split and label.name in row.labels for row in facts.rows):,}" for split in splits]
        lines.append((escape(label.name), escape(label.description), *cells))
    without = [f"{sum(row.split == split and not row.labels for row in facts.rows):,}" for split in splits]
    lines.append(("*no label*", "", *without))
    lines.append(("**issues**", "", *(f"{_in(facts.rows, split):,}" for split in splits)))
    return "## Labels\n\n" + markdown_table(("label", "meaning", *splits), lines, "llr")


def _columns(repository: str) -> str:
    return f"""## Columns

`dataset.csv` and the Parquet files hold the same rows. `labels` is a list in the Parquet files and "bug, question" in
the CSV; `source` is the repository, or "{SYNTHETIC_SOURCE}"; `annotator` says who set the labels ("repository",
"person:login", or the models, joined by +); `agreement` is how far they agreed, 0 to 1. `labels.yml` has names,
descriptions and aliases of the labels.

```python
datasets.load_dataset("{repository}")
```"""


def _sources(facts: Facts) -> str:
    found = Counter(_whose(row) for row in facts.rows)
    counts = ((escape(name), f"{count:,}") for name, count in found.most_common())
    lines = [markdown_table(("annotator", "issues"), counts, "lr")]
    scores = [row.agreement for row in facts.rows if row.agreement is not None]
    if scores:
        lines.append(f"\nMean agreement, where it is known (n = {len(scores):,}): {sum(scores) / len(scores):.2f}.")
    return "\n".join(lines)


def _whose(row: Row) -> str:
    if row.annotator.startswith("person:"):
        return "people"
    return row.annotator or ("the model that wrote the issue" if row.source == SYNTHETIC_SOURCE else "unknown")


def _prompt(facts: Facts) -> str:
    text = facts.prompt.system
    fence = "`" * (2 + max((len(run) for run in re.findall("`+", text)), default=1))
    told = f"Version {facts.prompt.hash}: the system instruction; the issue follows as the message."
    return f"## Prompt\n\n{told}\n\n{fence}text\n{text}\n{fence}"


def _taken_out(facts: Facts, unredacted: bool) -> str:
    lines, report = [], facts.preparation
    if unredacted:
        lines.append("**Not redacted**: secrets and addresses were not looked for, or were left in.")
    elif report is None:
        lines.append("No secret or address that redaction knows is in the texts.")
    else:
        kinds = ", ".join(f"{escape(kind)} {count:,}" for kind, count in report.redacted.items())
        found = f"in {report.redacted_issues:,} of {report.kept:,} issues: {kinds}" if kinds else "nothing was found"
        lines.append(f"Secrets, e-mail and IP addresses, each replaced by `[redacted: kind]`: {found}.")
    if report is not None and any(report.dropped.values()):
        told = ", ".join(f"{escape(why)} {count:,}" for why, count in report.dropped.items() if count)
        lines.append(f"Of {report.issues:,} issues fetched were left out: {told}.")
    return "\n\n".join(lines)


def _deeper(text: str) -> str:
    """Markdown with its headings one level down, to stand inside another document."""
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in text.strip().splitlines())


def _splits(facts: Facts) -> list[str]:
    return [split for split in SPLITS if split and _in(facts.rows, split)]


def _in(rows: Iterable[Row], split: str) -> int:
    return sum(row.split == split for row in rows)


def _and(names: Sequence[str]) -> str:
    shown = [*names[:3], f"{len(names) - 3} more"] if len(names) > 4 else list(names)
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
