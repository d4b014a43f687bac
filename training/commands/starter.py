"""`python -m training starter`: the model that ships with the program, made again by its recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeler.console.argument_types import positive, whole

HELP = "make the bundled starter again by its recipe: tune, round to 4 bits, export, calibrate"
EXAMPLES = """examples:
  python -m training starter --data DATA --base BASE --out runs/starter
  python -m training starter --data DATA --base BASE --out runs/starter --adapter adapter.safetensors --seconds 3600
  python -m training starter --data DATA --calibrate-only labeler/starter --rows-seen runs/starter/rows.json

It first says what it will do. Killed, it goes on where it was when the same command is given again. The recipe's budget
is that of a GPU, some minutes; two cores with bfloat16 units see two or three issues a second: give them --seconds, and
the adapter that ships as --adapter. --tune-only leaves the bundle to another machine."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the files that training/starter/material.py names"
    )
    parser.add_argument(
        "--base", default="", help="the pretrained model, as for training run; it is trimmed to the recipe's vocabulary"
    )
    parser.add_argument("--out", type=Path, help="the run's folder; the bundle becomes OUT/bundle")
    parser.add_argument(
        "--recipe", type=Path, default=Path("training/recipes/starter.toml"), help="a TOML file (the starter's)"
    )
    parser.add_argument(
        "--adapter", type=Path, help="go on from this LoRA: a safetensors file in peft's form, or its folder"
    )
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--seconds", type=positive, help="time to tune, instead of the recipe's")
    budget.add_argument("--rows", type=positive, help="issues to show, instead of a time")
    parser.add_argument(
        "--tune-only", action="store_true", help="stop before the bundle; the same command without it goes on from OUT"
    )
    parser.add_argument("--no-compile", action="store_true", help="tune without torch.compile")
    parser.add_argument(
        "--calibrate-only",
        type=Path,
        metavar="BUNDLE",
        help="fit calibration and thresholds of this bundle, nothing else",
    )
    parser.add_argument(
        "--rows-seen", type=Path, action="append", default=[], metavar="FILE",
        help="rows.json of the run that made the bundle, and of those before it; without one, all rows that the recipe "
        "may use count as seen",
    )  # fmt: skip
    parser.add_argument("--people", type=positive, default=600, help="rows of public sources to calibrate on (600)")
    parser.add_argument("--large", type=positive, default=600, help="rows of the large model to calibrate on (600)")
    parser.add_argument(
        "--lists", type=whole, default=26, metavar="N",
        help="issues of each label list for validation to fit the threshold of new labels on (26); 0: leave it out",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    from labeler.console.progress import say
    from labeler.errors import UsageError
    from training.starter.recipe import read_recipe

    recipe = read_recipe(arguments.recipe)
    counts = {"people": arguments.people, "large": arguments.large, "lists": arguments.lists}
    if arguments.calibrate_only:
        from training.starter.calibrating import calibrate_bundle

        calibrate_bundle(recipe, arguments.data, arguments.calibrate_only, arguments.rows_seen, **counts, progress=say)
        print(arguments.calibrate_only)
        return 0
    if not arguments.base or arguments.out is None:
        raise UsageError("--base and --out are needed.", "Or give --calibrate-only BUNDLE.")
    from training.starter.making import make_starter

    bundle = make_starter(
        recipe,
        arguments.data,
        arguments.base,
        arguments.out,
        adapter=arguments.adapter,
        compile=not arguments.no_compile,
        tune_only=arguments.tune_only,
        earlier=arguments.rows_seen,
        progress=say,
        seconds=arguments.seconds or 0.0,
        rows=arguments.rows or 0,
        **counts,
    )
    print(arguments.out if arguments.tune_only else bundle)
    return 0
