"""The part of the starter's model card that sets it beside a linear model, from the figures of `eval.starter`."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

from labeler.bundle import Manifest, read_manifest, write_manifest
from labeler.files import write_text
from training.card import CARD, keep_sections

SYSTEMS = ("starter", "tf-idf + logistic regression", "chance (each label by its frequency)")
COLUMNS = {
    "dev_micro_f1": "dev, micro-F1",
    "dev_macro_f1": "dev, macro-F1",
    "nlbse24_macro_f1": "five repositories, macro-F1",
    "nlbse24_macro_f1_balanced": "the same, balanced",
    "unseen_macro_f1_balanced": "unseen ones of them, balanced",
}


def write_card(folder: Path, figures: dict[str, Any]) -> Manifest:
    """Puts section and figures into the bundle, and its hashes anew; the card's other sections stay."""
    manifest, path = read_manifest(folder), folder / CARD
    head, heading, rest = path.read_text(encoding="utf-8").partition("\n## ")
    write_text(path, keep_sections(f"{head}\n{_section(manifest, figures)}", heading + rest))
    metrics = {name: row for name, row in figures.items() if name in SYSTEMS} | {"rows": figures["rows"]}
    return write_manifest(folder, replace(manifest, metrics=manifest.metrics | metrics))


def table(figures: dict[str, Any]) -> str:
    """The systems beside each other, as Markdown."""
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---|" * len(COLUMNS)]
    for name in SYSTEMS:
        cells = (f"{figures[name][key]:.3f}" if key in figures[name] else "–" for key in COLUMNS)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _section(manifest: Manifest, figures: dict[str, Any]) -> str:
    counts, support = figures["rows"], figures["support"]
    ours, linear = (figures[name]["dev_f1"] for name in SYSTEMS[:2])
    labels = "\n".join(
        f"| {name} | {ours[name]:.2f} | {linear[name]:.2f} | {support[name]} |" for name in manifest.labels.names
    )
    about = f"""TF-IDF (1–2-grams) + logistic regression was trained on the same {counts["train"]:,} rows; chance draws
every label by its frequency. *dev* (n = {counts["dev"]:,}): held-out issues of the training sources, all labels. *Five
repositories* (n = {counts["nlbse24"]:,}): the training half of the NLBSE'24 classification set, one of bug, enhancement
and question each; of some of them, other issues are in training. *Unseen* (n = {counts["unseen"]:,}): those from which
no training row comes. "Balanced" divides each label's probability by its mean over all these issues. Reproduce with
`python -m eval starter --data DATA --model labeler/starter`."""
    return f"""## Beside a linear model

A start, not a substitute for a model tuned on your own issues. English only. The labels of the training issues come
from many projects with habits of their own, joined by a map that nobody audited; their text belongs to its authors and
is no part of this repository.

{table(figures)}

{textwrap.fill(about, 120)}

| label | F1 on dev | linear | n |
|---|---|---|---|
{labels}
"""
