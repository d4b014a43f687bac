"""`python -m synthetic review`: decide the disputed issues in the terminal."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from labeler.errors import InputError, UsageError
from synthetic.annotating.plan import read_only
from synthetic.reviewing.decisions import Session, queue
from synthetic.workspace.label_file import place_labels
from synthetic.workspace.records import DECISIONS

HELP = "decide the disputed issues one by one in the terminal; every decision is saved at once"
EXAMPLES = """examples:
  python -m synthetic review data/name
  python -m synthetic review data/name --by ada
  python -m synthetic review data/name --only data/name/picked.json

keys: a accept, 1 2 … or space tick a label, s skip, u undo, ? help, q leave"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with prepared.jsonl and answers.jsonl")
    parser.add_argument("--by", metavar="NAME", help="who decides, as the dataset will say (default: the user's name)")
    parser.add_argument(
        "--only", type=Path, metavar="FILE", help="JSON list of issue ids: decide these instead, disputed or not"
    )


def run(arguments: argparse.Namespace) -> int:
    folder = arguments.folder
    labels = place_labels(folder, None, _say)
    items = queue(folder, labels, read_only(arguments.only) if arguments.only else None)
    if not items:
        _say("Nothing to review: no issue is disputed and undecided.")
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        remedy = "Run it in one, or: python -m synthetic export DIR --for label-studio"
        raise UsageError(f"{len(items)} issues to review, and this is no terminal", remedy)
    from synthetic.reviewing.screen import ReviewApp, summary

    by = arguments.by or getpass.getuser()
    try:
        with Session(folder, items, labels, by) as session:
            error = ReviewApp(session, labels, f"{folder}  ·  {by}").run()
            if error is not None:
                raise error
    except OSError as error:
        what = f"{folder / DECISIONS}: cannot be written: {error.strerror}"
        raise InputError(what, "Check the folder and the disk. What was saved before is there.") from error
    print(f"{folder / DECISIONS}: {summary(session)}")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)
