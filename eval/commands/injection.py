"""`python -m eval injection`: how far hostile text can steer a model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.errors import UsageError

if TYPE_CHECKING:
    from labeler.labels.label_set import LabelSet
    from labeler.text.issue import Issue

HELP = "attack clean issues with hostile text, and measure how often it gets the label that it wants"
EXAMPLES = """examples:
  python -m eval injection --model labeler/starter
  python -m eval injection --model bundle --data dataset.csv --issues 100 --markdown -
  python -m eval injection --model bundle --write-card"""
_ISSUES = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, help="the bundle to attack: a folder, or as the action's `model`")
    parser.add_argument(
        "--data", type=Path, help="attack the test issues of this dataset; default: the issues that come with it"
    )
    parser.add_argument("--issues", type=int, help=f"at most so many issues, spread evenly (all; {_ISSUES} of --data)")
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")
    parser.add_argument("--markdown", metavar="FILE", help="Markdown into this file; - for stdout, without the table")
    parser.add_argument("--write-card", action="store_true", help="put the figures into the bundle's card and manifest")


def run(arguments: argparse.Namespace) -> int:
    from eval.injection.attack_report import caption, markdown, table, write_card
    from eval.injection.attack_run import measure
    from eval.injection.attacks import attacks
    from labeler.base.reader import Reader
    from labeler.base.store import default_store
    from labeler.config import environment, read_machine
    from labeler.console.terminal import console
    from labeler.fetch.models import resolve_model
    from labeler.files import write_text
    from labeler.model.bundle import read_manifest

    if arguments.json and arguments.markdown == "-":
        raise UsageError("--json and --markdown - both want stdout", "Give the Markdown a file.")
    if arguments.write_card and not Path(arguments.model).is_dir():
        raise UsageError(f"--write-card: {arguments.model} is no folder", "Give the folder of a bundle of yours.")
    folder = resolve_model(arguments.model, read_machine(environment()))
    issues, labels, source = _issues(arguments)
    reader = Reader(folder, labels or read_manifest(folder).labels, default_store())
    found = measure(reader, issues, attacks(), source)
    if arguments.write_card:
        write_card(folder, found)
        print(f"figures are in {folder}: README.md and bundle.json", file=sys.stderr)
    if arguments.markdown and arguments.markdown != "-":
        write_text(Path(arguments.markdown), markdown(found))
    if arguments.json:
        print(json.dumps(found.figures(), indent=1, ensure_ascii=False))
    elif arguments.markdown == "-":
        print(markdown(found))
    else:
        console().print(table(found))
        console().print(caption(found))
    return 0


def _issues(arguments: argparse.Namespace) -> tuple[Sequence[Issue], LabelSet | None, str]:
    """The clean issues, the list to choose from (None: the model's own), and what to call the issues."""
    from eval.injection.attack_run import CLEAN_ISSUES, spread

    if arguments.issues is not None and arguments.issues < 1:
        raise UsageError(f"--issues {arguments.issues}: no issue", "Give 1 or more.")
    if arguments.data:
        from labeler.base.examples import read_splits

        splits = read_splits(arguments.data)
        return spread(splits.test.issues, arguments.issues or _ISSUES), splits.labels, splits.name
    from labeler.data.issue_files import read_issues

    issues = list(read_issues(CLEAN_ISSUES))
    return spread(issues, arguments.issues or len(issues)), None, "eval/benchmarks"
