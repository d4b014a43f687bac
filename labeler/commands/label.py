"""Label issues and print the labels."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.commands.common import (
    add_model_options,
    add_policy_options,
    check_thresholds,
    connect,
    is_terminal,
    load_from,
    parse_target,
    policy_from,
    tell_strangers,
)
from labeler.config import Machine
from labeler.data.textfile import one_line
from labeler.decision.decide import Decision, Policy, decide
from labeler.errors import InputError, UsageError
from labeler.files import replaced
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler, Prediction
from labeler.text.answer import SEPARATOR
from labeler.text.issue import Issue, from_rest

EXAMPLES = """examples:
  python -m labeler --title "Crash when saving" --body "TypeError: x is undefined"
  python -m labeler --file issues.csv --out labelled.csv
  cat issue.md | python -m labeler - --explain-probabilities"""
OUT_KINDS = (".csv", ".jsonl")
_PART = 64  # issues worked on together


@dataclass(frozen=True)
class Labelled:
    """One issue with what the model says and what the policy makes of it."""

    issue: Issue
    prediction: Prediction
    decision: Decision

    @property
    def labels(self) -> tuple[str, ...]:
        return self.decision.add

    def document(self, labeler: Labeler) -> dict[str, Any]:
        """The JSON form of one result."""
        issue = self.issue
        known = {"id": issue.id, "repository": issue.repository, "number": issue.number}
        return {
            **{key: value for key, value in known.items() if value},
            "title": issue.title,
            "labels": list(self.labels),
            "probabilities": {name: round(p, 4) for name, p in self.prediction.probabilities.items()},
            "thresholds": {row.label: row.threshold for row in self.decision.rows},
            "model": f"{labeler.card.name} {labeler.card.version}",
            "seconds": round(self.prediction.seconds, 4),
        }


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
    labeler = load_from(arguments, machine, workers=(arguments.threads or available_cores()) if many else 1)
    check_thresholds(policy, labeler)
    tell_strangers(labeler)
    from labeler.console.progress import counted

    with counted(len(issues), "labelling") as done:
        results: Iterable[Labelled] = _labelled(issues, labeler, policy, done)
        if arguments.out:
            _write(arguments.out, results, labeler)
        elif is_terminal():
            results = list(results)  # the bar goes before the first line comes
        else:
            _printer(arguments, many)(results, labeler)
    if arguments.out:
        print(f"{len(issues)} issues labelled in {arguments.out}", file=sys.stderr)
    elif is_terminal():
        _printer(arguments, many)(results, labeler)
    return 0


def _labelled(
    issues: Sequence[Issue], labeler: Labeler, policy: Policy, done: Callable[[], None]
) -> Iterator[Labelled]:
    """Results in the issues' order, a part of the file at a time, so that they can be seen as they come."""
    for start in range(0, len(issues), _PART):
        part = issues[start : start + _PART]
        for issue, said in zip(part, labeler.predict_many(part, done), strict=True):
            yield Labelled(issue, said, decide(said.probabilities, labeler.labels, labeler.thresholds, policy))


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
    repository, number = parse_target(arguments.issue)
    return [from_rest(connect(machine).issue(repository, number), repository)]


def _printer(arguments: argparse.Namespace, many: bool) -> Callable[[Iterable[Labelled], Labeler], None]:
    if arguments.json:
        return _print_json
    if arguments.explain_probabilities:
        return _print_explanations
    return _print_list if many else _print_line


def _print_json(results: Iterable[Labelled], labeler: Labeler) -> None:
    for result in results:
        print(json.dumps(result.document(labeler), ensure_ascii=False))


def _print_line(results: Iterable[Labelled], labeler: Labeler) -> None:
    for result in results:
        print(SEPARATOR.join(result.labels))
        if not result.labels and is_terminal():
            print("no label reaches its threshold: --explain-probabilities shows how near they come", file=sys.stderr)


def _print_list(results: Iterable[Labelled], labeler: Labeler) -> None:
    if is_terminal():
        from labeler.console.terminal import print_list

        print_list(results)
        return
    for result in results:
        issue = result.issue
        name = f"{issue.repository}#{issue.number}" if issue.number else issue.id
        print("\t".join((name, SEPARATOR.join(result.labels), one_line(issue.title))))


def _print_explanations(results: Iterable[Labelled], labeler: Labeler) -> None:
    from labeler.console.terminal import print_explanation

    for result in results:
        print_explanation(result, labeler.card)


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: titles are strangers' text."""
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def _write(path: Path, results: Iterable[Labelled], labeler: Labeler) -> None:
    """Writes all results or none: a temporary file beside the target, then a rename."""
    import csv

    try:
        with replaced(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
            if path.suffix.lower() == ".jsonl":
                file.writelines(json.dumps(r.document(labeler), ensure_ascii=False) + "\n" for r in results)
            else:
                names = labeler.labels.names
                table = csv.writer(file)
                table.writerow(["id", "repo", "number", "title", "labels", *(f"p({name})" for name in names)])
                for r in results:
                    numbers = [f"{r.prediction.probabilities[name]:.4f}" for name in names]
                    issue, labels = r.issue, SEPARATOR.join(r.labels)
                    title = _cell(one_line(issue.title))
                    table.writerow([issue.id, issue.repository, issue.number or "", title, labels, *numbers])
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror}", "Name a file in a folder that exists."
        ) from error
