"""Download a model into the cache and verify it, so that labelling needs no network."""

from __future__ import annotations

import argparse

from labeler.config import Machine
from labeler.fetch.models import resolve_model
from labeler.model.bundle import read_manifest

EXAMPLES = """examples:
  python -m labeler fetch owner/name@0123456789abcdef0123456789abcdef01234567
  python -m labeler fetch github:owner/repo@v1/bundle.tar.gz"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", help="owner/name@commit (Hugging Face Hub) or github:owner/repo@tag/asset.tar.gz[#sha256=…]"
    )


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    folder = resolve_model(arguments.model, machine)
    manifest = read_manifest(folder)
    print(f"{manifest.name} {manifest.version}, {len(manifest.labels)} labels: {folder}")
    return 0
