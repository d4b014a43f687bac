"""Results of labelling on standard output: for a person at a terminal, or for the program behind a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

from labeler.data.textfile import one_line
from labeler.decision.labelled import Labelled
from labeler.model.predict import Labeler
from labeler.text.answer import SEPARATOR


def is_terminal() -> bool:
    return sys.stdout.isatty()


def warned(results: Iterable[Labelled]) -> Iterator[Labelled]:
    """The results as they come; of each, what could not be asked is said on stderr."""
    for result in results:
        issue = result.issue
        for warning in result.told.warnings:
            name = f"#{issue.number}" if issue.number else issue.id or one_line(issue.title)
            print(f"{name}: {warning}", file=sys.stderr)
        yield result


def print_json(results: Iterable[Labelled], labeler: Labeler) -> None:
    """One JSON object an issue."""
    for result in results:
        print(json.dumps(result.document(labeler), ensure_ascii=False))


def print_lines(results: Iterable[Labelled], labeler: Labeler) -> None:
    """The labels alone, a line an issue."""
    for result in results:
        print(SEPARATOR.join(result.labels))
        if not result.labels and result.decision.left_alone and is_terminal():
            hint = "" if result.decision.skipped else " (--no-abstain labels it all the same)"
            print(f"left alone: {result.decision.left_alone}{hint}", file=sys.stderr)
        elif not result.labels and is_terminal():
            print("no label reaches its threshold: --explain-probabilities shows how near they come", file=sys.stderr)


def print_list(results: Iterable[Labelled], labeler: Labeler) -> None:
    """Labels beside titles: a table on a terminal, else fields between tabs; of several files, first which."""
    if is_terminal():
        from labeler.console import terminal

        terminal.print_list(results)
        return
    for result in results:
        issue = result.issue
        name = f"{issue.repository}#{issue.number}" if issue.number else issue.id
        file = [result.file] if result.file else []
        print("\t".join((*file, name, SEPARATOR.join(result.labels), one_line(issue.title))))


def print_explanations(results: Iterable[Labelled], labeler: Labeler) -> None:
    """Every label's probability and threshold, an issue at a time."""
    from labeler.console.terminal import print_explanation

    for result in results:
        print_explanation(result, labeler.card)
