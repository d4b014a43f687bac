"""Who put a label on an issue, and who took one off: read from the issue's events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labeler.decision.decide import Present

Kind = Literal["user", "bot", ""]


@dataclass(frozen=True)
class LabelEvent:
    """One label put on or taken off an issue. The fetched issues of `synthetic` hold these fields by these names.

    Attributes:
        name: as GitHub spelt it then.
        login: who did it, "" for a deleted account.
        kind: of that account, "" for a deleted one.
        created_at: ISO 8601, "" where unknown.
    """

    name: str
    change: Literal["labeled", "unlabeled"]
    login: str
    kind: Kind = ""
    created_at: str = ""


def label_events(events: Iterable[Mapping[str, Any]]) -> tuple[LabelEvent, ...]:
    """Of events as GitHub's REST API gives them those that put a label on or take one off, in their order."""
    return tuple(found for event in events if (found := label_event(event)))


def label_event(event: Mapping[str, Any]) -> LabelEvent | None:
    """None for an event of another kind, or one that names no label."""
    change, label = event.get("event"), event.get("label")
    if change not in ("labeled", "unlabeled") or not isinstance(label, Mapping) or not label.get("name"):
        return None
    login, kind = account(event.get("actor"))
    return LabelEvent(str(label["name"]), change, login, kind, str(event.get("created_at") or ""))


def account(actor: object) -> tuple[str, Kind]:
    """The login of an event's actor and whether it is a bot; both "" for a deleted account."""
    if not isinstance(actor, Mapping) or not (login := str(actor.get("login") or "")):
        return "", ""
    return login, "bot" if actor.get("type") == "Bot" or login.endswith("[bot]") else "user"


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
