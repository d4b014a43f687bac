"""`python -m training tune`: the starter from its base."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "tune the base by LoRA, merge, export the bundle, fit its thresholds"
EXAMPLES = """example:
  python -m training tune --recipe training/recipes/starter.toml --data DATA --out runs/starter"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", type=Path, required=True, help="a TOML file; see training/recipes")
    parser.add_argument("--data", type=Path, required=True, help="folder of the gzipped JSON lines")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--no-compile", action="store_true", help="do not compile the model with torch.compile")


def run(arguments: argparse.Namespace) -> int:
    from training.recipe import read_recipe
    from training.starter import make_starter

    bundle = make_starter(
        read_recipe(arguments.recipe), arguments.data, arguments.out, compile=not arguments.no_compile
    )
    print(bundle)
    return 0
