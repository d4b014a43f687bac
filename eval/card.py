"""The starter's model card, from the figures of `eval.starter`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from labeler.bundle import Manifest, read_manifest, write_manifest
from labeler.files import write_text
from training.card import CARD, keep_sections, metadata

SYSTEMS = ("starter", "tf-idf + logistic regression", "chance (each label by its frequency)")
COLUMNS = {
    "dev_micro_f1": "dev, micro-F1",
    "dev_macro_f1": "dev, macro-F1",
    "nlbse24_macro_f1": "five repositories, macro-F1",
    "nlbse24_macro_f1_balanced": "the same, balanced",
    "unseen_macro_f1_balanced": "unseen ones of them, balanced",
}


def write_card(folder: Path, figures: dict[str, Any]) -> Manifest:
    """Puts the card and the figures into the bundle, and its hashes anew; what others measured stays in both."""
    manifest, path = read_manifest(folder), folder / CARD
    text = _card(manifest, figures)
    write_text(path, keep_sections(text, path.read_text(encoding="utf-8")) if path.is_file() else text)
    metrics = {name: row for name, row in figures.items() if name in SYSTEMS} | {"rows": figures["rows"]}
    return write_manifest(folder, replace(manifest, metrics=manifest.metrics | metrics))


def table(figures: dict[str, Any]) -> str:
    """The systems beside each other, as Markdown."""
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---|" * len(COLUMNS)]
    for name in SYSTEMS:
        cells = (f"{figures[name][key]:.3f}" if key in figures[name] else "–" for key in COLUMNS)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _card(manifest: Manifest, figures: dict[str, Any]) -> str:
    counts, support = figures["rows"], figures["support"]
    ours, linear = (figures[name]["dev_f1"] for name in SYSTEMS[:2])
    labels = "\n".join(
        f"| {name} | {manifest.thresholds[name]:.2f} | {ours[name]:.2f} | {linear[name]:.2f} | {support[name]} |"
        for name in manifest.labels.names
    )
    sources = ", ".join(manifest.provenance["sources"])
    shape = manifest.shape
    return f"""{metadata(manifest, license="apache-2.0")}

# {manifest.name} {manifest.version}

A language model with the architecture of Gemma 3 ({shape.layers} layers, hidden size {shape.hidden_size},
{shape.vocab_size} tokens) that answers a GitHub issue with labels. None of its weights come from Gemma: it was
pretrained from nothing on {manifest.provenance["pretraining tokens"] / 1e6:.0f} million tokens of public issues,
comments, commit messages and documentation, then tuned by LoRA (all projections; embeddings and norms trained whole)
on {counts["train"]} labelled issues and commits. It is small, so that it can ship with the program, and a start, not a
substitute for a model tuned on your own issues.

## Quality

{table(figures)}

TF-IDF (1–2-grams) + logistic regression was trained on the same rows; chance draws every label by its frequency.
*dev* (n = {counts["dev"]}): held-out issues of the training sources, all labels; a label counts only where the issue's
source uses it. *Five repositories* (n = {counts["nlbse24"]}): the training half of the NLBSE'24 classification set,
one of bug, enhancement and question each; of some of them, other issues are in training. *Unseen*
(n = {counts["unseen"]}): those from which no training row comes. "Balanced" divides each label's probability by its
mean over all these issues. Reproduce with `python -m eval starter --data DATA --model labeler/starter`.

| label | threshold | F1 on dev | linear | n |
|---|---|---|---|---|
{labels}

## Known weaknesses

English only. Labels with few examples (see n) are guesses. The labels of the training issues come from many projects
with habits of their own, joined by a map that nobody audited. It reads {manifest.token_budget} tokens of an issue:
the title, then the head and the tail of the text. Text in an issue can sway which labels of the list are chosen.

## Training data

Public issue text of: {sources}; conventional commits as weak labels; unlabelled text of about 55 projects. The text
belongs to its authors and is not part of this repository. Made by `training/recipes/starter.toml`, seed
{manifest.provenance["seed"]}.
"""
