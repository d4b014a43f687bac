"""The only GitHub HTTP: a small REST client with paging, GitHub's documented retries, and typed errors.

Retries: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
Every request made here may be repeated: reading changes nothing, and adding a label twice adds it once.
Errors: labeler.refusals.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from labeler.errors import UsageError
from labeler.history import LabelEvent
from labeler.labels import Label
from labeler.refusals import (
    TOKEN_REMEDY,
    TROUBLE_REMEDY,
    BadToken,
    Forbidden,
    Moved,
    NotFound,
    RateLimited,
    Unavailable,
    refusal,
)

if TYPE_CHECKING:
    import httpx2

API_URL = "https://api.github.com"
ACTIONS_LOGIN = "github-actions[bot]"
SECONDS_BETWEEN_WRITES = 1.0
SECONDS_OF_SECONDARY_LIMIT = 60.0
MOST_PAGES = 100
MOST_REDIRECTS = 5


@dataclass(frozen=True)
class RateLimit:
    limit: int
    remaining: int
    reset: int  # seconds since 1970, UTC


class GitHub:
    """GitHub's REST API for one token, which appears in no error and no log. Without a token it reads what is public.

    `budget_seconds` bounds all waiting and all failed attempts of this object together. `on_wait` is told of each wait.
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
        self._spent = 0.0
        self._last_write = float("-inf")
        self._login = ""

    def __repr__(self) -> str:
        return f"GitHub(api_url={self._api_url!r})"

    def issue(self, repository: str, number: int) -> dict[str, Any]:
        """The REST object of an issue or pull request. After a transfer it names its new repository and number."""
        return self._object(f"{_path(repository)}/issues/{number:d}")

    def repository(self, repository: str) -> dict[str, Any]:
        return self._object(_path(repository))

    def labels(self, repository: str) -> tuple[Label, ...]:
        """The repository's own labels."""
        found = self._pages(f"{_path(repository)}/labels?per_page=100")
        return tuple(Label(str(one["name"]), one.get("description") or "", one.get("color") or "") for one in found)

    def history(self, repository: str, number: int) -> tuple[LabelEvent, ...]:
        """Who put which label on this issue and who took which off, oldest first."""
        events = self._pages(f"{_path(repository)}/issues/{number:d}/events?per_page=100")
        return tuple(
            LabelEvent(str(event["label"]["name"]), event["event"], str((event.get("actor") or {}).get("login", "")))
            for event in events
            if event.get("event") in ("labeled", "unlabeled") and isinstance(event.get("label"), dict)
        )

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

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        url = path
        for _ in range(MOST_PAGES):
            answer, response = self._read(url)
            if not isinstance(answer, list):
                raise Unavailable(f"GitHub answered GET {path} with something else than a list.", TROUBLE_REMEDY)
            yield from (one for one in answer if isinstance(one, dict))
            url = response.links.get("next", {}).get("url", "")
            if not url:
                return
        raise Unavailable(f"GET {path} did not end after {MOST_PAGES} pages.", TROUBLE_REMEDY)

    def _read(self, url: str) -> tuple[Any, httpx2.Response]:
        for _ in range(MOST_REDIRECTS):
            answer, response = self._send("GET", self._absolute(url))
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

    def _send(self, method: str, url: str, body: dict[str, Any] | None = None) -> tuple[Any, httpx2.Response]:
        attempt = 0
        while True:
            started = self._clock()
            try:
                return self._once(method, url, body)
            except (RateLimited, Unavailable) as error:
                attempt += 1
                self._spent += max(0.0, self._clock() - started)
                seconds = self._pause(error, attempt)
                if self._spent + seconds > self._budget:
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

    def _once(self, method: str, url: str, body: dict[str, Any] | None) -> tuple[Any, httpx2.Response]:
        import httpx2  # 0.15 s: only where a request is made

        asked = f"{method} {urlsplit(url).path}"
        try:
            response = self._client().request(method, url, json=body)
        except httpx2.TimeoutException as error:
            raise Unavailable(f"GitHub did not answer {asked} within {self._timeout:g} s.", TROUBLE_REMEDY) from error
        except httpx2.RequestError as error:
            reason = self._safe(str(error)) or type(error).__name__
            raise Unavailable(f"GitHub was out of reach for {asked}: {reason}.", TROUBLE_REMEDY) from error
        try:
            answer = response.json() if response.content else None
        except (ValueError, RecursionError) as error:
            answer = None
            if response.is_success:
                what = f"GitHub's answer to {asked} is not JSON: cut off, or a proxy's page."
                raise Unavailable(what, TROUBLE_REMEDY) from error
        if response.is_success or response.has_redirect_location:
            return answer, response
        said = str(answer.get("message", "")) if isinstance(answer, dict) else response.reason_phrase
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


def _path(repository: str) -> str:
    owner, _, name = repository.partition("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", owner) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name in (".", ".."):
        raise UsageError(f"'{repository}' does not name a repository.", "Write owner/name, for instance octocat/hello.")
    return f"/repos/{repository}"
