"""`python -m eval live`: what became of the labels that the action set."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from labeler.errors import UsageError

HELP = "what became of the labels that the action set: kept, taken off, missed; from the repository's events"
EXAMPLES = """examples:
  python -m eval live octo/hello --since 2026-10-01
  python -m eval live octo/hello --since 2026-10-01 --labels .github/labels.yml --model starter --out field
  python -m eval live octo/hello --since 2026-11-01 --markdown - >> "$GITHUB_STEP_SUMMARY"

GITHUB_TOKEN needs to read issues; a public repository can be read without one, at 60 requests an hour.
A request reads 100 events, of issues and pull requests alike. --out writes corrections.csv with its labels.yml and
sources.yml (people's decisions only, to train on) and live.json."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from labeler.github.client import ACTIONS_LOGIN

    parser.add_argument("repository", metavar="owner/name", help="the repository on GitHub")
    parser.add_argument("--since", required=True, metavar="DATE", help="first day, like 2026-10-01 (UTC)")
    parser.add_argument("--until", metavar="DATE", help="leave out issues from that day on; default: now")
    parser.add_argument(
        "--login", default=ACTIONS_LOGIN, help=f"the account that the action labels by ({ACTIONS_LOGIN})"
    )
    parser.add_argument(
        "--bot", action="append", default=[], metavar="LOGIN", help="an account that is no person; repeatable"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="judge these; default: the model's, else those that the action set"
    )
    parser.add_argument("--fallback-label", default="", metavar="NAME", help="the action's fallback: not judged")
    parser.add_argument("--settle", type=_days, default=3, metavar="DAYS", help="days until a label counts as kept (3)")
    parser.add_argument("--model", help="a model as in `labeler`: adds drift of its sureness, and thresholds")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write people's corrections and all figures there")
    parser.add_argument("--markdown", metavar="FILE", help="write a report as Markdown; - is stdout, instead of tables")
    parser.add_argument("--json", action="store_true", help="JSON with every figure instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    from eval.live.corrections import write_corrections
    from eval.live.report import figures, markdown, show
    from eval.live.repository import Question, survey_repository
    from labeler.config import environment, read_machine
    from labeler.fetch.models import resolve_model
    from labeler.files import write_text
    from labeler.github.client import GitHub

    if arguments.json and arguments.markdown == "-":
        raise UsageError("--json and --markdown - both want stdout", "Give the Markdown a file.")
    now = datetime.now(UTC)
    since, until = _date("--since", arguments.since), now
    if arguments.until:
        until = min(now, _date("--until", arguments.until))
    if since >= until:
        raise UsageError(f"--since {arguments.since} is not before {until:%Y-%m-%d %H:%M}", "Give an earlier day.")
    machine = read_machine(environment())
    question = Question(
        arguments.repository,
        since,
        until,
        now,
        login=arguments.login,
        bots=tuple(arguments.bot),
        labels=arguments.labels,
        model=resolve_model(arguments.model, machine) if arguments.model else None,
        fallback=arguments.fallback_label,
        settle=timedelta(days=arguments.settle),
    )
    found = survey_repository(GitHub(machine.github_token, machine.github_api_url, on_wait=_tell), question)
    if arguments.out:
        count = write_corrections(arguments.out, found.judged, found.label_set, found.repository)
        write_text(arguments.out / "live.json", json.dumps(figures(found), indent=1, ensure_ascii=False) + "\n")
        print(f"{arguments.out}: live.json, and {count} corrected issues", file=sys.stderr)
    if arguments.markdown and arguments.markdown != "-":
        write_text(Path(arguments.markdown), markdown(found))
    if arguments.markdown == "-":
        print(markdown(found), end="")
    elif arguments.json:
        print(json.dumps(figures(found), indent=1, ensure_ascii=False))
    else:
        show(found)
    return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _days(text: str) -> int:
    days = int(text)
    if not 0 <= days <= 365:
        raise ValueError
    return days


_days.__name__ = "number of days from 0 to 365"  # argparse names it in its error


def _date(option: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: no date", "Write it like 2026-10-01, or 2026-10-01T09:30.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
