"""`python -m synthetic split`: the dataset with its train, validation and test rows."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path

from labeler.data.dataset_folder import DATASET
from synthetic.dataset.splitting import Wanted, split
from synthetic.dataset.splitting_report import notes, show
from synthetic.workspace.label_file import place_labels

HELP = "write dataset.csv: the labels that count, and rows for training, validation and testing"
EXAMPLES = """examples:
  python -m synthetic split data/name
  python -m synthetic split data/name --test-from 2026-01-01 --labels-from annotators
  python -m synthetic split data/name --shares 70/15/15 --seed 1 --no-keep-test

Linked and similar issues are in one split. Issues whose annotators disagree stay out until somebody reviews them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with prepared.jsonl")
    parser.add_argument(
        "--shares",
        type=_shares,
        default=Wanted.shares,
        metavar="A/B/C",
        help="of train, validation and test (80/10/10), each label divided alike",
    )
    parser.add_argument(
        "--test-from",
        type=_date,
        metavar="DATE",
        help="test on the issues from that day on (2026-01-31), train on older ones; --shares then divides those",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="decides what chance decides (0)")
    parser.add_argument(
        "--labels-from",
        choices=("annotators", "repository", "both"),
        default="both",
        help="whose labels count where no person decided; both (default): the repository's where there is no answer",
    )
    parser.add_argument(
        "--min-agreement",
        type=_share,
        metavar="SHARE",
        help="leave out issues whose annotators agree less; mean pairwise Jaccard index, 0 to 1 "
        "(what agreement was run with, else 0.5)",
    )
    parser.add_argument(
        "--keep-test",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="what was in the test set stays there, and what was trained on does not come to it (default)",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    folder = arguments.folder
    labels = place_labels(folder, None, _say)
    wanted = Wanted(
        shares=arguments.shares,
        test_from=arguments.test_from or "",
        seed=arguments.seed,
        labels_from=arguments.labels_from,
        min_agreement=arguments.min_agreement,
        keep_test=arguments.keep_test,
    )
    report = split(folder, labels, wanted)
    if arguments.json:
        print(json.dumps(asdict(report), ensure_ascii=False, indent=1))
    else:
        show(report)
    for note in notes(report):
        _say(note)
    _say(f"written: {folder / DATASET}")
    return 0


def _shares(text: str) -> tuple[float, ...]:
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})/(\d{1,3})", text)
    numbers = [int(number) for number in found.groups()] if found else []
    if not numbers or not numbers[0]:
        raise ValueError
    return tuple(number / sum(numbers) for number in numbers)


def _date(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _share(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise ValueError
    return float(text)


# argparse names them in its errors.
_shares.__name__, _date.__name__, _share.__name__ = "shares like 80/10/10", "date like 2026-01-31", "share from 0 to 1"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
