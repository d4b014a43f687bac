"""Who put a label on an issue, and who took one off: read from the issue's events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labeler.decision.decide import Present


@dataclass(frozen=True)
class LabelEvent:
    """One label put on or taken off an issue by `login` ("" for a deleted account)."""

    name: str
    change: Literal["labeled", "unlabeled"]
    login: str


def standing(
    names: Sequence[str], history: Sequence[LabelEvent], login: str
) -> tuple[tuple[Present, ...], frozenset[str]]:
    """Who put each of `names` on the issue, and the labels that a person took off it.

    `history` is oldest first, and the last event of a label decides. `login` is the action's own: everybody else is a
    person here, other bots too. A label without an event (renamed since, or from a migration) is of unknown origin.
    """
    last = {event.name.casefold(): event for event in history}
    on_it = {name.casefold() for name in names}
    ours = login.casefold()

    def origin(name: str) -> Literal["person", "action", "unknown"]:
        event = last.get(name.casefold())
        if event is None or event.change == "unlabeled":
            return "unknown"
        return "action" if event.login.casefold() == ours else "person"

    removed = frozenset(
        event.name
        for key, event in last.items()
        if event.change == "unlabeled" and key not in on_it and event.login.casefold() != ours
    )
    return tuple(Present(name, origin(name)) for name in names), removed
