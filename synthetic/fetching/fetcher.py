"""Fetches a repository's issues into a folder: resumable after a kill, incremental, none lost and none twice.

`synthetic.fetching.walk` says in which order. Issues are appended to issues.jsonl before fetch.json says that they are
there.

Costs: a request a hundred issues, and with label events one more an issue. (The list of all events of a repository
would be cheaper, but of a busy one GitHub shows only the newest.)
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from labeler.base.claim import refuse_other
from labeler.base.retry import Patience, retried
from labeler.console.progress import counted
from labeler.errors import GitHubError, InputError, UsageError
from labeler.github.client import GitHub, Page
from labeler.github.history import LabelEvent
from labeler.github.refusals import Gone, Invalid, Moved, NotFound, RateLimited, Unavailable
from synthetic.fetching.issues import Held, Totals, compact, record_of, sweep, utc
from synthetic.fetching.walk import PER_PAGE, Step, walk
from synthetic.workspace.jsonl import Appender, write_lines
from synthetic.workspace.records import FETCH, ISSUES, to_line

# All waiting of a run but that for a used-up limit, which is waited out.
PATIENCE_SECONDS = 300.0
TOKEN_REMEDY = "A token raises 60 requests an hour to 5,000: set GITHUB_TOKEN, for instance to $(gh auth token)."
PATIENCE = Patience(first=0.0, longest=3700.0)  # GitHub's limits are by the hour
# One issue may be like this for good; what concerns the token or the network is no issue's own.
OF_ONE_ISSUE = (NotFound, Gone, Invalid, Moved, Unavailable)
MOST_FAILURES_IN_A_ROW = 10  # then it is GitHub itself that is out of order
T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What to fetch. `since` is a time as GitHub writes it, or "" for everything that is not there yet; `limit` is the
    most issues of this run; `waits` says to sit out a used-up rate limit."""

    repository: str
    api_url: str
    since: str = ""
    pull_requests: bool = False
    events: bool = False
    limit: int | None = None
    waits: bool = True


@dataclass(frozen=True)
class State:
    """fetch.json: all that changed from `begin` ("" for ever) up to `since` is in issues.jsonl, and when `complete`,
    all up to `finished_at`. `etag` is of the last page, where it was the only one from `since` on. `without_events`
    are numbers of issues whose events GitHub did not give: they are asked for again in every run."""

    repository: str
    api_url: str
    begin: str = ""
    since: str = ""
    etag: str = ""
    pull_requests: bool = False
    events: bool = False
    complete: bool = False
    finished_at: str = ""
    without_events: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """What a run did. `complete` is False where the limit ended it; `without_events` are numbers of issues that are
    kept without their events, `unread` those of what GitHub listed and is no issue that can be read."""

    repository: str
    new: int
    changed: int
    complete: bool
    totals: Totals
    without_events: tuple[int, ...] = ()
    unread: tuple[str, ...] = ()


