"""The part of the starter's model card that sets it beside other systems, from the results of `eval.starter`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.reports.sections import CARD, keep_sections
from eval.starter.page import explanation, label_table, main_table, part_table
from labeler.files import write_text
from labeler.model.bundle import Manifest, read_manifest, write_manifest

HEADING = "## Beside a linear model"
METRICS = "scores"  # under this name the manifest has the model's own figures


def write_card(folder: Path, results: Mapping[str, Any]) -> Manifest:
    """Puts section and figures into the bundle, and its hashes anew; the card's other sections stay."""
    manifest, path = read_manifest(folder), folder / CARD
    head, heading, rest = path.read_text(encoding="utf-8").partition("\n## ")
    write_text(path, keep_sections(f"{head}\n{section(results)}", heading + rest))
    scores = {key: one["figures"]["model"] for key, one in results["sets"].items()}
    facts = {key: results[key] for key in ("date", "command", "limit", "seed")}
    return write_manifest(folder, replace(manifest, metrics=manifest.metrics | {METRICS: facts | {"sets": scores}}))


def section(results: Mapping[str, Any]) -> str:
    """The section as it stands in the card."""
    parts = [
        HEADING,
        "A start, not a substitute for a model tuned on your own issues. The text of the issues belongs to its authors"
        " and\nis no part of this repository.",
        main_table(results, intervals=True),
        explanation(results),
        label_table(results),
        _folded("Each list of labels, micro-F1", part_table(results, "lists", "lists")),
        _folded("Each language, micro-F1", part_table(results, "languages", "languages")),
        _folded("Each repository, macro-F1 of three labels", part_table(results, "five", "repositories")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _folded(summary: str, table: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{table}\n\n</details>" if table else ""
