"""Show a model's card: what it is, its labels and thresholds, what it was measured at."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from labeler.config import Machine
from labeler.fetch.models import resolve_model
from labeler.model.bundle import MANIFEST, Manifest, read_manifest

EXAMPLES = """examples:
  python -m labeler info
  python -m labeler info --model path/to/bundle --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="starter", help="as for labelling; default: starter")
    parser.add_argument("--offline", action="store_true", help="make no request for the model")
    parser.add_argument("--json", action="store_true", help="the manifest as it is")


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    folder = resolve_model(arguments.model, machine, offline=arguments.offline)
    if arguments.json:
        print(json.dumps(json.loads((folder / MANIFEST).read_bytes()), indent=1, ensure_ascii=False))
    else:
        _show(folder, read_manifest(folder))
    return 0


def _show(folder: Path, manifest: Manifest) -> None:
    from rich.markdown import Markdown
    from rich.table import Column
    from rich.text import Text

    from labeler.console.tables import table
    from labeler.console.terminal import console

    output = console()
    output.print(Text(f"{manifest.name} {manifest.version}", "bold"))
    size = sum(facts["size"] for facts in manifest.files.values())
    facts = {
        "folder": str(folder),
        "size": f"{size / 1e6:.1f} MB, weights in {manifest.quantisation}",
        "base model": manifest.base_model,
        "decoder": f"{manifest.shape.layers} layers, hidden size {manifest.shape.hidden_size}, "
        f"{manifest.shape.vocab_size} tokens",
        "reads": f"up to {manifest.token_budget} tokens of an issue{', as plain text' if manifest.plain_text else ''}",
        **_vocabulary(manifest.provenance.get("vocabulary")),
        **_flat(manifest.provenance),
    }
    output.print(table((Column(style="dim"), ""), facts.items(), heads=False))
    thresholds = {name: f"{threshold:.2f}" for name, threshold in manifest.thresholds.items()}
    labels = ((label.name, thresholds.get(label.name, ""), label.description) for label in manifest.labels)
    output.print(table(("label", "threshold", Column("description", style="dim")), labels))
    card = folder / "README.md"
    if card.is_file():
        text = card.read_text(encoding="utf-8", errors="replace")
        output.print()
        output.print(Markdown(text.split("---\n", 2)[-1] if text.startswith("---\n") else text))


def _vocabulary(record: Any) -> dict[str, str]:
    """A line on a vocabulary that was cut down (`training.vocabulary.cut_record`); none for a whole one."""
    try:
        counts, ids = record["counts"]["name"], record["ids_sha256"][:12]
        return {"vocabulary": f"{record['tokens']:,} of {record['of']:,} tokens, by counts {counts}, ids {ids}"}
    except (TypeError, KeyError, ValueError):
        return {}


def _flat(facts: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in facts.items() if isinstance(value, (str, int, float))}
