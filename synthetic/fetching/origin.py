"""Where issues come from and since when, as people write it."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from labeler.errors import UsageError
from synthetic.fetching.issues import utc


def read_repository(text: str) -> str:
    """owner/name, of that or of the address of a repository or of its issues. Raises UsageError."""
    found = re.fullmatch(r"(?:https?://[^/\s]+/)?([\w.-]+/[\w.-]+?)(?:\.git|/issues)?/?", text, re.ASCII)
    if not found:
        raise UsageError(f"'{text}' does not name a repository.", "Write owner/name, for instance octocat/hello.")
    return found[1]


def check_repository(name: str) -> None:
    """Raises UsageError for what is not owner/name."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        raise UsageError(f"'{name}' does not name a repository.", "Write owner/name.")


def read_api_url(text: str) -> str:
    """The address of a GitHub API, without a slash at its end. Raises UsageError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise UsageError("--api-url is no address of an API", "Write it like https://github.example.com/api/v3.")
    return text.rstrip("/")


def read_since(text: str) -> str:
    """A date or a time in ISO 8601 as GitHub writes it, in UTC. Raises UsageError."""
    try:
        return utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--since {text}: no date", "Write it like 2024-01-31 or 2024-01-31T12:00Z, or last."
        ) from error
