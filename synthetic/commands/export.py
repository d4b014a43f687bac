"""`python -m synthetic export`: disputed issues for another labelling program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from synthetic.annotating.plan import read_only
from synthetic.reviewing.decisions import queue
from synthetic.reviewing.exchange import TOOLS
from synthetic.workspace.label_file import place_labels

HELP = "write the disputed issues, with the annotators' answers, for Argilla or Label Studio"
EXAMPLES = """examples:
  python -m synthetic export data/name --for label-studio
  python -m synthetic export data/name --for argilla --out /tmp/argilla
  python -m synthetic export data/name --for argilla --only data/name/picked.json

What people decide there comes back by: python -m synthetic import DIR FILE --for …"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with prepared.jsonl and answers.jsonl")
    parser.add_argument("--for", dest="tool", choices=list(TOOLS), required=True, help="the program")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to (default: DIR/argilla or DIR/label-studio)"
    )
    parser.add_argument(
        "--only", type=Path, metavar="FILE", help="JSON list of issue ids: export these instead, disputed or not"
    )


def run(arguments: argparse.Namespace) -> int:
    folder, tool = arguments.folder, TOOLS[arguments.tool]
    labels = place_labels(folder, None, _say)
    items = queue(folder, labels, read_only(arguments.only) if arguments.only else None)
    if not items:
        _say("Nothing to export: no issue is disputed and undecided.")
        return 0
    out = arguments.out or folder / arguments.tool
    tool.write(out, items, labels)
    print(f"{out}: {len(items):,} issues")
    _say(f"next: {tool.next_step.format(folder=out)}")
    _say(f"then: python -m synthetic import {folder} EXPORT --for {arguments.tool}")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)
