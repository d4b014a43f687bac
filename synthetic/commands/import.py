# ruff: noqa: N999  the command is called import
"""`python -m synthetic import`: decisions that were made in another labelling program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labeler.errors import InputError
from synthetic.annotating.consensus import read_decisions
from synthetic.annotating.plan import read_prepared
from synthetic.reviewing.decisions import now
from synthetic.reviewing.exchange import TOOLS, read_export
from synthetic.workspace.jsonl import Appender
from synthetic.workspace.label_file import place_labels
from synthetic.workspace.records import DECISIONS, to_line

HELP = "take over the decisions made in Argilla or Label Studio; doing it twice changes nothing"
EXAMPLES = """examples:
  python -m synthetic import data/name project-1.json --for label-studio
  python -m synthetic import data/name argilla-export --for argilla --by ada

Argilla names people by a number: --by says who it was."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder that the issues were exported from")
    parser.add_argument("file", type=Path, metavar="FILE", help="the JSON export, or the folder of dataset.to_disk")
    parser.add_argument("--for", dest="tool", choices=list(TOOLS), required=True, help="the program it comes from")
    parser.add_argument("--by", default="", metavar="NAME", help="who decided (default: as the file says)")


def run(arguments: argparse.Namespace) -> int:
    folder = arguments.folder
    labels = place_labels(folder, None, _say)
    known = {one.id for one in read_prepared(folder)}
    held = read_decisions(folder, labels)
    found = read_export(TOOLS[arguments.tool], arguments.file, labels, known, held, at=now(), by=arguments.by)
    try:
        with Appender(folder / DECISIONS) as file:
            file.write(*map(to_line, found.new))
    except OSError as error:
        what = f"{folder / DECISIONS}: cannot be written: {error.strerror}"
        raise InputError(what, "Check the folder and the disk.") from error
    print(f"{folder / DECISIONS}: {len(found.new):,} decisions new, {found.unchanged:,} as before")
    if found.differ:
        some = ", ".join(found.differ[:5]) + (", …" if len(found.differ) > 5 else "")
        _say(f"{len(found.differ):,} issues were decided differently by several people; the last counts: {some}")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)
