"""The only GitHub HTTP: a small REST client with paging, GitHub's documented retries, and typed errors.

Retries: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
Every request made here may be repeated: reading changes nothing, and adding a label twice adds it once.
Errors: labeler.github.refusals.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from labeler.base.retry import NO_NETWORK, NO_NETWORK_REMEDY, second_look, unresolved
from labeler.github.answers import Page as Page
from labeler.github.answers import RateLimit as RateLimit
from labeler.github.answers import path_of as _path
from labeler.github.history import LabelEvent, label_events
from labeler.github.refusals import (
    TOKEN_REMEDY,
    TROUBLE_REMEDY,
    BadToken,
    Forbidden,
    Moved,
    NoNetwork,
    NotFound,
    RateLimited,
    Unavailable,
    message_of,
    refusal,
)
from labeler.labels.label_set import Label

if TYPE_CHECKING:
    import httpx2

API_URL = "https://api.github.com"
ACTIONS_LOGIN = "github-actions[bot]"
SECONDS_BETWEEN_WRITES = 1.0
SECONDS_OF_SECONDARY_LIMIT = 60.0
TRIES_OF_ONE_ITEM = 3
MOST_PAGES = 100
MOST_EVENT_PAGES = 900  # a workflow's token may ask 1,000 times an hour
MOST_REDIRECTS = 5
NOT_MODIFIED = 304


class GitHub:
    """GitHub's REST API for one token, which appears in no error and no log. Without a token it reads what is public.

    `budget_seconds` bounds all waiting and all failed attempts of this object together. `on_wait` is told of each wait.
    Its name, where that cannot be resolved, is looked up twice only.
    """

    def __init__(
        self,
        token: str,
        api_url: str = API_URL,
        *,
        timeout_seconds: float = 20.0,
        budget_seconds: float = 120.0,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        on_wait: Callable[[str], None] = lambda message: None,
    ) -> None:
        if not re.fullmatch(r"[!-~]*", token):
            # Checked here because an HTTP library that refuses a header prints it, token and all.
            raise BadToken("The GitHub token holds a space, a line end or a strange character.", TOKEN_REMEDY)
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._timeout, self._budget, self._transport = timeout_seconds, budget_seconds, transport
        self._sleep, self._clock, self._jitter, self._on_wait = sleep, clock, jitter, on_wait
        self._http: httpx2.Client | None = None
        self._spent, self._tries = 0.0, math.inf
        self._last_write = float("-inf")
        self._login = ""

    def __repr__(self) -> str:
        return f"GitHub(api_url={self._api_url!r})"

    @contextmanager
    def of_one_item(self) -> Iterator[None]:
        """Within, what fails is tried three times: one of many items must not use up the patience with all of them."""
        self._tries = TRIES_OF_ONE_ITEM
        try:
            yield
        finally:
            self._tries = math.inf

    def issue(self, repository: str, number: int) -> dict[str, Any]:
        """The REST object of an issue or pull request. After a transfer it names its new repository and number."""
        return self._object(f"{_path(repository)}/issues/{number:d}")

    def issues_page(self, repository: str, since: str = "", *, url: str = "", etag: str = "") -> Page | None:
        """Issues and pull requests, open and closed, from the longest unchanged on; up to 100.

        Args:
            since: only those changed since that time, as GitHub writes it; `url` (a `Page.next`) takes its place.
            etag: of the same page, from earlier: None is returned where it has not changed. With a token that costs
                nothing of the rate limit.
        """
        asked = url or f"{_path(repository)}/issues?state=all&sort=updated&direction=asc&per_page=100"
        return self._page(asked if url or not since else f"{asked}&since={quote(since, safe='')}", etag)

    def newest_number(self, repository: str) -> int:
        """The highest number of an issue or pull request; 0 without any."""
        found = self._page(f"{_path(repository)}/issues?state=all&sort=created&direction=desc&per_page=1")
        return max((int(one["number"]) for one in found.items), default=0) if found else 0

    def events(self, repository: str, number: int) -> Iterator[dict[str, Any]]:
        """What happened to one issue, oldest first."""
        return self._pages(f"{_path(repository)}/issues/{number:d}/events?per_page=100")

    def repository(self, repository: str) -> dict[str, Any]:
        return self._object(_path(repository))

    def labels(self, repository: str) -> tuple[Label, ...]:
        """The repository's own labels."""
        found = self._pages(f"{_path(repository)}/labels?per_page=100")
        return tuple(Label(str(one["name"]), one.get("description") or "", one.get("color") or "") for one in found)

    def history(self, repository: str, number: int) -> tuple[LabelEvent, ...]:
        """Who put which label on this issue and who took which off, oldest first."""
        return label_events(self.events(repository, number))

    def repository_events(self, repository: str) -> Iterator[dict[str, Any]]:
        """What happened to all issues and pull requests, newest first, each event with its issue as that is now.

        A page is asked for when its first event is wanted. Raises `Invalid` where GitHub goes no further back: of a
        busy repository it keeps only the newest pages in reach.
        """
        return self._pages(f"{_path(repository)}/issues/events?per_page=100", MOST_EVENT_PAGES)

    def add_labels(self, repository: str, number: int, names: Collection[str]) -> None:
        """Put labels on an issue beside those it has. GitHub creates a name that the repository lacks."""
        self._write("POST", f"{_path(repository)}/issues/{number:d}/labels", {"labels": list(names)})

    def remove_label(self, repository: str, number: int, name: str) -> None:
        """Take one label off an issue; nothing happens where it is not on it."""
        try:
            self._write("DELETE", f"{_path(repository)}/issues/{number:d}/labels/{quote(name, safe='')}")
        except NotFound as error:
            if "label does not exist" not in error.what.casefold():
                raise

    def login(self) -> str:
        """Whose name stands on labels set with this token. A workflow's own token may not ask, and need not."""
        if not self._login:
            self._login = ACTIONS_LOGIN
            if self._token and not self._token.startswith("ghs_"):
                try:
                    self._login = str(self._object("/user")["login"])
                except Forbidden:
                    # Only a workflow's or an app's token is refused here.
                    self._login = ACTIONS_LOGIN
        return self._login

    def rate_limit(self) -> RateLimit:
        core = self._object("/rate_limit")["resources"]["core"]
        return RateLimit(int(core["limit"]), int(core["remaining"]), int(core["reset"]))

    def _object(self, path: str) -> dict[str, Any]:
        answer, _ = self._read(path)
        if not isinstance(answer, dict):
            raise Unavailable(f"GitHub answered GET {path} with something else than an object.", TROUBLE_REMEDY)
        return answer

    def _pages(self, path: str, most: int = MOST_PAGES) -> Iterator[dict[str, Any]]:
        url = path
        for _ in range(most):
            page = self._page(url)
            yield from page.items if page else ()
            url = page.next if page else ""
            if not url:
                return
        raise Unavailable(f"GET {path} did not end after {most} pages.", TROUBLE_REMEDY)

    def _page(self, url: str, etag: str = "") -> Page | None:
        answer, response = self._read(url, etag)
        if response.status_code == NOT_MODIFIED:
            return None
        if not isinstance(answer, list):
            asked = urlsplit(url).path
            raise Unavailable(f"GitHub answered GET {asked} with something else than a list.", TROUBLE_REMEDY)
        following, last = (response.links.get(name, {}).get("url", "") for name in ("next", "last"))
        pages = re.search(r"[?&]page=([0-9]{1,9})(?:&|$)", last)
        items = tuple(one for one in answer if isinstance(one, dict))
        return Page(items, following, int(pages[1]) if pages else 0, response.headers.get("etag", ""))

    def _read(self, url: str, etag: str = "") -> tuple[Any, httpx2.Response]:
        for _ in range(MOST_REDIRECTS):
            answer, response = self._send("GET", self._absolute(url), etag=etag)
            if not response.has_redirect_location:
                return answer, response
            url = str(response.url.join(response.headers["location"]))
        raise Moved("GitHub sent a request round in a circle.", TROUBLE_REMEDY)

    def _write(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        if not self._token:
            raise BadToken("Writing to GitHub needs a token, and there is none.", TOKEN_REMEDY)
        too_early = self._last_write + SECONDS_BETWEEN_WRITES - self._clock()
        if too_early > 0:
            self._sleep(too_early)
        try:
            _, response = self._send(method, self._absolute(path), body)
        finally:
            self._last_write = self._clock()
        if response.has_redirect_location:
            raise Moved(f"{path} has moved.", "The issue was transferred or the repository renamed: use its new name.")

    def _absolute(self, url: str) -> str:
        """`url` on the API's own host: the token is sent nowhere else."""
        if url.startswith("/"):
            return self._api_url + url
        ours, theirs = urlsplit(self._api_url), urlsplit(url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise Moved(f"GitHub pointed to another host: {theirs.netloc[:100]}", "The token is not sent there.")
        return url

    def _send(
        self, method: str, url: str, body: dict[str, Any] | None = None, etag: str = ""
    ) -> tuple[Any, httpx2.Response]:
        attempt = 0
        while True:
            started = self._clock()
            try:
                return self._once(method, url, body, etag)
            except NoNetwork as error:
                attempt += 1
                pause = second_look(attempt, self._clock() - started)
                if pause is None:
                    raise
                self._on_wait(f"{error.what} Trying again in {pause:.0f} s.")
                self._sleep(pause)
            except (RateLimited, Unavailable) as error:
                attempt += 1
                self._spent += max(0.0, self._clock() - started)
                seconds = self._pause(error, attempt)
                if self._spent + seconds > self._budget or attempt >= self._tries:
                    tries = f"Gave up after {attempt} attempt{'s' * (attempt > 1)} and {self._spent:.0f} s"
                    raise type(error)(
                        f"{error.what} {tries}: the next would be {seconds:.0f} s later.", error.remedy
                    ) from error
                self._on_wait(f"{error.what} Trying again in {seconds:.0f} s.")
                self._sleep(seconds)
                self._spent += seconds

    def _pause(self, error: RateLimited | Unavailable, attempt: int) -> float:
        """Seconds to wait after failed attempt number `attempt`, which counts from 1."""
        growth = float(2 ** (attempt - 1))
        if isinstance(error, RateLimited):
            return SECONDS_OF_SECONDARY_LIMIT * growth if error.seconds is None else error.seconds
        return growth * (0.5 + self._jitter())

    def _once(
        self, method: str, url: str, body: dict[str, Any] | None = None, etag: str = "", **more: Any
    ) -> tuple[Any, httpx2.Response]:
        """One attempt. `more` is for the HTTP library, such as a body that is not JSON."""
        import httpx2  # 0.15 s: only where a request is made

        asked = f"{method} {urlsplit(url).path}"
        try:
            sent = {"json": body, "headers": {"If-None-Match": etag} if etag else {}} | more
            response = self._client().request(method, url, **sent)
        except httpx2.TimeoutException as error:
            raise Unavailable(f"GitHub did not answer {asked} within {self._timeout:g} s.", TROUBLE_REMEDY) from error
        except httpx2.RequestError as error:
            if unresolved(error):
                what = f"GitHub was not asked for {asked}: {NO_NETWORK.format(host=urlsplit(url).hostname)}."
                raise NoNetwork(what, NO_NETWORK_REMEDY) from error
            reason = self._safe(str(error)) or type(error).__name__
            raise Unavailable(f"GitHub was out of reach for {asked}: {reason}.", TROUBLE_REMEDY) from error
        try:
            answer = response.json() if response.content else None
        except (ValueError, RecursionError) as error:
            answer = None
            if response.is_success:
                what = f"GitHub's answer to {asked} is not JSON: cut off, or a proxy's page."
                raise Unavailable(what, TROUBLE_REMEDY) from error
        if response.is_success or response.has_redirect_location or (etag and response.status_code == NOT_MODIFIED):
            return answer, response
        said = message_of(answer) if isinstance(answer, dict) else response.reason_phrase
        raise refusal(asked, response.status_code, self._safe(said), response.headers, self._clock())

    def _safe(self, text: str) -> str:
        """A foreign message on one line, short, without the token."""
        hidden = text.replace(self._token, "***") if self._token else text
        return " ".join(hidden.split())[:300]

    def _client(self) -> httpx2.Client:
        if self._http is None:
            import httpx2

            headers = {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "issue-labeler",
            }
            if self._token:
                headers["Authorization"] = f"Bearer {self._token}"
            self._http = httpx2.Client(headers=headers, timeout=self._timeout, transport=self._transport)
        return self._http
