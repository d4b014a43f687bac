"""`python -m eval compare`: a model beside baselines on identical issues."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler.console.argument_types import positive, whole
from labeler.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from eval.benchmarks.refitting import Refitted
    from eval.reports.figures import Row
    from eval.systems.results import Comparison

HELP = "a model beside baselines on identical issues: quality with intervals, time, size and memory"
EXAMPLES = """examples:
  python -m eval compare --data dataset.csv --model labeler/starter --html report.html
  python -m eval compare --data DATA --model new --model old --baselines linear,majority
  python -m eval compare --data DATA --model new --base untuned --markdown - --predictions answers.jsonl
  python -m eval score answers.jsonl --labels DATA/labels.yml --per-label"""
# Columns of the table, in parts that fit a terminal of 80 columns.
PARTS = (
    ("micro-F1 [95 %]", "less main", "macro-F1"),
    ("gets", "right", "mAP", "ECE"),
    ("fit", "an issue", "cold", "size", "memory"),
)
BASELINES = "majority,keywords,bayes,linear,neighbours,head"
WIDE = 140  # columns of a terminal that holds them beside each other


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


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """What `nlbse24` takes too."""
    parser.add_argument(
        "--model", action="append", required=True, help="starter, a bundle's folder or a published one; repeatable"
    )
    parser.add_argument(
        "--base", metavar="MODEL", help="the untuned model: adds zero-shot, zero-shot-free and few-shot"
    )
    parser.add_argument(
        "--baselines", default="all", metavar="LIST", help=f"all (default), none, or a list of {BASELINES}"
    )


def run(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.comparison import Entrant, compare, entrants, untuned
    from eval.benchmarks.learning_curve import read_curve
    from eval.benchmarks.refitting import refit
    from eval.metrics.predictions import prediction_lines
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
        print(json.dumps(plain(_document(comparison, refitted)), indent=1, ensure_ascii=False))
    else:
        _print(comparison, refitted)
    return 0


def say(step: str) -> None:
    print(f"{step} …", file=sys.stderr)


def _document(comparison: Comparison, refitted: Refitted | None) -> dict[str, Any]:
    from eval.reports.figures import rows
    from eval.reports.snippet import document

    return {
        "title": comparison.title,
        "test": len(comparison.test),
        "train": comparison.train_size,
        "validation": comparison.validation_size,
        "main": comparison.main,
        "systems": [_system(row, comparison) for row in rows(comparison)],
        "refitted": refitted and document(refitted),
    }


def _system(row: Row, comparison: Comparison) -> dict[str, Any]:
    result = row.worth.result
    costs = ("fit_seconds", "seconds_an_issue", "cold_seconds", "size_megabytes", "memory_megabytes", "note")
    thresholds = result.thresholds and dict(zip(comparison.labels.names, result.thresholds, strict=True))
    return {
        "key": result.key,
        "name": result.name,
        "micro_f1": asdict(row.micro_f1),
        "macro_f1": asdict(row.macro_f1),
        "micro_f1_less_main": row.difference and asdict(row.difference),
        "coverage": asdict(row.worth.coverage),
        "precision": asdict(row.worth.precision),
        "recall": asdict(row.worth.recall),
        "mean_average_precision": row.mean_average_precision,
        "calibration_error": row.calibration_error,
        "thresholds": thresholds,
        **{name: getattr(result, name) for name in costs},
    }


def _print(comparison: Comparison, refitted: Refitted | None) -> None:
    from rich.text import Text

    from eval.reports.figures import rows
    from eval.reports.wording import few
    from labeler.console.terminal import console

    output, made = console(), rows(comparison)
    sizes = f"train {comparison.train_size:,}, validation {comparison.validation_size:,}"
    output.print(Text(f"{comparison.title}: n = {len(comparison.test):,} test issues ({sizes})"), soft_wrap=True)
    if warning := few(len(comparison.test)):
        output.print(Text(warning, "bold"))
    groups = (sum(PARTS, ()),) if output.width >= WIDE else PARTS
    for columns in groups:
        output.print(_table(made, columns, comparison.main))
    output.print(
        "less main: micro-F1 less that of the main system; * p < 0.05, paired bootstrap over issues", style="dim"
    )
    output.print("gets: issues that get a label; right: of the labels set", style="dim")
    notes: dict[str, list[str]] = {}
    for row in made:
        notes.setdefault(row.worth.result.note, []).append(row.worth.result.name)
    for note, names in notes.items():
        if note:
            output.print(Text(f"{'; '.join(names)}: {note}", "dim"))
    if refitted is not None:
        from eval.reports.snippet import snippet, told

        output.print(Text(f"\n{told(refitted)}\n"))
        output.print(Text(snippet(refitted)), soft_wrap=True)


def _table(rows: Sequence[Row], columns: Sequence[str], main: str) -> Table:
    from labeler.console.tables import right, styled, table

    def cells(row: Row) -> list[Text]:
        style, found = "bold" if row.worth.result.key == main else "", _cells(row)
        return styled(style, [row.worth.result.name]) + styled("", [found[heading] for heading in columns])

    return table(("system", *right(*columns, no_wrap=True)), map(cells, rows))


def _cells(row: Row) -> dict[str, str]:
    """The row's cells by heading."""
    from eval.reports.wording import figure, megabytes, percent, seconds

    result, less = row.worth.result, row.difference
    return {
        "micro-F1 [95 %]": row.micro_f1.cell,
        "less main": f"{less.value:+.3f}{'*' if less.p < 0.05 else ' '}" if less else "main ",
        "macro-F1": figure(row.macro_f1.value),
        "mAP": figure(row.mean_average_precision),
        "gets": percent(row.worth.coverage.value),
        "right": percent(row.worth.precision.value),
        "ECE": figure(row.calibration_error),
        "fit": seconds(result.fit_seconds),
        "an issue": seconds(result.seconds_an_issue),
        "cold": seconds(result.cold_seconds),
        "size": megabytes(result.size_megabytes),
        "memory": megabytes(result.memory_megabytes),
    }
