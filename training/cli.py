"""The command line: `python -m training COMMAND`. torch is imported only by the commands that train."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from labeler.errors import LabelerError

EXAMPLES = """examples:
  python -m training export --checkpoint runs/starter/merged --labels labels.yml --out bundle
  python -m training pretrain --recipe training/recipes/starter.toml --data DATA --out runs/starter
  python -m training tune --recipe training/recipes/starter.toml --data DATA --out runs/starter"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Exit codes: 0 done; 1 an expected failure; 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Makes the models that the labeller runs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_export(commands)
    for name, run, text in (
        ("pretrain", _pretrain, "make a tokenizer and a small base model from nothing"),
        ("tune", _tune, "tune the base by LoRA, merge, export the bundle, fit its thresholds"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--recipe", type=Path, required=True, help="a TOML file; see training/recipes")
        command.add_argument("--data", type=Path, required=True, help="folder of the gzipped JSON lines")
        command.add_argument("--out", type=Path, required=True, help="the run's folder")
        command.add_argument("--no-compile", action="store_true", help="do not compile the model with torch.compile")
        command.set_defaults(run=run)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LabelerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "turn a merged Gemma 3 checkpoint into a bundle, without torch"
    command = commands.add_parser("export", help=text, description=text)
    command.add_argument("--checkpoint", type=Path, required=True, help="folder with config.json and safetensors")
    command.add_argument("--labels", type=Path, required=True, help="labels.yml")
    command.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    command.add_argument("--name", default="", help="the model's name; default: the checkpoint folder's")
    command.add_argument("--version", default="0", help="the model's version")
    command.add_argument("--fp32", action="store_true", help="keep 32-bit weights instead of 8-bit ones")
    command.add_argument("--token-budget", type=int, default=1024, help="tokens of an issue that are read (1024)")
    command.add_argument("--no-descriptions", action="store_true", help="leave descriptions out of the prompt")
    command.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> int:
    from labeler.labels import read_labels

    try:
        from training.export import export
    except ImportError as error:
        raise LabelerError(
            f"export needs {error.name}", 'Install it: pip install "onnx>=1.20" "tokenizers>=0.21"'
        ) from error

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


def _pretrain(arguments: argparse.Namespace) -> int:
    from training.pretrain import pretrain
    from training.recipe import read_recipe

    base = pretrain(read_recipe(arguments.recipe), arguments.data, arguments.out, compile=not arguments.no_compile)
    print(base)
    return 0


def _tune(arguments: argparse.Namespace) -> int:
    from training.recipe import read_recipe
    from training.starter import make_starter

    bundle = make_starter(
        read_recipe(arguments.recipe), arguments.data, arguments.out, compile=not arguments.no_compile
    )
    print(bundle)
    return 0
