"""What of a repository's own state stands in the way of labelling its issues, as GitHub's REST object tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def obstacle(facts: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is wrong with the repository, after its name, and the remedy; None where nothing is."""
    if facts.get("archived"):
        return "is archived: it can be read, and nothing can be labelled", "Unarchive it in its settings."
    if facts.get("disabled"):
        return "is disabled by GitHub: nothing can be labelled", "Its owner must ask GitHub's support."
    if not facts.get("has_issues", True):
        return "has issues switched off", "Switch them on in its settings."
    return None
