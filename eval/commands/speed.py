"""`python -m eval speed`: how long a label takes."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from labeler.errors import InputError, UsageError

HELP = "time labelling with the shipped model, beside transformers on the same weights, and say where time goes"
EXAMPLES = """examples:
  python -m eval speed
  python -m eval speed --whole-checkpoint runs/starter/merged --checkpoint runs/starter/trimmed
  python -m eval speed --shape gemma-3-270m                  # random weights: also measures the export
  python -m eval speed --runs 3 --json

Rows that need what is not there are left out, with the reason."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, metavar="DIR", help="a bundle's folder; default: the shipped starter")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help="its merged checkpoint, vocabulary cut, for transformers"
    )
    parser.add_argument(
        "--whole-checkpoint", type=Path, metavar="DIR", help="its merged checkpoint with the whole vocabulary"
    )
    parser.add_argument(
        "--shape", default="", help="measure a random model instead: gemma-3-270m, or tiny for a try; with its export"
    )
    parser.add_argument("--runs", type=int, default=5, help="processes of each kind (5)")
    parser.add_argument("--many", type=int, default=200, help="issues of the file that is labelled (200)")
    parser.add_argument("--no-action", action="store_true", help="leave the steps of the action out")
    parser.add_argument("--work", type=Path, help="keep what is written in this folder; default: a temporary one")
    parser.add_argument("--json", action="store_true", help="JSON instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    from eval.speed.shapes import SHAPES
    from eval.speed.speed_model import make_model
    from eval.speed.speed_table import show_speed
    from eval.speed.timing import Subject, measure
    from labeler.model.predict import STARTER

    if arguments.runs < 1:
        raise UsageError(f"--runs {arguments.runs}: less than one", "Give 1 or more.")
    if arguments.many < 1:
        raise UsageError(f"--many {arguments.many}: less than one", "Give 1 or more.")
    if arguments.shape and arguments.shape not in SHAPES:
        raise UsageError(f"--shape {arguments.shape}: unknown", f"Choose one of {', '.join(SHAPES)}.")
    if arguments.shape and (arguments.model or arguments.checkpoint or arguments.whole_checkpoint):
        raise UsageError("--shape makes its own model and checkpoint", "Leave --shape or the folders out.")

    def say(step: str) -> None:
        print(f"{step} …", file=sys.stderr)

    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{work}: cannot be made: {error.strerror}", "Choose another folder.") from error
        more = {}
        if arguments.shape:
            say(f"writing a random model of the shape {arguments.shape}")
            made = make_model(work, arguments.shape)
            subject = Subject(made.bundle, None, made.checkpoint, work)
            more = {"export_seconds": made.export.seconds, "export_megabytes": made.export.megabytes}
        else:
            bundle = (arguments.model or STARTER).resolve()
            subject = Subject(bundle, _absolute(arguments.checkpoint), _absolute(arguments.whole_checkpoint), work)
        action = not arguments.no_action
        figures = measure(subject, arguments.runs, arguments.many, say, action=action) | more
    if arguments.json:
        print(json.dumps(figures, indent=1))
    else:
        show_speed(figures)
    return 0


def _absolute(path: Path | None) -> Path | None:
    return path and path.resolve()
