"""`python -m synthetic stats`: what is in a working folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from synthetic.preparing.statistics import QUANTILES, Stats, quantile, read_stats

if TYPE_CHECKING:
    from rich.table import Table

HELP = "show what is in the folder: counts, labels, lengths, months, duplicates; of prepared issues, once there are any"
EXAMPLES = """examples:
  python -m synthetic stats data/name
  python -m synthetic stats data/name --png stats.png
  python -m synthetic stats data/name --json"""
MOST_SHOWN = 20  # labels in the table; --json has all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="working folder with issues.jsonl")
    parser.add_argument("--json", action="store_true", help="JSON instead of the tables")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw the four distributions")


def run(arguments: argparse.Namespace) -> int:
    from labeler.console.progress import counted

    stats = read_stats(arguments.folder, counted)
    if arguments.png:
        from synthetic.preparing.stats_picture import write_picture

        write_picture(stats, arguments.png)
        print(f"written: {arguments.png}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(stats.to_dict(), ensure_ascii=False, indent=1))
    else:
        show(stats)
    return 0


def show(stats: Stats) -> None:
    from labeler.console.terminal import console

    output = console()
    output.print(_table("fetched", _fetched(stats)))
    kind = "prepared issues" if stats.prepared else "issues"
    output.print(_table(kind, [("in all", stats.issues), *_duplicates(stats)]))
    shown: list[tuple[str, int | None]] = [*list(stats.labels.items())[:MOST_SHOWN]]
    if len(stats.labels) > len(shown):
        shown.append((f"and {len(stats.labels) - len(shown):,} more labels", None))
    output.print(_table("label", shown, of=stats.issues))
    output.print(
        _table("labels an issue", [(str(n), count) for n, count in stats.labels_an_issue.items()], of=stats.issues)
    )
    shares = [(f"{share:.0%} have at most", quantile(stats.words, share)) for share in QUANTILES]
    output.print(_table("words an issue", [*shares, ("the longest", max(stats.words, default=0))]))
    years = Counter[str]()
    for month, count in stats.months.items():
        years[month[:4]] += count
    output.print(_table("opened in (--json and --png: by month)", years.items(), of=stats.issues))


def _fetched(stats: Stats) -> list[tuple[str, int]]:
    rows = [("issues and pull requests" if stats.pull_requests else "issues", stats.fetched)]
    rows += [("open issues", stats.open), ("closed issues", stats.closed)]
    more = (("pull requests", stats.pull_requests), ("issues by bots", stats.by_bots))
    return rows + [one for one in more if one[1]]


def _duplicates(stats: Stats) -> list[tuple[str, int]]:
    what = "dropped" if stats.prepared else "among them"
    return [(f"exact duplicates, {what}", stats.exact), (f"near-duplicates, {what}", stats.near)]


def _table(title: str, rows: Iterable[tuple[str, int | None]], of: int = 0) -> Table:
    """Names and counts, and with `of` their shares of it."""
    from rich.table import Column

    from labeler.console.tables import table

    columns = (
        Column(title, min_width=40, overflow="fold"),
        Column(justify="right", no_wrap=True, min_width=9),
        Column(justify="right", no_wrap=True, style="dim"),
    )
    cells = (
        (name, "" if count is None else f"{count:,}", f"{count / of:.1%}" if of and count is not None else "")
        for name, count in rows
    )
    return table(columns, cells)
