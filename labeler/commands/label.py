"""Label issues and print the labels."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from labeler.commands.common import (
    add_model_options,
    add_policy_options,
    check_thresholds,
    choice_from,
    connect,
    policy_from,
)
from labeler.config import Machine
from labeler.console.printing import is_terminal, print_explanations, print_json, print_lines, print_list
from labeler.decision.labelled import Labelled, label_issues
from labeler.errors import InputError, UsageError
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler
from labeler.text.issue import Issue, from_rest

EXAMPLES = """examples:
  python -m labeler --title "Crash when saving" --body "TypeError: x is undefined"
  python -m labeler --file issues.csv --out labelled.csv
  cat issue.md | python -m labeler - --explain-probabilities"""
OUT_KINDS = (".csv", ".jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("issue", nargs="?", help="owner/repo#123, an issue's address, or - for standard input")
    parser.add_argument("--title", help="the issue's title")
    parser.add_argument("--body", default="", help="the issue's text")
    parser.add_argument("--file", metavar="FILE", help="issues as .jsonl, .json, .csv or .md")
    add_model_options(parser)
    add_policy_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="one JSON object an issue")
    group.add_argument("--explain-probabilities", action="store_true", help="every label's probability and threshold")
    group.add_argument("--out", type=Path, metavar="FILE", help="write the results to a .csv or .jsonl file")


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    if arguments.out and arguments.out.suffix.lower() not in OUT_KINDS:
        raise UsageError(f"--out {arguments.out}: unknown kind of file", "Name a .csv or .jsonl file.")
    if arguments.out and arguments.file and Path(arguments.file).resolve() == arguments.out.resolve():
        raise UsageError(f"--out {arguments.out}: the file that is read", "Name another file for the results.")
    policy = policy_from(arguments)
    issues = _issues(arguments, machine)
    many = len(issues) > 1
    workers = (arguments.threads or available_cores()) if many else 1
    labeler = choice_from(arguments).load(machine, workers=workers)
    check_thresholds(policy, labeler)
    from labeler.console.progress import counted

    with counted(len(issues), "labelling") as done:
        results: Iterable[Labelled] = label_issues(issues, labeler, policy, done)
        if arguments.out:
            from labeler.console.results_file import write_results

            write_results(arguments.out, results, labeler)
        elif is_terminal():
            results = list(results)  # the bar goes before the first line comes
        else:
            _printer(arguments, many)(results, labeler)
    if arguments.out:
        print(f"{len(issues)} issues labelled in {arguments.out}", file=sys.stderr)
    elif is_terminal():
        _printer(arguments, many)(results, labeler)
    return 0


def _issues(arguments: argparse.Namespace, machine: Machine) -> list[Issue]:
    given = [arguments.issue is not None, arguments.title is not None, arguments.file is not None]
    if sum(given) > 1:
        raise UsageError("More than one of an issue, --title and --file was given.", "Give one of them.")
    if arguments.title is not None:
        return [Issue(title=arguments.title, body=arguments.body)]
    if arguments.body:
        raise UsageError("--body without --title", "Give the issue's title too.")
    if arguments.file is not None or arguments.issue == "-":
        from labeler.data.issue_files import read_issues

        source = arguments.file or arguments.issue
        issues = list(read_issues(source))
        if not issues:
            raise InputError(f"{source}: no issues in it", "Check the file.")
        return issues
    if arguments.issue is None:
        raise UsageError("No issue was given.", "Try: python -m labeler --title 'Crash when saving'   (or --help)")
    from labeler.github.target import parse_target

    repository, number = parse_target(arguments.issue)
    return [from_rest(connect(machine).issue(repository, number), repository)]


def _printer(arguments: argparse.Namespace, many: bool) -> Callable[[Iterable[Labelled], Labeler], None]:
    if arguments.json:
        return print_json
    if arguments.explain_probabilities:
        return print_explanations
    return print_list if many else print_lines
