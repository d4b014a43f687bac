"""`python -m synthetic build`: from a repository to a dataset in one go."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.argument_types import positive
from labeler.console.progress import say
from labeler.errors import UsageError
from synthetic.llm.options import add_pace, add_spending

if TYPE_CHECKING:
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
    add_spending(group)
    add_pace(group)
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
    from synthetic.build_report import show
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
        show(built, arguments.out, arguments.max_cost)
    return 0


def _recipe(arguments: argparse.Namespace) -> Recipe:
    """Everything that can be wrong with the options is found here, before anything is fetched or paid."""
    from labeler.config import environment, read_machine
    from labeler.fetch.hub_upload import check_name
    from synthetic.dataset.splitting import Wanted as Splitting
    from synthetic.fetching.fetcher import Wanted as Fetching
    from synthetic.fetching.origin import check_repository
    from synthetic.llm.panel import Asking, open_panel
    from synthetic.recipe import Publishing, Recipe, Writing
    from synthetic.workspace.label_file import place_labels

    check_repository(arguments.repository)
    if arguments.per_label and not arguments.model:
        raise UsageError("--per-label has issues written, and no --model is given", "Name the model.")
    if arguments.publish:
        check_name(arguments.publish)
    machine = read_machine(environment())
    labels = place_labels(arguments.out, arguments.labels, say)
    asking = Asking(
        tuple(arguments.model), arguments.samples, prices=tuple(arguments.price), max_cost=arguments.max_cost,
        requests_a_minute=arguments.requests_a_minute,
    )  # fmt: skip
    panel = open_panel(asking, environment(), asks=not arguments.dry_run)
    api_url = (arguments.api_url or machine.github_api_url).rstrip("/")
    return Recipe(
        labels=labels,
        fetching=Fetching(arguments.repository, api_url, events=arguments.events, limit=arguments.limit),
        machine=machine,
        asker=panel.asker,
        annotators=panel.annotators(labels),
        concurrency=arguments.concurrency,
        splitting=Splitting(seed=arguments.seed),
        writing=Writing(panel.writer(labels), arguments.per_label) if arguments.per_label else None,
        publishing=Publishing(arguments.publish, arguments.private) if arguments.publish else None,
    )


def _dry_run(arguments: argparse.Namespace, recipe: Recipe) -> int:
    from synthetic.llm.estimate import print_estimate
    from synthetic.pipeline import what_it_costs

    rows = what_it_costs(arguments.out, recipe, say)
    if arguments.json:
        print(json.dumps({"estimate": [asdict(row) for row in rows]}, indent=1))
    elif rows:
        print_estimate(rows)
    else:
        print("nothing is left to ask")
    return 0
