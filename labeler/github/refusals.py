"""What GitHub may answer instead of doing what it was asked, each with its remedy.

GitHubError         (labeler.errors)
├── BadToken        401, or a token that cannot be sent
├── Forbidden       403: the token may not do this
├── RateLimited     403 or 429: a primary or secondary rate limit
├── NotFound        404: misspelt, or private and out of the token's sight
├── Moved           a redirect that is not followed: of a write, or to another host
├── Gone            410: the issue was deleted, or issues are switched off
├── Invalid         422 and other 4xx
└── Unavailable     5xx, a timeout, a cut connection, an answer that is not JSON
"""

# ruff: noqa: N818 - named for what GitHub says
from __future__ import annotations

import re
from collections.abc import Mapping

from labeler.base.retry import retry_after
from labeler.errors import GitHubError


class BadToken(GitHubError):
    pass


class Forbidden(GitHubError):
    pass


class RateLimited(GitHubError):
    """`seconds` is how long GitHub asks to wait; None when it does not say."""

    seconds: float | None = None


class NotFound(GitHubError):
    pass


class Moved(GitHubError):
    pass


class Gone(GitHubError):
    pass


class Invalid(GitHubError):
    pass


class Unavailable(GitHubError):
    pass


PERMISSIONS = "permissions:\n  issues: write\n  contents: read"
TOKEN_REMEDY = (
    "In a workflow leave `token:` out to use the job's own token; elsewhere set GITHUB_TOKEN, for instance "
    "GITHUB_TOKEN=$(gh auth token)."
)
REMEDIES: dict[int, tuple[type[GitHubError], str]] = {
    401: (BadToken, f"The token is wrong or has expired. {TOKEN_REMEDY}"),
    403: (
        Forbidden,
        f"The token may not do this. In a workflow add to the job:\n\n{PERMISSIONS}\n\n"
        "A personal token needs the repository permission 'Issues: read and write'.",
    ),
    404: (
        NotFound,
        "Check owner, name and number. A private repository looks like a missing one to a token without access.",
    ),
    410: (Gone, "The issue was deleted, or issues are switched off in this repository: nothing is left to label."),
    422: (Invalid, "If these labels exist in the repository, please report this."),
}
LIMIT_REMEDY = "Too many requests were made with this token. Run this again after the limit has been reset."
TROUBLE_REMEDY = "See https://www.githubstatus.com and run this again later."


def refusal(asked: str, status: int, said: str, headers: Mapping[str, str], now: float) -> GitHubError:
    """The error for an answer with `status` (not 2xx) and GitHub's own message `said`. `now` in seconds since 1970."""
    text = f"GitHub refused {asked}: {status} {said}".rstrip(". ") + "."
    if status >= 500 or status < 400:
        return Unavailable(text, TROUBLE_REMEDY)
    if status in (403, 429):
        seconds = asked_to_wait(headers, now)
        if status == 429 or seconds is not None or re.search(r"rate limit|abuse", said, re.IGNORECASE):
            limited = RateLimited(text, LIMIT_REMEDY)
            limited.seconds = seconds
            return limited
        needed = headers.get("x-accepted-github-permissions", "")
        if re.fullmatch(r"[a-z_=;, ]{1,100}", needed):
            text += f" GitHub asks for {needed}."
    kind, remedy = REMEDIES.get(status, (Invalid, ""))
    return kind(text, remedy)


def asked_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds by GitHub's rules: `retry-after` first, else until the reset of a used-up limit; None without either."""
    if (after := retry_after(headers)) is not None:
        return after
    if headers.get("x-ratelimit-remaining") == "0" and (reset := headers.get("x-ratelimit-reset", "")).isdecimal():
        return max(0.0, float(reset) - now) + 1.0
    return None
