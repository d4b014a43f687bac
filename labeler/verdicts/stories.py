"""The label events of a repository, put together issue by issue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from labeler.errors import GitHubError
from labeler.github.history import account, label_event, label_events
from labeler.github.refusals import Invalid
from labeler.labels.label_set import fold
from labeler.text.issue import Issue, from_rest

# "other" is another bot, or an account that has been deleted: neither the action's word nor surely a person's.
Who = Literal["action", "person", "other"]

MOST_EVENTS = 80_000

# By these a person has shown that they dealt with an issue; a mention or a commit that refers to it shows nothing.
_HANDLING = frozenset(
    {
        *("labeled", "unlabeled", "assigned", "unassigned", "milestoned", "demilestoned", "closed", "reopened"),
        *("renamed", "locked", "unlocked", "pinned", "marked_as_duplicate", "issue_type_added", "issue_type_changed"),
    }
)


@dataclass(frozen=True)
class Change:
    """One label put on or taken off an issue. `name` is as GitHub spelt it then."""

    name: str
    on: bool
    who: Who
    at: datetime

    @property
    def label(self) -> str:
        return fold(self.name)


@dataclass(frozen=True)
class Story:
    """One issue as it is now, and what happened to its labels since the first event that was read, oldest first.

    `handled` is when a person other than its author last did something to it; None where nobody did.
    """

    issue: Issue
    opened: datetime
    changes: tuple[Change, ...]
    handled: datetime | None

    @property
    def number(self) -> int:
        return self.issue.number or 0

    @property
    def labels(self) -> frozenset[str]:
        """Folded names of the labels on it now."""
        return frozenset(map(fold, self.issue.labels))


@dataclass(frozen=True)
class Field:
    """What was read.

    Attributes:
        stories: issues with an event since `since`, by number.
        events: how many events were read, whatever their kind.
        reached: the time from which on nothing is missing: `since`, or later where reading had to end.
        cut_short: why it had to end before `since`; "" where it did not.
        pull_requests, moved: how many were left out; `moved` issues are in another repository now.
        orphans: events left out because their issue was deleted.
        labelers: login -> how many labels it put on issues.
    """

    stories: tuple[Story, ...]
    events: int
    reached: datetime
    pull_requests: int
    moved: int
    orphans: int
    labelers: Mapping[str, int]
    cut_short: str = ""


@dataclass(frozen=True)
class Cast:
    """Who is who: the action's login, and logins of bots that GitHub takes for people."""

    login: str
    bots: Collection[str] = ()

    def who(self, actor: object) -> Who:
        login, kind = account(actor)
        if login.casefold() == self.login.casefold():
            return "action"
        named = login.casefold() in {bot.casefold() for bot in self.bots}
        return "other" if kind != "user" or named else "person"


def read_stories(
    events: Iterable[Mapping[str, Any]],
    cast: Cast,
    since: datetime,
    seen: Callable[[datetime], None] = lambda at: None,
) -> Field:
    """Puts events together; they come newest first, and none is asked for after the first from before `since`.

    `seen` is told the time of each event read.

    Raises:
        GitHubError: GitHub refused before the first event. Later the events that were read by then count.
    """
    found: dict[int, Mapping[str, Any]] = {}
    reached, cut_short = since, ""
    try:
        for event in events:
            at = moment(event.get("created_at"))
            if at is None:
                continue
            if at < since:
                break
            seen(at)
            # By its id, since new events push old ones onto the next page while pages are read.
            found.setdefault(int(event.get("id", -len(found) - 1)), event)
            if len(found) == MOST_EVENTS:
                reached, cut_short = at, f"more than {MOST_EVENTS:,} events are not read"
                break
    except GitHubError as error:
        if not found:
            raise
        reached = moment(next(reversed(found.values()))["created_at"]) or since
        cut_short = "GitHub shows no older ones" if isinstance(error, Invalid) else error.what.rstrip(".")
    return _gathered(list(reversed(found.values())), cast, reached, cut_short)


def moment(text: object) -> datetime | None:
    """The time in an event; None where there is none."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _gathered(events: list[Mapping[str, Any]], cast: Cast, reached: datetime, cut_short: str) -> Field:
    """`events` oldest first."""
    of_issue: dict[int, list[Mapping[str, Any]]] = {}
    homes: Counter[str] = Counter()
    orphans = 0
    for event in events:
        issue = event.get("issue")
        if isinstance(issue, Mapping) and isinstance(issue.get("number"), int):
            of_issue.setdefault(issue["number"], []).append(event)
            homes[str(issue.get("repository_url"))] += 1
        else:
            orphans += 1
    # Not the name that was asked for: GitHub answers to a repository's old names too.
    home = homes.most_common(1)[0][0] if homes else ""
    stories, pull_requests, moved = [], 0, 0
    labelers: Counter[str] = Counter()
    for _, told in sorted(of_issue.items()):
        issue = told[-1]["issue"]
        if issue.get("pull_request"):
            pull_requests += 1
        elif str(issue.get("repository_url")) != home:
            moved += 1
        elif story := _story(told, cast):
            stories.append(story)
            labelers.update(one.login for one in label_events(told) if one.change == "labeled")
    by_whom = dict(labelers.most_common())
    return Field(tuple(stories), len(events), reached, pull_requests, moved, orphans, by_whom, cut_short)


def _story(events: list[Mapping[str, Any]], cast: Cast) -> Story | None:
    issue = from_rest(events[-1]["issue"])
    opened = moment(events[-1]["issue"].get("created_at"))
    if opened is None:
        return None
    changes, handled = [], None
    for event in events:
        # GitHub names the person who was assigned as the actor, and the one who did it apart.
        actor = event.get("assigner") or event.get("actor")
        who, at, kind = cast.who(actor), moment(event["created_at"]), event.get("event")
        if at is None:
            continue
        if found := label_event(event):
            changes.append(Change(found.name, found.change == "labeled", who, at))
        if who == "person" and kind in _HANDLING and account(actor)[0] != issue.author:
            handled = at
    return Story(issue, opened, tuple(changes), handled)
