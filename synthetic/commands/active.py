"""`python -m synthetic active`: which issues to label next."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from labeler.console.argument_types import positive
from labeler.console.progress import say
from synthetic.annotating.active_learning import MEASURES, PICKED
from synthetic.annotating.active_report import show, to_document

HELP = "pick the issues that a model is least sure of, no two of a kind, and show what the labels so far are worth"
EXAMPLES = """examples:
  python -m synthetic active data/name --model starter --count 50
  python -m synthetic annotate data/name --model gemini-2.5-flash --only data/name/picked.json
  python -m synthetic review data/name --only data/name/picked.json
  python -m synthetic split data/name && python -m synthetic active data/name --model starter --count 50"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with prepared.jsonl and labels.yml")
    parser.add_argument(
        "--model", required=True, metavar="BUNDLE", help="starter, a bundle's folder, or a published one"
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="labels.yml; becomes the folder's own")
    parser.add_argument("--count", type=positive, required=True, metavar="N", help="how many issues to pick")
    parser.add_argument(
        "--by",
        choices=MEASURES,
        default="entropy",
        help="what unsure means: entropy, the mean over the labels (default); margin, the one label nearest to its "
        "threshold",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"gets the ids as a JSON list (default: DIR/{PICKED})")
    parser.add_argument("--json", action="store_true", help="JSON instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    from labeler.base.reader import Reader
    from labeler.base.store import default_store
    from labeler.config import environment, read_machine
    from labeler.fetch.models import resolve_model
    from labeler.files import write_text
    from synthetic.annotating.active_learning import active
    from synthetic.workspace.label_file import place_labels

    labels = place_labels(arguments.folder, arguments.labels, say)
    bundle = resolve_model(arguments.model, read_machine(environment()))
    found = active(arguments.folder, Reader(bundle, labels, default_store()), arguments.count, arguments.by)
    out = arguments.out or arguments.folder / PICKED
    write_text(out, json.dumps([pick.issue.id for pick in found.picks], indent=1, ensure_ascii=False) + "\n")
    if arguments.json:
        print(json.dumps(to_document(found), indent=1))
        return 0
    show(found)
    print(f"{out}: {len(found.picks):,} of {found.unlabelled:,} unlabelled issues")
    print(f"next: python -m synthetic review {arguments.folder} --only {out}, or annotate with the same --only")
    return 0
