"""`python -m eval curve`: quality against number of training issues."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from eval.commands.common import BASELINES, add_tune_arguments, tuned_from
from labeler.errors import InputError, UsageError

if TYPE_CHECKING:
    from eval.systems.system import System

HELP = "quality on the test issues against the number of labelled issues to learn from"
EXAMPLES = """examples:
  python -m eval curve --data dataset.csv --out curve
  python -m eval curve --data DATA --model labeler/starter --out curve
  python -m eval curve --data DATA --systems linear,bayes --sizes 16,64,256,all --seeds 3 --out curve
  python -m eval curve --data DATA --systems linear --sizes 64,all --seeds 2 --tune base --tune adapted --out curve

--tune needs the training environment, and one run of `python -m training run` for each size and seed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="CSV-label dataset with splits, or its folder")
    parser.add_argument(
        "--model", help="starter, a bundle's folder or a published one: for systems on embeddings, and as a level line"
    )
    parser.add_argument(
        "--sizes", default="8,16,32,64,128,all", metavar="LIST", help="numbers of training issues (8,16,32,64,128,all)"
    )
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="draws of each size (5)")
    parser.add_argument("--systems", metavar="LIST", help=f"a list of {BASELINES}; default: all that can run")
    add_tune_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="gets curve.json and curve.svg")
    parser.add_argument("--json", action="store_true", help="print curve.json instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.curve_tables import show_curve
    from eval.benchmarks.learning_curve import document, drawing, measure
    from eval.systems.bundles import open_reader
    from eval.systems.models import Answer
    from labeler.base.examples import read_splits
    from labeler.base.store import default_store
    from labeler.files import write_text

    if arguments.seeds < 1:
        raise UsageError(f"--seeds {arguments.seeds}: less than one", "Give 1 or more.")
    sizes, systems = _sizes(arguments.sizes), _systems(arguments.systems, bool(arguments.model))
    systems += tuned_from(arguments)
    splits, store = read_splits(arguments.data), default_store()
    reader = open_reader(arguments.model, splits.labels, store) if arguments.model else None
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{arguments.out}: cannot be made: {error.strerror}", "Choose another folder.") from error
    whole = [len(splits.train) if size is None else size for size in sizes]
    if any(size > len(splits.train) for size in whole):
        print(f"larger sizes mean all {len(splits.train)} training issues there are", file=sys.stderr)
    levels = [Answer.greedy()] if reader else []
    points = measure(splits, systems, whole, arguments.seeds, store, reader, levels)
    title = (
        f"{splits.name}: n = {len(splits.test):,} test issues; thresholds chosen on {len(splits.validation):,}; "
        f"draws of each size: {arguments.seeds}"
    )
    text = json.dumps(document(points, splits), indent=1, ensure_ascii=False)
    write_text(arguments.out / "curve.json", f"{text}\n")
    write_text(arguments.out / "curve.svg", drawing(points, title))
    if arguments.json:
        print(text)
    else:
        show_curve(points, title)
    return 0


def _sizes(text: str) -> list[int | None]:
    """The sizes of "8,16,all"; None for all. Raises UsageError."""
    sizes: list[int | None] = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        if part != "all" and (not part.isascii() or not part.isdigit() or int(part) < 1):
            raise UsageError(f"--sizes: {part!r} is no number of issues", "Write it like 8,16,32,all.")
        sizes.append(None if part == "all" else int(part))
    if not sizes:
        raise UsageError("--sizes: none given", "Write it like 8,16,32,all.")
    return sizes


def _systems(names: str | None, has_model: bool) -> list[System]:
    from eval.systems.catalogue import choose

    chosen = choose(names or "all")
    needing = [system.key for system in chosen if system.needs and not has_model]
    if needing and names:
        raise UsageError(f"{', '.join(needing)}: needs a model", "Give its bundle by --model, or leave it out.")
    if needing:
        print(f"left out without --model: {', '.join(needing)}", file=sys.stderr)
    return [system for system in chosen if system.key not in needing]
