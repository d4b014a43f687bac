"""`python -m synthetic annotate`: large language models label the prepared issues."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.argument_types import dollars, positive
from labeler.console.progress import counted_with, say
from labeler.data.textfile import one_line
from synthetic.llm.failures import OverBudget

if TYPE_CHECKING:
    from labeler.labels.label_set import LabelSet
    from synthetic.annotating.annotation import Tally
    from synthetic.annotating.plan import Plan, Task
    from synthetic.llm.asking import Asker
    from synthetic.llm.gemini import Annotator, Gemini

HELP = "have large language models label the issues; every answer is kept, and none is paid for twice"
EXAMPLES = """examples:
  python -m synthetic annotate data/name --labels labels.yml --model gemini-2.5-flash --dry-run
  python -m synthetic annotate data/name --model gemini-2.5-flash --model gemini-2.5-flash-lite --samples 2 --max-cost 3
  python -m synthetic annotate data/name --model gemini-2.5-pro --batch     # run it again to collect, hours later

The key is read from the environment variable GEMINI_API_KEY."""
THINKING = ("minimal", "low", "medium", "high")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with prepared.jsonl")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="labels.yml; becomes the folder's own")
    parser.add_argument("--model", action="append", required=True, metavar="NAME", help="Gemini model; may be repeated")
    parser.add_argument("--samples", type=positive, default=1, metavar="N", help="answers of each model (default: 1)")
    parser.add_argument(
        "--thinking",
        action="append",
        default=[],
        type=_thinking,
        metavar="[MODEL=]HOW",
        help="minimal, low, medium or high; for models up to 2.5 a number of tokens (default: the model's own)",
    )
    parser.add_argument("--only", type=Path, metavar="FILE", help="JSON list of the ids of the issues to annotate")
    parser.add_argument("--limit", type=positive, metavar="N", help="at most N issues that lack an answer")
    parser.add_argument("--dry-run", action="store_true", help="print a request and the estimated cost; send nothing")
    parser.add_argument("--max-cost", type=dollars, metavar="USD", help="stop before this run costs more")
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="[MODEL=]IN,OUT",
        help="US dollars a million tokens, for a model without a list price",
    )
    parser.add_argument(
        "--batch", action="store_true", help="by the Batch API: half the price, within a day; run again to collect"
    )
    parser.add_argument("--concurrency", type=positive, default=8, metavar="N", help="requests at a time (default: 8)")
    parser.add_argument("--requests-a-minute", type=positive, metavar="N", help="at most so many requests a minute")
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
    from labeler.config import GeminiAccess, environment, read_gemini
    from synthetic.llm.asking import Asker
    from synthetic.llm.cost import Budget
    from synthetic.llm.gemini import Gemini
    from synthetic.llm.pace import Pace
    from synthetic.workspace.label_file import place_labels

    labels = place_labels(arguments.folder, arguments.labels, say)
    # A dry run needs no key, as it sends nothing.
    gemini = Gemini(GeminiAccess("none") if arguments.dry_run else read_gemini(environment()))
    pace = Pace(arguments.requests_a_minute, arguments.tokens_a_minute, retries=arguments.retries)
    asker = Asker(gemini, pace, Budget(arguments.max_cost))
    annotators = _annotators(arguments, labels, asker)
    if arguments.dry_run:
        return _dry_run(arguments, annotators)
    if arguments.batch:
        return _batch(arguments, annotators, gemini)
    return _one_by_one(arguments, annotators, asker, gemini)


def _annotators(arguments: argparse.Namespace, labels: LabelSet, asker: Asker) -> list[Annotator]:
    from synthetic.llm.cost import prices
    from synthetic.llm.gemini import Annotator

    models = list(dict.fromkeys(model.removeprefix("models/") for model in arguments.model))
    found = prices(arguments.price, models, date.today())
    thinking: dict[str, str] = dict(arguments.thinking)
    return [
        Annotator(model, labels, found[model], asker, sample=sample, thinking=thinking.get(model, thinking.get("", "")))
        for model in models
        for sample in range(1, arguments.samples + 1)
    ]


def _plan(arguments: argparse.Namespace, annotators: Sequence[Annotator]) -> Plan:
    from synthetic.annotating.plan import plan, read_only
    from synthetic.llm.batch import read_jobs, under_way

    only = read_only(arguments.only) if arguments.only else None
    held = list(under_way(read_jobs(arguments.folder)))
    made = plan(arguments.folder, annotators, only=only, limit=arguments.limit, under_way=held)
    if made.answered:
        say(f"{made.answered:,} answers are there already")
    if made.failed:
        say(f"{made.failed:,} that failed before are tried again")
    if made.other_prompts:
        say(f"{made.other_prompts:,} answers are to another prompt or label list: they stay, and do not count")
    if held and not arguments.batch:
        say(f"{len(held):,} wait in a batch: collect them by --batch")
    return made


def _dry_run(arguments: argparse.Namespace, annotators: Sequence[Annotator]) -> int:
    from synthetic.llm.estimate import estimate, print_estimate
    from synthetic.llm.gemini import wire

    made = _plan(arguments, annotators)
    if not made.tasks:
        say("nothing is left to ask")
        return 0
    first = made.tasks[0]
    request = wire(first.annotator.request(first.issue.issue)[0])
    rows = estimate(made.tasks, made.measured, arguments.concurrency)
    if arguments.json:
        print(json.dumps({"request": request, "estimate": [asdict(row) for row in rows]}, indent=1))
        return 0
    print(json.dumps(request, indent=1, ensure_ascii=False))
    print_estimate(rows)
    return 0


def _one_by_one(arguments: argparse.Namespace, annotators: Sequence[Annotator], asker: Asker, gemini: Gemini) -> int:
    from synthetic.annotating.annotation import annotate

    made = _plan(arguments, annotators)
    total = len(made.tasks)

    def interrupted(under_way: int) -> None:
        say(f"waiting for {under_way} requests under way, which are paid; Ctrl-C again drops them")

    with _caches(arguments, made.tasks, gemini) as caches, counted_with(total, "asking", "${:.4f}") as advance:
        tally = annotate(
            arguments.folder,
            made.tasks,
            asker.pace,
            concurrency=arguments.concurrency,
            caches=caches,
            on_answer=lambda answer: advance(asker.budget.spent),
            on_interrupt=interrupted,
        )
    # What a task cost that was given up half-way is in no answer, but it is spent.
    tally.cost = asker.budget.spent
    _report(arguments, tally, total)
    if tally.error is not None and not isinstance(tally.error, OverBudget):
        raise tally.error
    return 0


@contextmanager
def _caches(arguments: argparse.Namespace, tasks: Sequence[Task], gemini: Gemini) -> Iterator[dict[str, str]]:
    """Keeps the instruction with the service where that pays, for as long as the run lasts."""
    from synthetic.llm.estimate import estimate

    made: dict[str, str] = {}
    annotators = {task.annotator.model: task.annotator for task in tasks}
    try:
        for row in estimate(tasks, {}, arguments.concurrency):
            if row.caching_pays and row.model not in made:
                made[row.model] = gemini.cache(
                    row.model, annotators[row.model].prompt.system, round(2 * 3600 * row.hours) + 600
                )
                say(f"the instruction is cached: {row.caching}")
        yield made
    finally:
        for name in made.values():
            gemini.drop_cache(name)


def _batch(arguments: argparse.Namespace, annotators: Sequence[Annotator], gemini: Gemini) -> int:
    from synthetic.annotating.annotation import Tally
    from synthetic.llm.batch import ENDED, adopt, collect, submit

    if adopted := adopt(arguments.folder, gemini):
        say(f"{adopted} batch jobs were created though their names were not saved: found again")
    tally = Tally()
    jobs = collect(arguments.folder, gemini, tally.count)
    made = _plan(arguments, annotators)
    done = submit(arguments.folder, gemini, made.tasks, arguments.max_cost)
    if done.jobs:
        cost = f"about ${done.about:.2f}, at most ${done.at_most:.2f}"
        say(f"submitted {done.tasks:,} requests in {done.jobs} batch jobs: {cost}")
    if done.left:
        say(f"{done.left:,} requests are left out: they could lead over --max-cost {arguments.max_cost:g}")
    count = sum(len(job.issues) for job in jobs if job.state != ENDED) + done.tasks
    _report(arguments, tally, tally.labelled + tally.failed + count + done.left)
    if count:
        say(f"{count:,} requests wait with the service for up to a day or two: run the same command again to collect")
    return 0


def _report(arguments: argparse.Namespace, tally: Tally, total: int) -> None:
    if arguments.json:
        figures = {"labelled": tally.labelled, "failed": tally.failed, "errors": tally.errors, "cost": tally.cost}
        print(json.dumps(figures | {"left": total - tally.labelled - tally.failed}, indent=1))
        return
    left = total - tally.labelled - tally.failed
    print(f"{tally.labelled:,} answers, {tally.failed:,} failures, {left:,} left; ${tally.cost:.4f}")
    for error, count in sorted(tally.errors.items(), key=lambda one: -one[1])[:10]:
        print(f"  {count:,} × {one_line(error)}")
    if isinstance(tally.error, OverBudget):
        print(f"stopped before --max-cost {arguments.max_cost:g} is exceeded; run again to go on")
    elif tally.error is None and not left:
        print(f"next: python -m synthetic agreement {arguments.folder}")


def _thinking(text: str) -> tuple[str, str]:
    model, _, how = text.rpartition("=")
    if how not in THINKING and not how.isdecimal():
        raise argparse.ArgumentTypeError(f"one of {', '.join(THINKING)}, or a number of tokens")
    return model, how
