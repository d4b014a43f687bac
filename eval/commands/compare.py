"""`python -m eval compare`: a model beside baselines on identical issues."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from eval.commands.common import add_model_arguments, say
from labeler.console.argument_types import positive, whole
from labeler.errors import UsageError

HELP = "a model beside baselines on identical issues: quality with intervals, time, size and memory"
EXAMPLES = """examples:
  python -m eval compare --data dataset.csv --model labeler/starter --html report.html
  python -m eval compare --data DATA --model new --model old --baselines linear,majority
  python -m eval compare --data DATA --model new --base untuned --markdown - --predictions answers.jsonl
  python -m eval score answers.jsonl --labels DATA/labels.yml --per-label"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="CSV-label dataset with splits, or its folder")
    add_model_arguments(parser)
    parser.add_argument(
        "--gemini",
        action="append",
        default=[],
        metavar="MODEL",
        help="ask this Gemini model too; its key is read from GEMINI_API_KEY; repeatable",
    )
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="[MODEL=]IN,OUT",
        help="US dollars a million tokens, for a Gemini model without a list price",
    )
    parser.add_argument("--train-rows", type=positive, metavar="N", help="fit on so many training rows (all)")
    parser.add_argument(
        "--cold-runs", type=whole, default=3, metavar="N", help="processes started to time a cold start (3); 0: none"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as one HTML file")
    parser.add_argument("--curve", type=Path, metavar="FILE", help="a curve.json of `eval curve`, to show on the page")
    parser.add_argument("--markdown", metavar="FILE", help="write it as Markdown; - is stdout, instead of the table")
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")
    parser.add_argument("--predictions", type=Path, metavar="FILE", help="write every answer, for `eval score`")


def run(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.comparison import Entrant, compare, entrants, untuned
    from eval.benchmarks.learning_curve import read_curve
    from eval.benchmarks.refitting import refit
    from eval.metrics.predictions import prediction_lines
    from eval.reports.document import document
    from eval.reports.terminal import show_comparison
    from eval.systems.bundles import open_reader, open_readers
    from eval.systems.plain import plain
    from labeler.base.examples import read_splits, slices
    from labeler.base.store import default_store
    from labeler.files import write_text

    if arguments.json and arguments.markdown == "-":
        raise UsageError("--json and --markdown - both want stdout", "Give the Markdown a file.")
    if arguments.curve and not arguments.html:
        raise UsageError("--curve is shown on the page, and there is none", "Add --html FILE.")
    splits, store = read_splits(arguments.data), default_store()
    points = read_curve(arguments.curve, splits) if arguments.curve else None
    if arguments.train_rows and arguments.train_rows < len(splits.train):
        taken = slices(splits.train, [arguments.train_rows], seed=0)[arguments.train_rows]
        splits = replace(splits, train=splits.train.take(taken))
    models = open_readers(arguments.model, splits.labels, store)
    base = open_reader(arguments.base, splits.labels, store) if arguments.base else None
    chosen = entrants(arguments.baselines, models, base)
    if not base and arguments.baselines.strip() == "all":
        print(f"left out without --base: {', '.join(untuned())}", file=sys.stderr)
    if arguments.gemini:
        from eval.systems.gemini import gemini_models

        chosen = [*map(Entrant, gemini_models(arguments.gemini, arguments.price, store)), *chosen]
    comparison = compare(splits, chosen, store, cold_runs=arguments.cold_runs, say=say)
    refitted = refit(splits, next(iter(models.values())))
    comparison = replace(comparison, title=f"{', '.join(models)} on {splits.name}")
    if arguments.predictions:
        lines = (json.dumps(line, ensure_ascii=False) for line in prediction_lines(comparison))
        write_text(arguments.predictions, "".join(f"{line}\n" for line in lines))
    if arguments.html:
        from eval.reports.html import write_html

        write_html(comparison, arguments.html, points)
    if arguments.markdown:
        from eval.reports.markdown import markdown

        if arguments.markdown == "-":
            print(markdown(comparison, refitted), end="")
            return 0
        write_text(Path(arguments.markdown), markdown(comparison, refitted))
    if arguments.json:
        print(json.dumps(plain(document(comparison, refitted)), indent=1, ensure_ascii=False))
    else:
        show_comparison(comparison, refitted)
    return 0
