"""Walks through a list of issues that changes meanwhile, so that none is missed.

The list is read from the longest unchanged issue on, and the next page is asked for by the time with which the last one
ended, never by its number. So

- an issue that changes meanwhile moves to the list's end and is met again there; that shifts others across the edge
  between two pages, and they are met all the same;
- GitHub's bound of 10,000 issues for page numbers does not matter;
- the time is a place to go on from, after a kill as well as next month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from labeler.errors import GitHubError
from labeler.github.client import Page
from synthetic.fetching.issues import utc

PER_PAGE = 100
# `since` may mean "from" or "after", and what was written a moment ago may not be in the list yet.
OVERLAP = timedelta(seconds=5)


@dataclass(frozen=True)
class Step:
    """A page, and how far the folder has come once it is written."""

    page: Page
    since: str
    etag: str = ""
    last: bool = False


def walk(ask: Callable[[str, str, str], Page | None], since: str, etag: str = "") -> Iterator[Step]:
    """The pages of the list from `since` on, each at least once. `ask(since, url, etag)` gets one of them.

    A page that ends no later than it began (imports and bulk edits give hundreds of issues one time) is followed by
    its `next`. Such a stretch is read again until a pass over it finds nothing new, since an issue that left it
    meanwhile has moved another one across the edge of two pages.
    """
    before: set[tuple[Any, Any]] = set()
    found: set[tuple[Any, Any]] = set()
    url = ""
    page = ask(since, url, etag)
    while page is not None:
        found |= {(one.get("number"), one.get("updated_at")) for one in page.items}
        reached = max(since, _earlier(page.items[-1])) if page.items else since
        if page.next and reached == since:
            url = page.next
            yield Step(page, since)
        elif not url or found <= before:
            if not page.next:
                # A full page stays as it is when an issue comes after it.
                lone = not url and len(page.items) < PER_PAGE
                yield Step(page, since, page.etag if lone else "", last=True)
                return
            since, url, before, found = reached, "", set(), set()
            yield Step(page, since)
        else:
            url, before, found = "", before | found, set()
            yield Step(page, since)
        page = ask(since, url, "")


def _earlier(item: Mapping[str, Any]) -> str:
    try:
        return utc(datetime.fromisoformat(item["updated_at"]) - OVERLAP)
    except (KeyError, TypeError, ValueError) as error:
        what = f"GitHub listed an issue (number {item.get('number')!r:.20}) that does not say when it changed."
        raise GitHubError(what, "Is --api-url the address of GitHub's REST API?") from error
