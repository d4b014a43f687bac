"""`python -m eval speed`: how long a label takes."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from labeler.errors import InputError, UsageError

HELP = "time labelling with a random model of Gemma 3 270M's shape, beside transformers where torch is installed"
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shape", default="gemma-3-270m", help="gemma-3-270m (default), or tiny for a try")
    parser.add_argument("--runs", type=int, default=5, help="processes of each kind (5)")
    parser.add_argument("--work", type=Path, help="keep the models in this folder; default: a temporary one")
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")


def run(arguments: argparse.Namespace) -> int:
    from eval.speed import measure
    from training.shapes import SHAPES

    if arguments.runs < 1:
        raise UsageError(f"--runs {arguments.runs}: less than one", "Give 1 or more.")
    if arguments.shape not in SHAPES:
        raise UsageError(f"--shape {arguments.shape}: unknown", f"Choose one of {', '.join(SHAPES)}.")

    def say(step: str) -> None:
        print(f"{step} …", file=sys.stderr)

    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{work}: cannot be made: {error.strerror}", "Choose another folder.") from error
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
