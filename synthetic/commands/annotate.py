"""`python -m synthetic annotate`: large language models label the prepared issues."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.argument_types import positive
from labeler.console.progress import say
from synthetic.llm.options import add_pace, add_spending, thinking

if TYPE_CHECKING:
    from synthetic.annotating.annotate_run import Annotated, Job

HELP = "have large language models label the issues; every answer is kept, and none is paid for twice"
EXAMPLES = """examples:
  python -m synthetic annotate data/name --labels labels.yml --model gemini-2.5-flash --dry-run
  python -m synthetic annotate data/name --model gemini-2.5-flash --model gemini-2.5-flash-lite --samples 2 --max-cost 3
  python -m synthetic annotate data/name --model gemini-2.5-pro --batch     # run it again to collect, hours later

The key is read from the environment variable GEMINI_API_KEY."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with prepared.jsonl")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="labels.yml; becomes the folder's own")
    parser.add_argument("--model", action="append", required=True, metavar="NAME", help="Gemini model; may be repeated")
    parser.add_argument("--samples", type=positive, default=1, metavar="N", help="answers of each model (default: 1)")
    parser.add_argument(
        "--thinking",
        action="append",
        default=[],
        type=thinking,
        metavar="[MODEL=]HOW",
        help="minimal, low, medium or high; for models up to 2.5 a number of tokens (default: the model's own)",
    )
    parser.add_argument("--only", type=Path, metavar="FILE", help="JSON list of the ids of the issues to annotate")
    parser.add_argument("--limit", type=positive, metavar="N", help="at most N issues that lack an answer")
    parser.add_argument("--dry-run", action="store_true", help="print a request and the estimated cost; send nothing")
    add_spending(parser)
    parser.add_argument(
        "--batch", action="store_true", help="by the Batch API: half the price, within a day; run again to collect"
    )
    add_pace(parser)
    parser.add_argument("--tokens-a-minute", type=positive, metavar="N", help="at most about so many tokens a minute")
    parser.add_argument(
        "--retries", type=positive, default=200, metavar="N", help="failed requests to try again in all (default: 200)"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")


def run(arguments: argparse.Namespace) -> int:
    from synthetic.workspace.lock import alone

    with alone(arguments.folder):
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from labeler.config import environment
    from synthetic.annotating.annotate_run import Job, by_batch, one_by_one
    from synthetic.llm.panel import Asking, open_panel
    from synthetic.workspace.label_file import place_labels

    labels = place_labels(arguments.folder, arguments.labels, say)
    asking = Asking(
        tuple(arguments.model), arguments.samples, dict(arguments.thinking), tuple(arguments.price),
        arguments.max_cost, arguments.requests_a_minute, arguments.tokens_a_minute, arguments.retries,
    )  # fmt: skip
    panel = open_panel(asking, environment(), asks=not arguments.dry_run)
    annotators = panel.annotators(labels)
    job = Job(arguments.folder, panel, annotators, arguments.only, arguments.limit, arguments.concurrency, say)
    if arguments.dry_run:
        return _dry_run(arguments, job)
    done = by_batch(job) if arguments.batch else one_by_one(job)
    _report(arguments, done)
    if done.waiting:
        left = f"{done.waiting:,} requests wait with the service for up to a day or two"
        say(f"{left}: run the same command again to collect")
    if done.tally.error is not None and not done.over_budget:
        raise done.tally.error
    return 0


def _dry_run(arguments: argparse.Namespace, job: Job) -> int:
    from synthetic.annotating.annotate_run import what_is_left
    from synthetic.llm.estimate import estimate, print_estimate

    made = what_is_left(job, batched=arguments.batch)
    if not made.tasks:
        say("nothing is left to ask")
        return 0
    first = made.tasks[0]
    request = job.panel.provider.wire(first.annotator.request(first.issue.issue)[0])
    rows = estimate(made.tasks, made.measured, job.concurrency)
    if arguments.json:
        print(json.dumps({"request": request, "estimate": [asdict(row) for row in rows]}, indent=1))
        return 0
    print(json.dumps(request, indent=1, ensure_ascii=False))
    print_estimate(rows)
    return 0


def _report(arguments: argparse.Namespace, done: Annotated) -> None:
    if arguments.json:
        print(json.dumps(done.figures(), indent=1))
        return
    print("\n".join(done.lines()))
    if done.over_budget:
        print(f"stopped before --max-cost {arguments.max_cost:g} is exceeded; run again to go on")
    elif done.tally.error is None and not done.left:
        print(f"next: python -m synthetic agreement {arguments.folder}")
