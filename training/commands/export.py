"""`python -m training export`: a merged checkpoint as a bundle."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from training.vocabulary.options import add_vocabulary, as_asked

if TYPE_CHECKING:
    from training.model.base import Base

HELP = "turn a Gemma 3 checkpoint, the adapter merged, into a bundle, without torch"
EXAMPLES = """examples:
  python -m training export --checkpoint runs/mine/merged --labels labels.yml --out bundle
  python -m training export --checkpoint gemma-3-270m.gguf --labels labels.yml --out bundle
  python -m training export --checkpoint merged --labels labels.yml --out bundle --bits 4 --mixed embeddings=4/64"""


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
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--fp32", action="store_true", help="keep 32-bit weights instead of 8-bit ones")
    forms.add_argument("--bits", type=int, help="4 or 8; default: 8, in the form that versions up to 0.4 read too")
    add_rounding(parser)
    parser.add_argument("--token-budget", type=int, default=1024, help="tokens of an issue that are read (1024)")
    parser.add_argument("--no-descriptions", action="store_true", help="leave descriptions out of the prompt")
    add_vocabulary(parser)


def add_rounding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--block", type=int, default=32, help="with --bits, weights that share a scale: 32, 64 or 128")
    parser.add_argument(
        "--mixed",
        default="",
        metavar="FORMS",
        help="with --bits, what differs: bits/block of qkv, o, gate_up, down, attention, mlp or embeddings; level=1 "
        'for activations in 32 bits; fine=N for N embeddings in 8 bits; like "down=8/32 embeddings=4/64 fine=8000"',
    )
    parser.add_argument(
        "--rounded", type=Path, metavar="FILE", help="round by the scales or codes in this safetensors file"
    )
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="DATA",
        help="with --bits, round so that prompts of this dataset change least; with --rounded, count tokens in it only",
    )
    parser.add_argument("--calibration-rows", type=int, default=128, metavar="N", help="training rows for that (128)")


def run(arguments: argparse.Namespace) -> int:
    from labeler.labels.label_set import read_labels
    from training.export.bundle_export import export
    from training.model.base import find_base
    from training.model.licence import licence_of
    from training.quantise.choices import Calibration, chosen_form, chosen_rounding

    def say(step: str) -> None:
        print(f"{step} …", file=sys.stderr)

    labels = read_labels(arguments.labels)
    form = chosen_form(arguments.bits, arguments.block, arguments.mixed)
    describe, budget = not arguments.no_descriptions, arguments.token_budget
    by = Calibration(arguments.rounded, arguments.calibrate, arguments.calibration_rows, budget, describe)
    arguments.out.resolve().parent.mkdir(parents=True, exist_ok=True)
    # What has to be converted goes beside the bundle, where there is room for a model, and away again.
    with tempfile.TemporaryDirectory(prefix=f".{arguments.out.name}.", dir=arguments.out.resolve().parent) as work:
        found = find_base(arguments.checkpoint, Path(work) / "checkpoint")
        licence = licence_of(found.name, Path(found.path))
        base = as_asked(found, arguments, Path(work) / "trimmed", say)
        rounding, fine = chosen_rounding(Path(base.path), form, by, say)
        manifest = export(
            Path(base.path),
            labels,
            arguments.out,
            name=arguments.name or _name(base),
            version=arguments.version,
            quantise=not arguments.fp32,
            quantisation=form,
            rounding=rounding,
            fine=fine,
            token_budget=budget,
            describe=describe,
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
