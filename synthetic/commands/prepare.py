"""`python -m synthetic prepare`: from fetched issues to prepared ones."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from labeler.data.textfile import one_line
from labeler.errors import InputError
from synthetic.preparing.duplicates import NEAR
from synthetic.preparing.preparation import Wanted, prepare, read_records
from synthetic.preparing.preparation_report import notes, show
from synthetic.workspace.label_file import place_labels
from synthetic.workspace.records import PREPARE, PREPARED, labels_file

HELP = "make fetched issues ready: drop bots and duplicates, strip templates, map labels, redact secrets and addresses"
EXAMPLES = """examples:
  python -m synthetic prepare data/name --labels labels.yml
  python -m synthetic prepare data/name --near 0.8 --bot our-triage-account
  python -m synthetic prepare data/name --json

It writes prepared.jsonl and prepare.json; run it again whenever issues.jsonl or labels.yml has changed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with issues.jsonl")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="labels.yml to copy into the folder (default: the one that is there)",
    )
    parser.add_argument("--keep-bots", action="store_true", help="keep issues that bots opened")
    parser.add_argument(
        "--bot",
        action="append",
        default=[],
        metavar="LOGIN",
        help="an account that counts as a bot though GitHub does not call it one; repeatable",
    )
    parser.add_argument("--no-redact", action="store_true", help="leave secrets and addresses in the texts")
    parser.add_argument(
        "--phones",
        action="store_true",
        help="redact international telephone numbers as well (pip install phonenumbers)",
    )
    parser.add_argument(
        "--near",
        type=_likeness,
        default=NEAR,
        metavar="LIKENESS",
        help=f"from which two issues are duplicates; Jaccard index of their runs of three words, 0.5 to 1 ({NEAR})",
    )
    parser.add_argument("--json", action="store_true", help="print what prepare.json has instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    from labeler.console.progress import counted

    folder = arguments.folder
    if arguments.labels is None and not labels_file(folder).is_file():
        raise _no_labels(folder)
    labels = place_labels(folder, arguments.labels, _say)
    wanted = Wanted(
        arguments.keep_bots, tuple(arguments.bot), not arguments.no_redact, arguments.near, arguments.phones
    )
    report = prepare(folder, labels, wanted, counted)
    if arguments.json:
        print(json.dumps(asdict(report), ensure_ascii=False, indent=1))
    else:
        show(report, labels)
    for note in notes(report):
        _say(note)
    _say(f"written: {folder / PREPARED}, {folder / PREPARE}")
    return 0


def _no_labels(folder: Path) -> InputError:
    """Says how to begin a labels.yml, with the labels that the repository uses most."""
    names = Counter(name for record in read_records(folder) for name in record.labels).most_common(8)
    lines = "\n".join(
        f"- name: {json.dumps(one_line(name), ensure_ascii=False)}  # {count:,} issues" for name, count in names
    )
    remedy = "Give the labels to choose from by --labels FILE (names, descriptions, aliases)."
    if lines:
        remedy += f" The repository's own begin like this:\n{lines}"
    return InputError(f"{labels_file(folder)}: missing", remedy)


def _likeness(text: str) -> float:
    if not re.fullmatch(r"0?\.[5-9][0-9]*|1(\.0*)?", text):
        raise ValueError
    return float(text)


_likeness.__name__ = "likeness from 0.5 to 1"  # argparse names it in its error


def _say(text: str) -> None:
    print(text, file=sys.stderr)