def fetch(
    github: GitHub,
    wanted: Wanted,
    folder: Path,
    *,
    tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> Fetched:
    """Brings the folder's issues.jsonl up to date.

    Raises:
        GitHubError: GitHub refused; what was fetched is kept, and the next call goes on from there.
        UsageError: the folder is another repository's.
        InputError: a file of the folder is damaged.
    """
    sweep(folder)
    run = _Run(github, wanted, folder, tell, sleep, clock)
    try:
        complete = run.all_pages()
    except (GitHubError, KeyboardInterrupt):
        compact(folder / ISSUES)
        run.report()
        raise
    run.report()
    totals, without = compact(folder / ISSUES), run.state.without_events
    return Fetched(run.state.repository, run.new, run.changed, complete, totals, without, tuple(run.unread))


def read_state(folder: Path) -> State | None:
    """How far the fetching has come; None where nothing was fetched. Raises InputError at a damaged fetch.json."""
    path = folder / FETCH
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return State(**{**found, "without_events": tuple(found.get("without_events", ()))})
    except (ValueError, TypeError, AttributeError) as error:
        remedy = f"Delete {path}: the issues stay, and the next run looks all of them over."
        raise InputError(f"{path}: not what fetch wrote: {error}", remedy) from error


class _Run:
    """One run: what is held, how far it has come, what it found."""

    def __init__(
        self,
        github: GitHub,
        wanted: Wanted,
        folder: Path,
        tell: Callable[[str], None],
        sleep: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self.github, self.wanted, self.folder = github, wanted, folder
        self.tell, self.sleep, self.clock = tell, sleep, clock
        self.new = self.changed = self.failures = 0
        self.unread: list[str] = []
        self.failed: set[int] = set()
        self.state = self._start(read_state(folder))
        self.held = Held(folder / ISSUES)

    def all_pages(self) -> bool:
        """Whether the end was reached, rather than the limit."""
        state, path = self.state, self.folder / ISSUES
        steps = walk(self._ask, state.since, state.etag)
        first = next(steps, None)
        with Appender(path) as file, counted(self._total(first), f"fetching {state.repository}") as advance:
            self._save(state)
            for step in itertools.chain([first] if first else [], steps):
                for item in step.page.items:
                    if not self._keep(item, file):
                        return False
                    advance()
                _to_disk(path)
                self._save(replace(self.state, since=step.since, etag=step.etag, complete=step.last))
            self._ask_again(file)
            _to_disk(path)
        self._save(replace(self.state, complete=True, finished_at=utc(datetime.fromtimestamp(self.clock(), UTC))))
        return True

    def _start(self, old: State | None) -> State:
        wanted = self.wanted
        if old is None:
            name = str(self._patiently(lambda: self.github.repository(wanted.repository))["full_name"])
            since = wanted.since
            return State(name, wanted.api_url, since, since, "", wanted.pull_requests, wanted.events)
        same = old.repository.casefold() == wanted.repository.casefold()
        name = old.repository if same else wanted.repository
        refuse_other(self.folder, f"{old.repository} of {old.api_url}", f"{name} of {wanted.api_url}", UsageError)
        begin = min(old.begin, wanted.since) if wanted.since else old.begin
        wider = replace(
            old,
            begin=begin,
            pull_requests=old.pull_requests or wanted.pull_requests,
            events=old.events or wanted.events,
        )
        # Asked for more than before, or the issues are gone: what is missing may lie anywhere.
        whole = wider == old and (self.folder / ISSUES).is_file()
        return old if whole else replace(wider, since=begin, etag="", complete=False)

    def _keep(self, item: Mapping[str, Any], file: Appender) -> bool:
        """Appends an issue that is not held like this; False where the limit forbids it."""
        state = self.state
        try:
            record = record_of(item, f"{state.repository}#{item.get('number')}", repository=state.repository)
        except InputError as error:  # one such must not stop the rest
            self.unread.append(error.what)
            return True
        if record.is_pull_request and not state.pull_requests:
            return True
        if self.held.is_current(record, with_changes=state.events):
            return True
        if self.wanted.limit is not None and self.new + self.changed >= self.wanted.limit:
            return False
        if state.events:
            record = replace(record, changes=self._changes(record.number))
        self.changed += record in self.held
        self.new += record not in self.held
        file.write(to_line(record))
        self.held.add(record)
        return True

    def _changes(self, number: int) -> tuple[LabelEvent, ...] | None:
        """An issue's events; None where GitHub fails at them, which is noted for later runs.

        Raises Unavailable where it fails at one issue after the other.
        """
        missing = set(self.state.without_events)
        try:
            with self.github.of_one_item():
                found = self._patiently(partial(self.github.history, self.state.repository, number))
        except OF_ONE_ISSUE as error:
            self.failures += isinstance(error, Unavailable)
            if self.failures >= MOST_FAILURES_IN_A_ROW:
                raise
            self.failed.add(number)
            self._save(replace(self.state, without_events=tuple(sorted(missing | {number}))))
            return None
        self.failures = 0
        if number in missing:
            self._save(replace(self.state, without_events=tuple(sorted(missing - {number}))))
        return found

    def _ask_again(self, file: Appender) -> None:
        """Asks for the events that an earlier run was not given."""
        for number in sorted(set(self.state.without_events) - self.failed) if self.state.events else ():
            try:
                with self.github.of_one_item():
                    item = self._patiently(partial(self.github.issue, self.state.repository, number))
            except (NotFound, Gone):  # deleted since
                left = tuple(one for one in self.state.without_events if one != number)
                self._save(replace(self.state, without_events=left))
                continue
            except OF_ONE_ISSUE:
                continue
            if item.get("number") == number and not self._keep(item, file):
                return

    def report(self) -> None:
        """Says which issues are not as they were wanted."""
        if without := self.state.without_events:
            many = f"{len(without):,} issues are" if len(without) > 1 else "1 issue is"
            self.tell(f"{many} kept without events, as GitHub did not give them: {_listed(without)}. {_LATER}")
        if self.unread:
            self.tell(f"{len(self.unread):,} of the list were passed over as unreadable: {'; '.join(self.unread[:5])}")

    def _ask(self, since: str, url: str, etag: str) -> Page | None:
        return self._patiently(lambda: self.github.issues_page(self.state.repository, since, url=url, etag=etag))

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Sits out a used-up limit where that is wanted. A secondary limit is the client's own affair."""

        def until_reset(error: RateLimited) -> float:
            limit = self.github.rate_limit() if self.wanted.waits else None
            if limit is None or limit.remaining > 0:
                raise error
            seconds = limit.reset - self.clock() + 1
            if not 0 < seconds <= PATIENCE.longest:
                raise error
            what = f"GitHub's limit of {limit.limit:,} requests an hour is used up: going on in {seconds:.0f} s."
            self.tell(f"{what} After Ctrl-C the same command goes on from here.")
            return seconds

        return retried(ask, RateLimited, PATIENCE, self.sleep, asked=until_reset)

    def _total(self, first: Step | None) -> int:
        """At most so many issues are to come, for the progress bar."""
        if first is None or not first.page.next or not sys.stderr.isatty():
            return len(first.page.items) if first else 0
        if first.page.last:
            return first.page.last * PER_PAGE
        return self._patiently(lambda: self.github.newest_number(self.state.repository))

    def _save(self, state: State) -> None:
        self.state = state
        write_lines(self.folder / FETCH, [asdict(state)])


_LATER = "The next run asks for them again."


def _listed(numbers: tuple[int, ...], most: int = 20) -> str:
    shown = ", ".join(f"#{number}" for number in numbers[:most])
    return shown if len(numbers) <= most else f"{shown} and {len(numbers) - most:,} more"


def _to_disk(path: Path) -> None:
    """Even where the power goes, no issue may be missing that fetch.json says is there."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
