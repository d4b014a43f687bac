"""The command line: `python -m eval COMMAND`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labeler.errors import LabelerError, UsageError

EXAMPLES = """examples:
  python -m eval speed
  python -m eval speed --runs 3 --json"""
# figure, what it is called, unit, goal (None: none was set; a goal with ">" is a floor)
ROWS = (
    ("cold_seconds", "process start to labels", "s", "≤ 1.2"),
    ("transformers_cold_seconds", "the same by transformers, fp32", "s", ""),
    ("times_faster_cold", "times faster", "×", "≥ 6"),
    ("warm_seconds", "an issue, model loaded", "s", "≤ 0.35"),
    ("decode_step_seconds", "a decode step", "s", ""),
    ("peak_megabytes", "peak memory", "MB", "≤ 450"),
    ("transformers_peak_megabytes", "peak memory of transformers", "MB", ""),
    ("bundle_megabytes", "bundle", "MB", "≤ 320"),
    ("export_seconds", "export of the checkpoint", "s", "≤ 60"),
    ("export_megabytes", "peak memory of the export", "MB", "≤ 3000"),
    ("starter_cold_seconds", "starter: start to finish", "s", "≤ 0.6"),
    ("starter_issues_a_second", "starter: issues a second, 200 in a file", "/s", "≥ 15"),
    ("starter_peak_megabytes", "starter: peak memory", "MB", ""),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Exit codes: 0 done; 1 an expected failure; 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m eval",
        description="Measures what the labeller is worth.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "time labelling with a random model of Gemma 3 270M's shape, beside transformers where torch is installed"
    speed = commands.add_parser("speed", help=text, description=text)
    speed.add_argument("--shape", default="gemma-3-270m", help="gemma-3-270m (default), or tiny for a try")
    speed.add_argument("--runs", type=int, default=5, help="processes of each kind (5)")
    speed.add_argument("--work", type=Path, help="keep the models in this folder; default: a temporary one")
    speed.add_argument("--json", action="store_true", help="JSON instead of the table")
    speed.set_defaults(run=_speed)
    text = "measure the starter on held-out issues, beside TF-IDF + logistic regression on the same rows"
    starter = commands.add_parser("starter", help=text, description=text)
    starter.add_argument("--data", type=Path, required=True, help="folder of the gzipped JSON lines")
    starter.add_argument("--model", type=Path, required=True, help="the bundle's folder")
    starter.add_argument("--recipe", type=Path, default=Path("training/recipes/starter.toml"))
    starter.add_argument("--write-card", action="store_true", help="put card and figures into the bundle")
    starter.add_argument("--json", action="store_true", help="JSON instead of the table")
    starter.set_defaults(run=_starter)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LabelerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _speed(arguments: argparse.Namespace) -> int:
    from eval.speed import measure
    from training.shapes import SHAPES

    if arguments.shape not in SHAPES:
        raise UsageError(f"--shape {arguments.shape}: unknown", f"Choose one of {', '.join(SHAPES)}.")

    def say(step: str) -> None:
        print(f"{step} …", file=sys.stderr)

    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        figures = measure(work, arguments.shape, arguments.runs, say)
    if arguments.json:
        print(json.dumps(figures, indent=1))
    else:
        _print_speed(figures)
    return 0


def _print_speed(figures: dict[str, Any]) -> None:
    from rich.table import Table

    from labeler.terminal import console

    work = f"{figures['shape']}, {figures['issue_tokens']} tokens, {figures['labels']} labels"
    title = f"{work}, {figures['cores']} cores, median of {figures['runs']}"
    table = Table(title=title, box=None, title_justify="left", pad_edge=False)
    for heading in ("", "measured", "", "goal"):
        table.add_column(heading, justify="right" if heading == "measured" else "left")
    for key, what, unit, goal in ROWS:
        if key in figures:
            digits = 3 if figures[key] < 10 else 0
            table.add_row(what, f"{figures[key]:.{digits}f}", unit, goal)
    console().print(table)
    if "times_faster_cold" not in figures:
        console().print("torch and transformers are not installed: no comparison with them.")


def _starter(arguments: argparse.Namespace) -> int:
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
