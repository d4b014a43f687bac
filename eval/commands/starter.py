"""`python -m eval starter`: the bundled model on held-out issues."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "measure the starter on held-out issues, beside TF-IDF + logistic regression on the same rows"
EXAMPLES = """example:
  python -m eval starter --data DATA --model labeler/starter"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder of the gzipped JSON lines")
    parser.add_argument("--model", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--recipe", type=Path, default=Path("training/recipes/starter.toml"), help="how it was made")
    parser.add_argument("--write-card", action="store_true", help="put card and figures into the bundle")
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")


def run(arguments: argparse.Namespace) -> int:
    from eval.starter import compare, print_table

    figures = compare(arguments.data, arguments.model, arguments.recipe)
    if arguments.write_card:
        from eval.card import write_card

        write_card(arguments.model, figures)
    if arguments.json:
        print(json.dumps(figures, indent=1))
    else:
        print_table(figures)
    return 0
