"""`python -m training export`: a merged checkpoint as a bundle."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from training.vocabulary.options import add_vocabulary, as_asked

if TYPE_CHECKING:
    from training.base import Base

HELP = "turn a Gemma 3 checkpoint, the adapter merged, into a bundle, without torch"
EXAMPLES = """examples:
  python -m training export --checkpoint runs/mine/merged --labels labels.yml --out bundle
  python -m training export --checkpoint gemma-3-270m.gguf --labels labels.yml --out bundle"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint", required=True,
        help="a folder with config.json and safetensors, a GGUF file, or owner/name[@revision] or "
        "owner/name@revision/FILE.gguf on the Hugging Face Hub",
    )  # fmt: skip
    parser.add_argument("--labels", type=Path, required=True, help="labels.yml")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--name", default="", help="the model's name; default: the checkpoint's")
    parser.add_argument("--version", default="0", help="the model's version")
    parser.add_argument("--fp32", action="store_true", help="keep 32-bit weights instead of 8-bit ones")
    parser.add_argument("--token-budget", type=int, default=1024, help="tokens of an issue that are read (1024)")
    parser.add_argument("--no-descriptions", action="store_true", help="leave descriptions out of the prompt")
    add_vocabulary(parser)


def run(arguments: argparse.Namespace) -> int:
    from labeler.labels import read_labels
    from training.base import find_base
    from training.export import export
    from training.licence import licence_of

    def say(step: str) -> None:
        print(f"{step} …", file=sys.stderr)

    labels = read_labels(arguments.labels)
    arguments.out.resolve().parent.mkdir(parents=True, exist_ok=True)
    # What has to be converted goes beside the bundle, where there is room for a model, and away again.
    with tempfile.TemporaryDirectory(prefix=f".{arguments.out.name}.", dir=arguments.out.resolve().parent) as work:
        found = find_base(arguments.checkpoint, Path(work) / "checkpoint")
        licence = licence_of(found.name, Path(found.path))
        base = as_asked(found, arguments, Path(work) / "trimmed", say)
        manifest = export(
            Path(base.path),
            labels,
            arguments.out,
            name=arguments.name or _name(base),
            version=arguments.version,
            quantise=not arguments.fp32,
            token_budget=arguments.token_budget,
            describe=not arguments.no_descriptions,
            plain_text=base.plain_text,
            provenance={"licence": licence} if licence else None,
            progress=say,
        )
    size = sum(facts["size"] for facts in manifest.files.values())
    print(f"{arguments.out}: {manifest.name} {manifest.version}, {len(manifest.labels)} labels, {size / 1e6:.1f} MB")
    return 0


def _name(base: Base) -> str:
    """The last part of what was given: a repository's name, a folder's, a GGUF file's without its ending."""
    return base.name.split("/")[-1] if base.revision else Path(base.name).resolve().name.removesuffix(".gguf")
