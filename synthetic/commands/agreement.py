"""`python -m synthetic agreement`: how far the annotators agree, and which issues people should look at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labeler.errors import InputError, UsageError
from synthetic.annotating.agreement_report import MARKDOWN, show, to_json, write_report
from synthetic.annotating.consensus import Rule, read_answers, read_decisions
from synthetic.annotating.plan import read_prepared
from synthetic.annotating.reliability import measure
from synthetic.workspace.label_file import place_labels
from synthetic.workspace.records import AGREEMENT, ANSWERS

HELP = "measure how far the annotators agree, form their consensus, and find the issues to review"
EXAMPLES = """examples:
  python -m synthetic agreement data/name
  python -m synthetic agreement data/name --votes 2 --min-agreement 0.6
  python -m synthetic agreement data/name --json

It writes agreement.json and agreement.md; review, export and split keep to its options."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with prepared.jsonl and answers.jsonl")
    parser.add_argument(
        "--votes",
        type=_votes,
        metavar="K",
        help="annotators that must set a label for it to count (default: more than half of those that answered)",
    )
    parser.add_argument(
        "--min-agreement",
        type=_share,
        default=Rule.min_agreement,
        metavar="SHARE",
        help="issues whose annotators agree less are disputed; mean pairwise Jaccard index, 0 to 1 (default: 0.5)",
    )
    parser.add_argument("--json", action="store_true", help="JSON with every figure instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    folder = arguments.folder
    labels = place_labels(folder, None, _say)
    issues = read_prepared(folder)
    answers = read_answers(folder, labels)
    if not answers.annotators:
        what = f"{folder / ANSWERS}: no answers to these labels"
        if answers.other_prompts:
            what += f", only {answers.other_prompts:,} to another instruction or label list"
        raise InputError(what, "Get some by: python -m synthetic annotate DIR --model NAME")
    rule = Rule(arguments.votes, arguments.min_agreement)
    decisions = read_decisions(folder, labels)
    decided = {issue: one for issue, one in decisions.items() if one.labels is not None}
    found = measure(issues, answers, labels, rule, decided)
    write_report(folder, found)
    if arguments.json:
        print(to_json(found), end="")
    else:
        show(found)
    _say(f"written: {folder / AGREEMENT}, {folder / MARKDOWN}")
    if found.undecided:
        _say(f"next: python -m synthetic review {folder}")
    return 0


def _votes(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--votes {text}: not a positive number", "Give the number of annotators, such as 2.")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--min-agreement {text}: not a number from 0 to 1", "Give a share, such as 0.5.")
    return share


def _say(text: str) -> None:
    print(text, file=sys.stderr)
