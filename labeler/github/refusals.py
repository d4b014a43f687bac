"""What GitHub may answer instead of doing what it was asked, each with its remedy.

GitHubError         (labeler.errors)
├── BadToken        401, or a token that cannot be sent
├── Forbidden       403: the token may not do this
│   └── ReadOnly    403: nobody may, such as in an archived repository
├── RateLimited     403 or 429: a primary or secondary rate limit
├── NotFound        404: misspelt, or private and out of the token's sight
├── Moved           a redirect that is not followed: of a write, or to another host
├── Gone            410: the issue was deleted, or issues are switched off
├── Invalid         422 and other 4xx
├── NoNetwork       GitHub's name could not be resolved: nothing was asked
└── Unavailable     5xx, a timeout, a cut connection, an answer that is not JSON
"""

# ruff: noqa: N818 - named for what GitHub says
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from labeler.base.retry import retry_after
from labeler.errors import GitHubError


class BadToken(GitHubError):
    pass


class Forbidden(GitHubError):
    pass


class ReadOnly(Forbidden):
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


class NoNetwork(GitHubError):
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
    422: (
        Invalid,
        "An issue takes 100 labels, and a label's name 50 characters. If it is neither of these, please report this.",
    ),
}
# What GitHub says where the status alone would lead to the wrong advice.
BY_WORDS: tuple[tuple[int, str, type[GitHubError], str], ...] = (
    (403, r"archived", ReadOnly, "Nothing can be labelled in an archived repository: unarchive it, or stop this job."),
    (403, r"suspended|blocked|disabled", ReadOnly, "No permission helps: ask GitHub's support about this account."),
    (403, r"locked", ReadOnly, "The issue is locked: unlock it, or give the token of somebody with write access."),
    (403, r"\bSAML\b|\bSSO\b", Forbidden, "Authorise the token for the organization's single sign-on."),
    (
        403,
        r"IP allow list",
        Forbidden,
        "The organization takes requests from listed addresses only.",
    ),
    (410, r"issues (?:are|has been|have been) (?:disabled|switched off)", Gone, "Switch issues on in its settings."),
    (410, r"deleted", Gone, "The issue was deleted: nothing is left to label."),
)
LIMIT_REMEDY = "Too many requests were made with this token. Run this again after the limit has been reset."
TROUBLE_REMEDY = "See https://www.githubstatus.com and run this again later."


def refusal(asked: str, status: int, said: str, headers: Mapping[str, str], now: float) -> GitHubError:
    """The error for an answer with `status` (not 2xx) and GitHub's own message `said`. `now` in seconds since 1970."""
    text = f"GitHub refused {asked}: {status} {said}".rstrip(". ") + "."
    by_words = next((one[2:] for one in BY_WORDS if one[0] == status and re.search(one[1], said, re.IGNORECASE)), None)
    if status >= 500 or status < 400:
        return Unavailable(text, TROUBLE_REMEDY)
    if status in (403, 429):
        seconds = asked_to_wait(headers, now)
        if status == 429 or seconds is not None or re.search(r"rate limit|abuse", said, re.IGNORECASE):
            limited = RateLimited(text, LIMIT_REMEDY)
            limited.seconds = seconds
            return limited
        needed = headers.get("x-accepted-github-permissions", "")
        if by_words is None and re.fullmatch(r"[a-z_=;, ]{1,100}", needed):
            text += f" GitHub asks for {needed}."
    kind, remedy = by_words or REMEDIES.get(status, (Invalid, ""))
    return kind(text, remedy)


def message_of(answer: Any) -> str:
    """GitHub's own words in the body of a refusal: its message, and the reasons that `errors` gives one by one."""
    if not isinstance(answer, Mapping):
        return ""
    return ": ".join(filter(None, (str(answer.get("message") or ""), "; ".join(_reasons(answer.get("errors"))))))


def _reasons(errors: object) -> Iterator[str]:
    for one in errors if isinstance(errors, list) else ():
        if isinstance(one, Mapping):
            yield str(one.get("message") or " ".join(str(one[key]) for key in ("field", "code") if one.get(key)))
        elif isinstance(one, str):
            yield one


def asked_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds by GitHub's rules: `retry-after` first, else until the reset of a used-up limit; None without either."""
    if (after := retry_after(headers)) is not None:
        return after
    if headers.get("x-ratelimit-remaining") == "0" and (reset := headers.get("x-ratelimit-reset", "")).isdecimal():
        return max(0.0, float(reset) - now) + 1.0
    return None
