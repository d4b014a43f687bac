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
    tell_strangers,
)
from labeler.config import Machine
from labeler.console.printing import is_terminal, print_explanations, print_json, print_lines, print_list, warned
from labeler.console.table_options import add_table_options, table_options, tell
from labeler.data.several_files import Read, read_files
from labeler.decision.labelled import Labelled, label_issues
from labeler.errors import InputError, UsageError
from labeler.github.issue_templates import OPTION_HELP, templates_in
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler
from labeler.text.issue import Issue, from_rest

EXAMPLES = """examples:
  python -m labeler --title "Crash when saving" --body "TypeError: x is undefined"
  python -m labeler --file issues.csv --out labelled.csv
  cat issue.md | python -m labeler - --explain-probabilities"""
OUT_KINDS = (".csv", ".tsv", ".jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("issue", nargs="?", help="owner/repo#123, an issue's address, or - for standard input")
    parser.add_argument("--title", help="the issue's title")
    parser.add_argument("--body", default="", help="the issue's text")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="FILE",
        help="issues as .jsonl, .json, .csv, .tsv or .md; may be repeated: results then say which file",
    )
    add_table_options(parser)
    parser.add_argument("--templates", type=Path, metavar="FOLDER", help=OPTION_HELP)
    add_model_options(parser)
    add_policy_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="one JSON object an issue")
    group.add_argument("--explain-probabilities", action="store_true", help="every label's probability and threshold")
    group.add_argument("--out", type=Path, metavar="FILE", help="what --file has and the labels: .csv, .tsv or .jsonl")


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    if arguments.out and arguments.out.suffix.lower() not in OUT_KINDS:
        raise UsageError(f"--out {arguments.out}: unknown kind of file", "Name a .csv, .tsv or .jsonl file.")
    if arguments.out and arguments.out.resolve() in [Path(file).resolve() for file in arguments.file]:
        raise UsageError(f"--out {arguments.out}: the file that is read", "Name another file for the results.")
    policy = policy_from(arguments)
    read = _issues(arguments, machine)
    many = len(read.issues) > 1
    workers = (arguments.threads or available_cores()) if many else 1
    labeler = choice_from(arguments).load(machine, workers=workers)
    check_thresholds(policy, labeler)
    tell_strangers(labeler)
    templates = templates_in(arguments.templates, lambda text: print(text, file=sys.stderr))
    from labeler.console.progress import counted

    with counted(len(read.issues), "labelling") as done:
        results: Iterable[Labelled] = warned(label_issues(read.issues, labeler, policy, done, templates))
        if read.files:
            results = map(Labelled.of_file, results, read.files)
        if arguments.out:
            from labeler.console.results_file import write_results

            write_results(arguments.out, results, labeler, several_files=bool(read.files), kept=read.kept)
        elif is_terminal():
            results = list(results)  # the bar goes before the first line comes
        else:
            _printer(arguments, many)(results, labeler)
    if arguments.out:
        print(f"{len(read.issues)} issues labelled in {arguments.out}", file=sys.stderr)
    elif is_terminal():
        _printer(arguments, many)(results, labeler)
    return 0


def _issues(arguments: argparse.Namespace, machine: Machine) -> Read:
    table = table_options(arguments, arguments.file)
    given = [arguments.issue is not None, arguments.title is not None, bool(arguments.file)]
    if sum(given) > 1:
        raise UsageError("More than one of an issue, --title and --file was given.", "Give one of them.")
    if arguments.title is not None:
        return Read([Issue(title=arguments.title, body=arguments.body)])
    if arguments.body:
        raise UsageError("--body without --title", "Give the issue's title too.")
    if arguments.file or arguments.issue == "-":
        return read_files(arguments.file or ["-"], table, tell)
    if arguments.issue is None:
        raise UsageError("No issue was given.", "Try: python -m labeler --title 'Crash when saving'   (or --help)")
    from labeler.github.target import parse_target

    repository, number = parse_target(arguments.issue)
    issue = from_rest(connect(machine).issue(repository, number), repository)
    if issue.is_pull_request:
        raise InputError(f"{repository}#{number} is a pull request", "Only issues are labelled.")
    return Read([issue])


def _printer(arguments: argparse.Namespace, many: bool) -> Callable[[Iterable[Labelled], Labeler], None]:
    if arguments.json:
        return print_json
    if arguments.explain_probabilities:
        return print_explanations
    return print_list if many else print_lines
