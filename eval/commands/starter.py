"""`python -m eval starter`: what the model that ships is worth, beside other systems."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path

from labeler.console.argument_types import positive
from labeler.errors import UsageError

HELP = """measure a model on issues kept out of its training, beside TF-IDF + logistic regression on the same rows

sets: dev (issues of the training sources), five (repositories of the NLBSE'24 set), ten (unseen issues of seen
projects, all ten labels as a large model sets them), lists (label lists never seen), forms (the issues of ten inside
issue forms), forms_unseen (inside others, by which nothing was chosen), junk (texts that deserve no label, and thin
ones that do), fresh (the same, written when all was fitted), languages"""
EXAMPLES = """examples:
  python -m eval starter --data DATA --model labeler/starter
  python -m eval starter --data DATA --model runs/new/bundle --earlier labeler/starter --sets ten,lists --limit 200
  python -m eval starter --data DATA --model labeler/starter --results eval/starter/results.json --write-card

A broken run goes on where it was: answers are kept in the folder --out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder of the gzipped issues")
    parser.add_argument("--model", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--base", type=Path, metavar="BUNDLE", help="the same for the model before it was tuned")
    parser.add_argument("--earlier", type=Path, metavar="BUNDLE", help="and for a release before")
    parser.add_argument("--sets", default="all", help="the sets to measure on, between commas (default: all)")
    parser.add_argument("--limit", type=positive, metavar="N", help="no more than N issues of a set, drawn at random")
    parser.add_argument(
        "--tuned-on", default="", metavar="SETS", help="sets that the model was tuned on, where its record does not say"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/eval-starter"), help="folder for answers and results")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--write-card", action="store_true", help="put the figures into the bundle and its card")
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")


def run(arguments: argparse.Namespace) -> int:
    from eval.starter.board import Wanted, measure, write_results
    from eval.starter.page import print_scores

    roles = {"model": arguments.model, "earlier": arguments.earlier, "base": arguments.base}
    wanted = Wanted(
        arguments.data,
        {role: path for role, path in roles.items() if path is not None},
        arguments.out,
        _sets(arguments.sets),
        arguments.limit,
        _sets(arguments.tuned_on) if arguments.tuned_on else (),
        _command(arguments),
    )
    results = measure(wanted)
    for path in filter(None, (arguments.out / "results.json", arguments.results)):
        write_results(results, path)
    if arguments.write_card:
        from eval.starter.card_section import write_card

        write_card(arguments.model, results)
    if arguments.json:
        print(json.dumps(results, indent=1))
    else:
        print_scores(results)
    return 0


def _sets(text: str) -> tuple[str, ...]:
    """The sets of "all" or a list, in the order of the scoreboard."""
    from eval.starter.sets import SETS

    names = {name.strip() for name in text.split(",") if name.strip()}
    if names == {"all"}:
        return tuple(SETS)
    if unknown := sorted(names - set(SETS)):
        raise UsageError(f"{unknown[0]}: no such set", f"Choose among {', '.join(SETS)}, or all.")
    if not names:
        raise UsageError("an empty list of sets", f"Choose among {', '.join(SETS)}, or all.")
    return tuple(name for name in SETS if name in names)


def _command(arguments: argparse.Namespace) -> str:
    """What was run, without the folders of this machine."""
    words = ["python", "-m", "eval", "starter", "--data", "DATA"]
    for option in ("model", "earlier", "base"):
        path = getattr(arguments, option)
        if path is not None:
            words += [f"--{option}", path.name if path.is_absolute() else path.as_posix()]
    if arguments.sets != "all":
        words += ["--sets", arguments.sets]
    if arguments.limit is not None:
        words += ["--limit", str(arguments.limit)]
    if arguments.tuned_on:
        words += ["--tuned-on", arguments.tuned_on]
    return shlex.join(words)
