"""`python -m synthetic build`: from a repository to a dataset in one go."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.argument_types import dollars, positive
from labeler.console.progress import say
from labeler.errors import UsageError

if TYPE_CHECKING:
    from synthetic.pipeline import Built
    from synthetic.recipe import Recipe

HELP = "fetch, prepare, annotate, compare, split, and if asked generate and publish: all in one go, resumable"
EXAMPLES = """examples:
  python -m synthetic build owner/name --labels labels.yml --model gemini-2.5-flash --out data/name --dry-run
  python -m synthetic build owner/name --labels labels.yml --model gemini-2.5-flash --out data/name --max-cost 5
  python -m synthetic build owner/name --labels labels.yml --out data/name          # with the repository's own labels

Run the same command again to go on after a break, or when there are new issues: what has not changed is not done again.
Keys are read from the environment: GITHUB_TOKEN, GEMINI_API_KEY, HF_TOKEN."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repository", help="owner/name on GitHub")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the working folder")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="labels.yml; becomes the folder's own")
    group = parser.add_argument_group("issues")
    group.add_argument("--events", action="store_true", help="fetch who set which label too: a request an issue")
    group.add_argument("--api-url", metavar="URL", help="of a GitHub Enterprise, such as https://HOST/api/v3")
    group.add_argument("--limit", type=positive, metavar="N", help="fetch at most N issues in this run")
    group = parser.add_argument_group("annotators")
    group.add_argument(
        "--model", action="append", default=[], metavar="NAME", help="Gemini model; may be repeated; default: none"
    )
    group.add_argument("--samples", type=positive, default=1, metavar="N", help="answers of each model (default: 1)")
    group.add_argument("--max-cost", type=dollars, metavar="USD", help="stop before this run costs more")
    group.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="[MODEL=]IN,OUT",
        help="US dollars a million tokens, for a model without a list price",
    )
    group.add_argument("--concurrency", type=positive, default=8, metavar="N", help="requests at a time (default: 8)")
    group.add_argument("--requests-a-minute", type=positive, metavar="N", help="at most so many requests a minute")
    group.add_argument(
        "--per-label", type=positive, metavar="N", help="have the first model write issues for labels with fewer rows"
    )
    group = parser.add_argument_group("publishing")
    group.add_argument("--publish", metavar="OWNER/NAME", help="upload the dataset to the Hugging Face Hub")
    group.add_argument("--private", action="store_true", help="to a private repository")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the split (default: 0)")
    parser.add_argument("--dry-run", action="store_true", help="fetch and prepare, then say what the rest would cost")
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")


def run(arguments: argparse.Namespace) -> int:
    from synthetic.pipeline import build
    from synthetic.workspace.lock import alone

    with alone(arguments.out, make=True):
        recipe = _recipe(arguments)
        if arguments.dry_run:
            return _dry_run(arguments, recipe)
        built = build(arguments.out, recipe, say)
    if arguments.json:
        print(json.dumps(asdict(built), indent=1, ensure_ascii=False))
    else:
        _show(built)
        print(_next(arguments, built))
    return 0


def _recipe(arguments: argparse.Namespace) -> Recipe:
    """Everything that can be wrong with the options is found here, before anything is fetched or paid."""
    from labeler.config import GeminiAccess, environment, read_gemini, read_machine
    from labeler.fetch.hub_upload import check_name
    from synthetic.annotating.writer import Writer
    from synthetic.dataset.splitting import Wanted as Splitting
    from synthetic.fetching.fetcher import Wanted as Fetching
    from synthetic.llm.asking import Asker
    from synthetic.llm.cost import Budget, prices
    from synthetic.llm.gemini import Annotator, Gemini
    from synthetic.llm.pace import Pace
    from synthetic.recipe import Publishing, Recipe, Writing
    from synthetic.workspace.label_file import place_labels

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", arguments.repository, re.ASCII):
        raise UsageError(f"'{arguments.repository}' does not name a repository.", "Write owner/name.")
    if arguments.per_label and not arguments.model:
        raise UsageError("--per-label has issues written, and no --model is given", "Name the model.")
    if arguments.publish:
        check_name(arguments.publish)
    environ = environment()
    machine = read_machine(environ)
    labels = place_labels(arguments.out, arguments.labels, say)
    models = list(dict.fromkeys(model.removeprefix("models/") for model in arguments.model))
    price = prices(arguments.price, models, date.today())
    gemini = Gemini(read_gemini(environ) if models and not arguments.dry_run else GeminiAccess("none"))
    asker = Asker(gemini, Pace(arguments.requests_a_minute), Budget(arguments.max_cost))
    samples = range(1, arguments.samples + 1)
    api_url = (arguments.api_url or machine.github_api_url).rstrip("/")
    per_label, to = arguments.per_label, arguments.publish
    return Recipe(
        labels=labels,
        fetching=Fetching(arguments.repository, api_url, events=arguments.events, limit=arguments.limit),
        machine=machine,
        asker=asker,
        annotators=[Annotator(model, labels, price[model], asker, sample=n) for model in models for n in samples],
        concurrency=arguments.concurrency,
        splitting=Splitting(seed=arguments.seed),
        writing=Writing(Writer(models[0], labels, price[models[0]], asker), per_label) if per_label else None,
        publishing=Publishing(to, arguments.private) if to else None,
    )


def _dry_run(arguments: argparse.Namespace, recipe: Recipe) -> int:
    from synthetic.llm.estimate import estimate, print_estimate
    from synthetic.pipeline import rehearse, what_is_left

    rehearse(arguments.out, recipe, say)
    planned = what_is_left(arguments.out, recipe)
    rows = estimate(planned.tasks, planned.measured, arguments.concurrency)
    if arguments.json:
        print(json.dumps({"estimate": [asdict(row) for row in rows]}, indent=1))
    elif rows:
        print_estimate(rows)
    else:
        print("nothing is left to ask")
    return 0


def _show(built: Built) -> None:
    from rich.table import Column

    from labeler.console.tables import right, styled, table
    from labeler.console.terminal import console

    numbers = right("rows", "cost", "time", no_wrap=True)
    columns = (Column("step", no_wrap=True), *numbers, Column("what", overflow="fold"))
    rows = []
    for one in built.steps:
        cost = f"${one.made.cost:.4f}" if one.made.cost else ""
        took = "as before" if one.skipped else f"{one.seconds:,.1f} s"
        cells = (one.step, f"{one.made.rows:,}", cost, took, one.made.what)
        rows.append(styled("dim" if one.skipped else "", cells))
    total, seconds = sum(one.made.cost for one in built.steps), sum(one.seconds for one in built.steps)
    so_far = f"${built.cost:.4f} in all runs" if built.cost else ""
    rows.append(styled("bold", ("together", "", f"${total:.4f}" if total else "", f"{seconds:,.1f} s", so_far)))
    console().print(table(columns, rows))


def _next(arguments: argparse.Namespace, built: Built) -> str:
    if built.over_budget:
        return f"stopped before --max-cost {arguments.max_cost:g} is exceeded; run the same command again to go on"
    if built.undecided:
        first = f"python -m synthetic review {arguments.out}"
        return f"next: {first}   ({built.undecided:,} issues on which the annotators disagree), then this command again"
    return f"next: python -m training run --data {arguments.out / 'dataset.csv'} --out runs/{arguments.out.name}"
