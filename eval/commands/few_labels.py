"""`python -m eval few-labels`: few or no labels, on mapped issues of one repository."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from eval.commands.common import BASELINES, add_tune_arguments, tuned_from
from labeler.errors import UsageError

if TYPE_CHECKING:
    from eval.systems.system import System

HELP = "quality with few or no labels, on one repository's issues with its labels mapped to a short list"
EXAMPLES = """examples:
  python -m eval few-labels --issues github-issues-transformers.jsonl --model labeler/starter
  python -m eval few-labels --issues issues.jsonl --map labels.yml --model bundle --systems bayes,linear,neighbours
  python -m eval few-labels --issues issues.jsonl --model bundle --draws 1 --tune unsloth/gemma-3-270m-it

--tune needs the training environment, and one run of `python -m training run` for each size and draw."""
SIZES = (8, 16, 32, 64, 128)  # training issues; then all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--issues", type=Path, required=True, help="issues with their labels: GitHub's REST objects, one a line"
    )
    parser.add_argument(
        "--map", type=Path, metavar="FILE", help="labels file whose aliases are the repository's labels (Transformers)"
    )
    parser.add_argument(
        "--model", required=True, help="starter, a bundle's folder or a published one: zero-shot, and for embeddings"
    )
    parser.add_argument(
        "--systems",
        default="bayes,neighbours",
        metavar="LIST",
        help=f"what learns from the slices: a list of {BASELINES} (bayes,neighbours)",
    )
    add_tune_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the split (0)")
    parser.add_argument("--draws", type=int, default=5, metavar="N", help="draws of each slice (5)")
    parser.add_argument("--json", action="store_true", help="JSON instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.curve_tables import show_means
    from eval.benchmarks.few_label_study import LABELS, read_mapped, split
    from eval.benchmarks.learning_curve import document, measure
    from eval.systems.bundles import open_reader
    from eval.systems.catalogue import choose
    from eval.systems.models import Answer, Thresholds
    from labeler.base.store import default_store
    from labeler.labels.label_set import read_labels

    if arguments.draws < 1:
        raise UsageError(f"--draws {arguments.draws}: less than one", "Give 1 or more.")
    systems = [*choose(arguments.systems), *tuned_from(arguments)]
    labels, store = read_labels(arguments.map or LABELS), default_store()
    mapped = read_mapped(arguments.issues, labels)
    splits = split(mapped, labels, arguments.issues.name, arguments.seed)
    reader = open_reader(arguments.model, labels, store)
    levels: list[System] = [
        Answer("zero-shot", "model, zero-shot", "model"),
        Thresholds(name="model, with thresholds"),
    ]
    sizes = sorted({min(size, len(splits.train)) for size in SIZES} | {len(splits.train)})
    points = measure(splits, systems, sizes, arguments.draws, store, reader, levels)
    if arguments.json:
        print(json.dumps(document(points, splits), indent=1, ensure_ascii=False))
        return 0
    counts = ", ".join(f"{len(part):,}" for part in (splits.train, splits.validation, splits.test))
    title = f"{splits.name}: train, validation, test n = {counts}; left out {mapped.unlabelled:,} without a label of "
    show_means(points, title + f"the list, {mapped.duplicates:,} duplicates")
    return 0
