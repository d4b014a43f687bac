"""`python -m synthetic generate`: issues for labels that have few."""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.argument_types import dollars, positive, whole
from labeler.console.progress import counted_with, say
from labeler.data.textfile import one_line
from labeler.errors import UsageError
from synthetic.annotating.generation import MOST_IN_VAIN
from synthetic.llm.failures import OverBudget

if TYPE_CHECKING:
    from labeler.data.dataset import Row
    from labeler.labels.label_set import LabelSet
    from synthetic.annotating.generation import Written
    from synthetic.annotating.writer import Writer

HELP = "have a large language model write issues for labels with few training rows; they only ever train"
EXAMPLES = """examples:
  python -m synthetic generate data/name --model gemini-2.5-flash --per-label 50 --dry-run
  python -m synthetic generate data/name --model gemini-2.5-flash --per-label 50 --max-cost 1
  python -m synthetic split data/name            # takes them into the dataset

The key is read from the environment variable GEMINI_API_KEY."""

ASSUMED_ISSUE_TOKENS = 250


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
    parser.add_argument("--max-cost", type=dollars, metavar="USD", help="stop before this run costs more")
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="[MODEL=]IN,OUT",
        help="US dollars a million tokens, for a model without a list price",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    from synthetic.workspace.lock import alone

    with alone(arguments.folder):
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from labeler.config import GeminiAccess, environment, read_gemini
    from synthetic.annotating.generation import generate, lacking, read_written, training_rows
    from synthetic.annotating.writer import Writer
    from synthetic.llm.asking import Asker
    from synthetic.llm.cost import Budget, prices
    from synthetic.llm.gemini import Gemini
    from synthetic.workspace.label_file import place_labels

    labels = place_labels(arguments.folder, None, say)
    model = arguments.model.removeprefix("models/")
    price = prices(arguments.price, [model], date.today())[model]
    gemini = Gemini(GeminiAccess("none") if arguments.dry_run else read_gemini(environment()))
    writer = Writer(model, labels, price, Asker(gemini, budget=Budget(arguments.max_cost)))
    wanted = _wanted(arguments.label, labels)
    rows = training_rows(arguments.folder)
    lacks = lacking(wanted, rows, read_written(arguments.folder), arguments.per_label)
    if arguments.dry_run:
        return _dry_run(arguments, writer, rows, lacks)
    with counted_with(sum(lacks.values()), "writing", "${:.4f}") as advance:

        def kept(count: int) -> None:
            for _ in range(count):
                advance(writer.asker.budget.spent)

        made = generate(
            arguments.folder, writer, arguments.per_label, only=wanted, examples=arguments.examples, on_request=kept
        )
    _report(arguments, made, writer.asker.budget.spent)
    if made.error is not None and not isinstance(made.error, OverBudget):
        raise made.error
    return 0


def _wanted(only: Sequence[str], labels: LabelSet) -> tuple[str, ...]:
    if unknown := labels.unknown(only):
        raise UsageError(f"--label: no label {', '.join(unknown)}", f"The labels are: {', '.join(labels.names)}.")
    return labels.only(only).names if only else labels.names


def _dry_run(arguments: argparse.Namespace, writer: Writer, rows: Sequence[Row], lacks: Mapping[str, int]) -> int:
    from synthetic.annotating.generation import AT_ONCE
    from synthetic.llm.cost import estimated_tokens
    from synthetic.llm.gemini import wire

    if not lacks:
        print("no label is short of training rows")
        return 0
    label = next(iter(lacks))
    shown = [row for row in rows if label in row.labels][: arguments.examples]
    request = writer.request(label, min(AT_ONCE, lacks[label]), shown, (), seed=1)
    requests = sum(math.ceil(count / AT_ONCE) for count in lacks.values())
    tokens = estimated_tokens(request, {}, writer.price) | {"output": AT_ONCE * ASSUMED_ISSUE_TOKENS}
    cost = requests * writer.price.of(tokens)
    if arguments.json:
        document = {"lacking": dict(lacks), "requests": requests, "cost": cost, "request": wire(request)}
        print(json.dumps(document, indent=1, ensure_ascii=False))
        return 0
    print(json.dumps(wire(request), indent=1, ensure_ascii=False))
    for name, count in lacks.items():
        print(f"{count:>6,}  {one_line(name)}")
    print(
        f"about {requests:,} requests, ${cost:.2f}, if an issue has {ASSUMED_ISSUE_TOKENS} tokens and none is dropped"
    )
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
