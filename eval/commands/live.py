"""`python -m eval live`: what became of the labels that the action set."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.errors import UsageError

if TYPE_CHECKING:
    from labeler.base.reader import Reader
    from labeler.config import Machine
    from labeler.labels.label_set import LabelSet
    from labeler.verdicts.stories import Field

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
    from eval.live.survey import survey
    from labeler.config import environment, read_machine
    from labeler.files import write_text
    from labeler.verdicts.judging import Window

    if arguments.json and arguments.markdown == "-":
        raise UsageError("--json and --markdown - both want stdout", "Give the Markdown a file.")
    now = datetime.now(UTC)
    since, until = _date("--since", arguments.since), now
    if arguments.until:
        until = min(now, _date("--until", arguments.until))
    if since >= until:
        raise UsageError(f"--since {arguments.since} is not before {until:%Y-%m-%d %H:%M}", "Give an earlier day.")
    machine = read_machine(environment())
    model = _model(arguments, machine)
    field = _read(arguments, machine, since, now)
    labels = _labels(arguments, model, field)
    window = Window(max(since, field.reached), until, now, timedelta(days=arguments.settle))
    found = survey(arguments.repository, arguments.login, field, labels, window, _reader(model, labels))
    if arguments.out:
        count = write_corrections(arguments.out, found.judged, labels, arguments.repository)
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


def _read(arguments: argparse.Namespace, machine: Machine, since: datetime, now: datetime) -> Field:
    from labeler.github.client import GitHub
    from labeler.verdicts.stories import Cast, read_stories

    def tell(text: str) -> None:
        print(text, file=sys.stderr)

    github = GitHub(machine.github_token, machine.github_api_url, on_wait=tell)
    with _days_back(since, now) as seen:
        events = github.repository_events(arguments.repository)
        return read_stories(events, Cast(arguments.login, arguments.bot), since, seen)


@contextmanager
def _days_back(since: datetime, now: datetime) -> Iterator[Callable[[datetime], None]]:
    """Progress by the days that the events have gone back: how many events there are, nobody knows beforehand."""
    from labeler.console.progress import counted

    days, shown = (now - since).days, 0
    with counted(days, "days of events") as step:

        def seen(at: datetime) -> None:
            nonlocal shown
            while shown < min(days, (now - at).days):
                shown += 1
                step()

        yield seen


def _model(arguments: argparse.Namespace, machine: Machine) -> Path | None:
    from labeler.fetch.models import resolve_model

    return resolve_model(arguments.model, machine) if arguments.model else None


def _labels(arguments: argparse.Namespace, model: Path | None, field: Field) -> LabelSet:
    from eval.live.survey import applied_labels
    from labeler.labels.label_set import LabelSet, fold, read_labels
    from labeler.model.bundle import read_manifest

    if arguments.labels:
        listed = read_labels(arguments.labels)
    elif model:
        listed = read_manifest(model).labels
    else:
        return applied_labels(field, arguments.fallback_label)
    return LabelSet(tuple(label for label in listed if fold(label.name) != fold(arguments.fallback_label)))


def _reader(model: Path | None, labels: LabelSet) -> Reader | None:
    if model is None:
        return None
    from labeler.base.reader import Reader
    from labeler.base.store import default_store

    return Reader(model, labels, default_store())
