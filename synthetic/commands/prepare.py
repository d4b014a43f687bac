"""`python -m synthetic prepare`: from fetched issues to prepared ones."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.data.textfile import one_line
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from synthetic.preparing.duplicates import NEAR
from synthetic.preparing.label_map import alias_lines, alias_list
from synthetic.preparing.preparation import Report, Wanted, prepare, read_records
from synthetic.workspace.label_file import place_labels
from synthetic.workspace.records import PREPARE, PREPARED, labels_file

if TYPE_CHECKING:
    from rich.table import Table

HELP = "make fetched issues ready: drop bots and duplicates, strip templates, map labels, redact secrets and addresses"
EXAMPLES = """examples:
  python -m synthetic prepare data/name --labels labels.yml
  python -m synthetic prepare data/name --near 0.8 --bot our-triage-account
  python -m synthetic prepare data/name --json

It writes prepared.jsonl and prepare.json; run it again whenever issues.jsonl or labels.yml has changed."""
MOST_SHOWN = 15  # unmapped labels in the table; prepare.json has all
LARGE_SHARE = 0.1  # of the issues in one group, from which a split comes out uneven


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with issues.jsonl")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="labels.yml to copy into the folder (default: the one that is there)",
    )
    parser.add_argument("--keep-bots", action="store_true", help="keep issues that bots opened")
    parser.add_argument(
        "--bot",
        action="append",
        default=[],
        metavar="LOGIN",
        help="an account that counts as a bot though GitHub does not call it one; repeatable",
    )
    parser.add_argument("--no-redact", action="store_true", help="leave secrets and addresses in the texts")
    parser.add_argument(
        "--near",
        type=_likeness,
        default=NEAR,
        metavar="LIKENESS",
        help=f"from which two issues are duplicates; Jaccard index of their runs of three words, 0.5 to 1 ({NEAR})",
    )
    parser.add_argument("--json", action="store_true", help="print what prepare.json has instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    from labeler.console.progress import counted

    folder = arguments.folder
    if arguments.labels is None and not labels_file(folder).is_file():
        raise _no_labels(folder)
    labels = place_labels(folder, arguments.labels, _say)
    wanted = Wanted(arguments.keep_bots, tuple(arguments.bot), not arguments.no_redact, arguments.near)
    report = prepare(folder, labels, wanted, counted)
    if arguments.json:
        print(json.dumps(asdict(report), ensure_ascii=False, indent=1))
    else:
        show(report, labels)
    for note in notes(report):
        _say(note)
    _say(f"written: {folder / PREPARED}, {folder / PREPARE}")
    return 0


def show(report: Report, labels: LabelSet) -> None:
    from rich.text import Text

    from labeler.console.terminal import console

    output = console()
    output.print(_counts("issues", _what_became(report)))
    if report.redaction:
        with_any = f"redacted in {report.redacted_issues:,} issues" if report.redacted else "redacted: nothing found"
        output.print(_counts(with_any, report.redacted.items()))
    output.print(_counts("labels that people set", [*report.labels.items(), ("none of these", report.unlabelled)]))
    if not report.unmapped:
        return
    rows = [(one.name, one.issues) for one in report.unmapped[:MOST_SHOWN]]
    rest = len(report.unmapped) - len(rows)
    output.print(_counts("not in labels.yml", [*rows, *([(f"and {rest:,} more", None)] if rest else [])]))
    output.print(Text("Paste under a label in labels.yml what means the same, for instance:", "dim"))
    for line in _pasteable(report, labels):
        output.print(Text(line), soft_wrap=True)


def notes(report: Report) -> list[str]:
    """What a user should know of the outcome."""
    found = []
    if not report.redaction:
        found.append("Not redacted: secrets and addresses, if there are any, go to whoever gets these texts.")
    if report.without_events and any(report.labels.values()):
        found.append(
            f"Of {report.without_events:,} issues it is not known who set the labels, so a bot's count as people's. "
            "fetch --events finds out."
        )
    if report.largest_group > max(2, LARGE_SHARE * report.kept):
        found.append(f"{report.largest_group:,} issues are linked with each other, and will be in one split.")
    return found


def _what_became(report: Report) -> Iterable[tuple[str, int]]:
    yield "read", report.issues
    yield from ((f"dropped: {reason}", -count) for reason, count in report.dropped.items() if count)
    yield "kept", report.kept
    if report.groups:
        yield f"groups of linked or similar ones, up to {report.largest_group:,}", report.groups
    yield from ((f"template: {kind}s stripped", count) for kind, count in report.stripped.items())
    if report.bot_labels:
        yield "labels that bots set, passed over", report.bot_labels


def _pasteable(report: Report, labels: LabelSet) -> list[str]:
    """The label's line and the one to paste for the labels whose meaning shows; for others their own alias line."""
    shown = report.unmapped[:MOST_SHOWN]
    lines = [text for name, line in alias_lines(shown, labels).items() for text in (f"- name: {one_line(name)}", line)]
    if lines:
        return lines
    return [f"  aliases: {alias_list([shown[0].name])}"]


def _counts(title: str, rows: Iterable[tuple[str, int | None]]) -> Table:
    from rich.table import Column

    from labeler.console.tables import right, styled, table

    cells = (("" if count else "dim", (name, "" if count is None else f"{count:,}")) for name, count in rows)
    return table((Column(title, min_width=40), *right("", no_wrap=True)), (styled(*row) for row in cells))


def _no_labels(folder: Path) -> InputError:
    """Says how to begin a labels.yml, with the labels that the repository uses most."""
    names = Counter(name for record in read_records(folder) for name in record.labels).most_common(8)
    lines = "\n".join(
        f"- name: {json.dumps(one_line(name), ensure_ascii=False)}  # {count:,} issues" for name, count in names
    )
    remedy = "Give the labels to choose from by --labels FILE (names, descriptions, aliases)."
    if lines:
        remedy += f" The repository's own begin like this:\n{lines}"
    return InputError(f"{labels_file(folder)}: missing", remedy)


def _likeness(text: str) -> float:
    if not re.fullmatch(r"0?\.[5-9][0-9]*|1(\.0*)?", text):
        raise ValueError
    return float(text)


_likeness.__name__ = "likeness from 0.5 to 1"  # argparse names it in its error


def _say(text: str) -> None:
    print(text, file=sys.stderr)
