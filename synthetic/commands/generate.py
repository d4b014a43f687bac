"""`python -m synthetic generate`: issues for labels that have few."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.argument_types import positive, whole
from labeler.console.progress import say
from labeler.data.textfile import one_line
from labeler.errors import UsageError
from synthetic.annotating.generation import MOST_IN_VAIN
from synthetic.llm.failures import OverBudget
from synthetic.llm.options import add_spending

if TYPE_CHECKING:
    from synthetic.annotating.generation import Written
    from synthetic.annotating.writer import Writer
    from synthetic.llm.provider import Provider

HELP = "have a large language model write issues for labels with few training rows; they only ever train"
EXAMPLES = """examples:
  python -m synthetic generate data/name --model gemini-2.5-flash --per-label 50 --dry-run
  python -m synthetic generate data/name --model gemini-2.5-flash --per-label 50 --max-cost 1
  python -m synthetic split data/name            # takes them into the dataset

The key is read from the environment variable GEMINI_API_KEY."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with a split dataset.csv")
    parser.add_argument("--model", required=True, metavar="NAME", help="Gemini model")
    parser.add_argument(
        "--per-label", type=positive, required=True, metavar="N", help="training rows that each label is to have"
    )
    parser.add_argument("--label", action="append", default=[], metavar="NAME", help="just for this one; repeatable")
    parser.add_argument(
        "--examples", type=whole, default=3, metavar="N", help="real training issues shown in a request (default: 3)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what is lacking, print a request; send nothing")
    add_spending(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    from synthetic.workspace.lock import alone

    with alone(arguments.folder):
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from labeler.config import environment
    from synthetic.annotating.spending import generate_with_bar
    from synthetic.llm.panel import Asking, open_panel
    from synthetic.workspace.label_file import place_labels

    labels = place_labels(arguments.folder, None, say)
    asking = Asking((arguments.model,), prices=tuple(arguments.price), max_cost=arguments.max_cost)
    panel = open_panel(asking, environment(), asks=not arguments.dry_run)
    writer = panel.writer(labels)
    if unknown := labels.unknown(arguments.label):
        raise UsageError(f"--label: no label {', '.join(unknown)}", f"The labels are: {', '.join(labels.names)}.")
    only = labels.only(arguments.label).names if arguments.label else labels.names
    if arguments.dry_run:
        return _dry_run(arguments, panel.provider, writer, only)
    made = generate_with_bar(arguments.folder, writer, arguments.per_label, only=only, examples=arguments.examples)
    _report(arguments, made, panel.asker.budget.spent)
    if made.error is not None and not isinstance(made.error, OverBudget):
        raise made.error
    return 0


def _dry_run(arguments: argparse.Namespace, provider: Provider, writer: Writer, only: Sequence[str]) -> int:
    from synthetic.annotating.generation_estimate import ASSUMED_ISSUE_TOKENS, estimate_generation

    found = estimate_generation(arguments.folder, writer, arguments.per_label, only=only, examples=arguments.examples)
    if found is None:
        print("no label is short of training rows")
        return 0
    request = provider.wire(found.request)
    if arguments.json:
        document = {"lacking": found.lacking, "requests": found.requests, "cost": found.cost, "request": request}
        print(json.dumps(document, indent=1, ensure_ascii=False))
        return 0
    print(json.dumps(request, indent=1, ensure_ascii=False))
    for name, count in found.lacking.items():
        print(f"{count:>6,}  {one_line(name)}")
    assumed = f"if an issue has {ASSUMED_ISSUE_TOKENS} tokens and none is dropped"
    print(f"about {found.requests:,} requests, ${found.cost:.2f}, {assumed}")
    return 0


def _report(arguments: argparse.Namespace, made: Written, cost: float) -> None:
    if arguments.json:
        figures = {"kept": made.kept, "dropped": made.dropped, "failures": made.failures, "in_vain": made.in_vain}
        print(json.dumps(figures | {"cost": cost}, indent=1, ensure_ascii=False))
        return
    for name, count in made.kept.items():
        print(f"{count:>6,}  {one_line(name)}" + (f" ({made.dropped[name]:,} dropped)" if made.dropped[name] else ""))
    print(f"{sum(made.kept.values()):,} issues written, {sum(made.dropped.values()):,} dropped; ${cost:.4f}")
    for failure, count in Counter(made.failures).most_common(10):
        print(f"  {count:,} × {one_line(failure)}")
    for name in made.in_vain:
        print(f"gave up on {one_line(name)}: nothing new came in {MOST_IN_VAIN} requests; another model may do")
    if isinstance(made.error, OverBudget):
        print(f"stopped before --max-cost {arguments.max_cost:g} is exceeded; run again to go on")
    elif made.error is None:
        print(f"next: python -m synthetic split {arguments.folder}")
