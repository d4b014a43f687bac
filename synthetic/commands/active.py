"""`python -m synthetic active`: which issues to label next."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.argument_types import positive
from labeler.console.progress import say
from synthetic.annotating.active_learning import LEAST_TRAINING, MEASURES, PICKED

if TYPE_CHECKING:
    from synthetic.annotating.active_learning import Active, Round

HELP = "pick the issues that a model is least sure of, no two of a kind, and show what the labels so far are worth"
EXAMPLES = """examples:
  python -m synthetic active data/name --model starter --count 50
  python -m synthetic annotate data/name --model gemini-2.5-flash --only data/name/picked.json
  python -m synthetic review data/name --only data/name/picked.json
  python -m synthetic split data/name && python -m synthetic active data/name --model starter --count 50"""
SHOWN = 20


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
        print(json.dumps(_document(found), indent=1))
        return 0
    _print_picks(found)
    _print_rounds(found.rounds)
    print(f"{out}: {len(found.picks):,} of {found.unlabelled:,} unlabelled issues")
    print(f"next: python -m synthetic review {arguments.folder} --only {out}, or annotate with the same --only")
    return 0


def _document(found: Active) -> dict[str, object]:
    picks = [
        {"id": one.issue.id, "unsure": one.unsure, "label": one.label, "probability": one.probability}
        for one in found.picks
    ]
    return {"picks": picks, "unlabelled": found.unlabelled, "rounds": [asdict(one) for one in found.rounds]}


def _print_picks(found: Active) -> None:
    from rich.table import Column

    from labeler.console.tables import right, table
    from labeler.console.terminal import console

    near = Column("nearest label", overflow="fold")
    title = Column("title", no_wrap=True, overflow="ellipsis", ratio=1)
    rows = (
        (
            one.issue.id,
            f"{one.unsure:.2f}",
            f"{one.label} {one.probability:.2f} / {one.threshold:.2f}",
            one.issue.title,
        )
        for one in found.picks[:SHOWN]
    )
    console().print(table((Column("issue", overflow="fold"), *right("unsure"), near, title), rows))
    if len(found.picks) > SHOWN:
        console().print(f"and {len(found.picks) - SHOWN:,} more", style="dim")


def _print_rounds(rounds: tuple[Round, ...]) -> None:
    from rich.table import Column

    from labeler.console.tables import right, styled, table
    from labeler.console.terminal import console

    current = rounds[-1]
    if current.head is None:
        said = (
            f"Nothing is measured yet: that needs {LEAST_TRAINING} training rows and some test rows. Label, then split."
        )
        console().print(said, style="dim")
        return
    output = console()
    output.print(
        "\nmicro-F1 on the test rows: the model as it is, and a head fitted on the training rows", style="bold"
    )
    columns = (
        *(Column(name, no_wrap=True) for name in ("when", "asked")),
        *right("training rows", "test rows", "model", "head", no_wrap=True),
        Column("which model", overflow="ellipsis"),
    )
    rows = []
    for one in rounds:
        if one.head is not None:
            comparable = one.test == current.test
            counts = (f"{one.labelled:,}", f"{one.tested:,}" if comparable else f"{one.tested:,} others")
            figures = (_figure(one.bundle), _figure(one.head))
            cells = (one.at[:16].replace("T", " "), one.asked, *counts, *figures, one.model)
            rows.append(styled("" if comparable else "dim", cells))
    output.print(table(columns, rows))
    if any(one.head is not None and one.test != current.test for one in rounds):
        output.print("Rounds on other test rows do not compare.", style="dim")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
