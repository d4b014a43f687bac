"""An issue as a person names it."""

from __future__ import annotations

import re

from labeler.errors import UsageError

_TARGET = re.compile(
    r"(?:https?://[^/\s]+/)?(?P<repository>[\w.-]+/[\w.-]+)(?:#|/issues/)(?P<number>\d+)(?:[#?].*)?", re.ASCII
)


def parse_target(text: str) -> tuple[str, int]:
    """("owner/repo", 123) from "owner/repo#123" or an issue's address. Raises UsageError."""
    found = _TARGET.fullmatch(text)
    if not found:
        raise UsageError(
            f"{text!r} is no issue",
            "Write owner/repo#123, an issue's address, - for stdin, or a command such as apply or info (see --help).",
        )
    return found["repository"], int(found["number"])
