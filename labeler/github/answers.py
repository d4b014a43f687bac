"""What GitHub's REST API is asked about, and what it gives, as `labeler.github.client` hands it on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from labeler.errors import UsageError


@dataclass(frozen=True)
class RateLimit:
    limit: int
    remaining: int
    reset: int  # seconds since 1970, UTC


@dataclass(frozen=True)
class Page:
    """One page of a list. `next` is the address of the one after it, empty at the end; `last` the last one's number, 0
    where GitHub does not say; `etag` asks whether the page is still the same."""

    items: tuple[dict[str, Any], ...]
    next: str
    last: int
    etag: str


def path_of(repository: str) -> str:
    owner, _, name = repository.partition("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", owner) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name in (".", ".."):
        raise UsageError(f"'{repository}' does not name a repository.", "Write owner/name, for instance octocat/hello.")
    return f"/repos/{repository}"
