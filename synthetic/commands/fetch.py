"""Fetch a repository's issues, or read an export of them, into a working folder."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from labeler.config import environment, read_machine
from labeler.console.argument_types import positive
from labeler.console.table_options import add_table_options, table_options
from labeler.errors import InputError, UsageError
from synthetic.fetching.fetcher import TOKEN_REMEDY, Fetched, Wanted
from synthetic.fetching.origin import read_api_url, read_repository, read_since
from synthetic.workspace.lock import alone
from synthetic.workspace.records import ISSUES

HELP = "fetch a repository's issues, open and closed; run it again to go on, or for what has changed since"
EXAMPLES = """examples:
  python -m synthetic fetch octocat/hello-world --out data/hello
  python -m synthetic fetch octocat/hello-world --out data/hello --since 2024-01-01 --events
  python -m synthetic fetch team/app --out data/app --api-url https://github.example.com/api/v3
  python -m synthetic fetch --from issues.jsonl --repo octocat/hello-world --out data/hello"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repository", nargs="?", default="", help="owner/name on GitHub")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the working folder")
    parser.add_argument(
        "--since",
        default="last",
        metavar="DATE|last",
        help="only what changed since that date (2024-01-31, UTC); last (default): what is not in the folder yet",
    )
    parser.add_argument("--pull-requests", action="store_true", help="pull requests too; later runs keep to it")
    parser.add_argument(
        "--events",
        action="store_true",
        help="who put which label on and took which off; later runs keep to it; costs a request an issue, where the "
        "issues alone cost one a hundred",
    )
    parser.add_argument("--api-url", metavar="URL", help="of a GitHub Enterprise, such as https://HOST/api/v3")
    parser.add_argument("--limit", type=positive, metavar="N", help="at most N issues in this run; the next goes on")
    group = parser.add_argument_group("instead of GitHub")
    group.add_argument(
        "--from", type=Path, dest="source", metavar="FILE|FOLDER", help="a JSONL, JSON or CSV file, or a dataset folder"
    )
    group.add_argument("--repo", default="", metavar="OWNER/NAME", help="whose issues those are that don't say it")
    add_table_options(parser)


def run(arguments: argparse.Namespace) -> int:
    started = time.perf_counter()
    try:
        with alone(arguments.out, make=True):
            fetched = _from_file(arguments) if arguments.source else _from_github(arguments)
    except OSError as error:
        what = f"{error.filename or arguments.out}: {error.strerror or error}"
        raise InputError(what, "Check the folder of --out and the disk.") from error
    _report(fetched, arguments, time.perf_counter() - started)
    return 0


def _from_file(arguments: argparse.Namespace) -> Fetched:
    from synthetic.fetching.sources import import_issues

    unfit = [name for name in ("repository", "events", "api_url") if getattr(arguments, name)]
    if unfit or arguments.since != "last":
        what = f"--from reads a file, and {(unfit or ['since'])[0].replace('_', '-')} is for GitHub"
        raise UsageError(what, "Leave it out; whose issues they are is said by --repo.")
    return import_issues(
        arguments.source,
        read_repository(arguments.repo) if arguments.repo else "",
        arguments.out,
        pull_requests=arguments.pull_requests,
        limit=arguments.limit,
        table=table_options(arguments, [arguments.source]),
        say=_tell,
    )


def _from_github(arguments: argparse.Namespace) -> Fetched:
    from synthetic.fetching.from_github import fetch_from_github

    table_options(arguments, [])
    if arguments.repo or not arguments.repository:
        raise UsageError(
            "no repository to fetch" if not arguments.repo else "--repo goes with --from", "Write owner/name."
        )
    machine = read_machine(environment())
    wanted = Wanted(
        repository=read_repository(arguments.repository),
        api_url=read_api_url(arguments.api_url or machine.github_api_url),
        since="" if arguments.since == "last" else read_since(arguments.since),
        pull_requests=arguments.pull_requests,
        events=arguments.events,
        limit=arguments.limit,
    )
    if not machine.github_token:
        _tell(f"Without a token only public repositories can be read. {TOKEN_REMEDY}")
    return fetch_from_github(machine, wanted, arguments.out, _tell)


def _report(fetched: Fetched, arguments: argparse.Namespace, seconds: float) -> None:
    totals = fetched.totals
    counts = f"{totals.open:,} open, {totals.closed:,} closed"
    counts += f", {totals.unknown:,} of unknown state" if totals.unknown else ""
    counts += f", {totals.pull_requests:,} pull requests" if totals.pull_requests else ""
    print(f"{arguments.out / ISSUES}: {counts}; {fetched.new:,} new, {fetched.changed:,} changed, {seconds:.1f} s")
    if not fetched.complete:
        _tell(f"Stopped at --limit {arguments.limit}: there are more. The same command fetches the next.")


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
