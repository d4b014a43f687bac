"""`python -m training export`: a merged checkpoint as a bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "turn a merged Gemma 3 checkpoint into a bundle, without torch"
EXAMPLES = """example:
  python -m training export --checkpoint runs/mine/merged --labels labels.yml --out bundle"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder with config.json and safetensors")
    parser.add_argument("--labels", type=Path, required=True, help="labels.yml")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--name", default="", help="the model's name; default: the checkpoint folder's")
    parser.add_argument("--version", default="0", help="the model's version")
    parser.add_argument("--fp32", action="store_true", help="keep 32-bit weights instead of 8-bit ones")
    parser.add_argument("--token-budget", type=int, default=1024, help="tokens of an issue that are read (1024)")
    parser.add_argument("--no-descriptions", action="store_true", help="leave descriptions out of the prompt")


def run(arguments: argparse.Namespace) -> int:
    from labeler.labels import read_labels
    from training.export import export

    manifest = export(
        arguments.checkpoint,
        read_labels(arguments.labels),
        arguments.out,
        name=arguments.name,
        version=arguments.version,
        quantise=not arguments.fp32,
        token_budget=arguments.token_budget,
        describe=not arguments.no_descriptions,
        progress=lambda step: print(f"{step} …", file=sys.stderr),
    )
    size = sum(facts["size"] for facts in manifest.files.values())
    print(f"{arguments.out}: {manifest.name} {manifest.version}, {len(manifest.labels)} labels, {size / 1e6:.1f} MB")
    return 0
