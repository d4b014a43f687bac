"""Options that say how a table of issues is to be read, where detecting it goes wrong; whoever reads files has them."""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Iterable
from pathlib import Path

from labeler.data.issue_table import TableOptions, is_table
from labeler.errors import UsageError

_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}


def add_table_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("tables (.csv, .tsv)", "all of it is detected where it isn't said")
    for field, known in (("title", "title, Summary, Subject …"), ("body", "body, Description …"), ("labels", "labels")):
        group.add_argument(
            f"--{field}-column",
            default="",
            metavar="NAME",
            help=f"the column of {field if field == 'labels' else 'the ' + field}; default: {known}",
        )
    group.add_argument("--delimiter", type=delimiter, metavar="CHARACTER", help="between fields; or tab")
    group.add_argument("--encoding", type=encoding, metavar="NAME", help="such as cp1252, where not UTF-8")


def table_options(arguments: argparse.Namespace, sources: Iterable[str | Path]) -> TableOptions:
    """What the options say about the tables among the files (and folders) that are read.

    Raises UsageError where something is said and there is no table.
    """
    said = TableOptions(
        title=arguments.title_column,
        body=arguments.body_column,
        labels=arguments.labels_column,
        delimiter=arguments.delimiter or "",
        encoding=arguments.encoding or "",
    )
    if said != TableOptions() and not any(is_table(source, said) or Path(source).is_dir() for source in sources):
        names = ("title_column", "body_column", "labels_column", "delimiter", "encoding")
        first = next(name for name in names if getattr(arguments, name)).replace("_", "-")
        raise UsageError(f"--{first} is for tables, and none is read", "Leave it out, or give a .csv or .tsv file.")
    return said


def tell(text: str) -> None:
    """A line for whoever runs the command."""
    print(text, file=sys.stderr)


def delimiter(text: str) -> str:
    """One character, or the name of one that a shell makes hard to write."""
    found = _DELIMITERS.get(text.lower(), text)
    if len(found) != 1 or found in '"\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is no single character; write tab for a tab, ';' for a semicolon")
    return found


def encoding(text: str) -> str:
    """Python's own name of an encoding of text."""
    try:
        found = codecs.lookup(text)
        "".encode(found.name)  # rot13, base64 and zip are codecs too, but not of text
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no encoding; write utf-8, utf-16-le, cp1252, cp1251, shift_jis, gb18030 …"
        ) from None
    return found.name
