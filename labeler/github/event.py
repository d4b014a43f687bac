"""The event that started a run: which issue it is about, and whether there is a reason to leave that issue alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from labeler.config import Settings
from labeler.errors import InputError, UsageError
from labeler.text.issue import Issue, from_event

Skip = Callable[[Issue], str]  # the reason to leave an issue alone, or nothing


def skip_rules(settings: Settings) -> Skip:
    """The reason to leave an issue alone, from what it is."""

    def reason(issue: Issue) -> str:
        if issue.is_pull_request:
            return "it is a pull request"
        if issue.repository and settings.repository and issue.repository.lower() != settings.repository.lower():
            return f"it was transferred to {issue.repository}"
        for pattern in settings.skip_authors:
            if _matches(issue.author, pattern):
                return f"its author {issue.author} is in skip-authors ({pattern})"
        if settings.skip_labelled and issue.labels:
            return f"it has labels already ({', '.join(issue.labels)}), and skip-labelled is set"
        return ""

    return reason


def _matches(login: str, pattern: str) -> bool:
    """Shell wildcards without case; brackets stand for themselves, since every bot's name ends in `[bot]`."""
    return fnmatchcase(login.lower(), re.sub(r"\[", "[[]", pattern.lower()))


def reason_of_event(payload: Mapping[str, Any], issue: Issue) -> str:
    """The reason to leave an issue alone, from what happened to it."""
    happened = payload.get("action")
    if issue.transferred_to:
        return f"it was transferred to {issue.transferred_to}"
    if happened == "deleted":
        return "it was deleted"
    changes = payload.get("changes")
    if happened == "edited" and not (isinstance(changes, dict) and {"title", "body"} & changes.keys()):
        return "neither its title nor its text was edited"
    return ""


def read_event(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        payload = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: the event cannot be read: {error}", "GITHUB_EVENT_PATH must name its file."
        ) from error
    return payload if isinstance(payload, dict) else {}


def subject(payload: Mapping[str, Any], settings: Settings) -> tuple[Issue | None, int]:
    """The event's issue, and the number of the issue to label. `issue-number` prevails over another issue's event."""
    if not settings.repository:
        raise UsageError("GITHUB_REPOSITORY is not set.", "Run this in a workflow of GitHub Actions.")
    issue = from_event(payload) if settings.issue_number is None or "issue" in payload else None
    number = settings.issue_number or (issue.number if issue else None)
    if number is None:
        raise InputError("The event's issue has no number.", "Give the input issue-number.")
    return (issue if issue and issue.number == number else None), number
