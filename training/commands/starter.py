"""`python -m training starter`: the model that ships with the program, from nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "make the bundled starter from nothing: dataset, base, tuning, bundle"
EXAMPLES = """example:
  python -m training starter --data DATA --out runs/starter

Killed, it goes on where it was when the same command is given again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder of the gzipped JSON lines")
    parser.add_argument(
        "--out", type=Path, required=True, help="the run's folder; the bundle becomes OUT/tuned-N/bundle"
    )
    parser.add_argument(
        "--recipe", type=Path, default=Path("training/recipes/starter.toml"), help="a TOML file (the starter's)"
    )
    parser.add_argument("--no-compile", action="store_true", help="pretrain without torch.compile")


def run(arguments: argparse.Namespace) -> int:
    from training.pretrain import can_compile
    from training.recipe import SECTIONS, read_recipe
    from training.starter import make_starter

    compile = not arguments.no_compile and can_compile()
    recipe = read_recipe(arguments.recipe, (*SECTIONS, "presets", "version"))
    print(make_starter(recipe, arguments.data, arguments.out, compile=compile))
    return 0
