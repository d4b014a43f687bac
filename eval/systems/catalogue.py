"""The classical systems by the names that a command line gives them."""

from __future__ import annotations

from eval.systems.embedded import Head, Neighbours
from eval.systems.simple import Keywords, Majority
from eval.systems.system import System
from eval.systems.text import Bayes, Linear
from labeler.errors import UsageError


def baselines() -> dict[str, System]:
    """The classical systems by key, the simplest first."""
    systems: tuple[System, ...] = (Majority(), Keywords(), Bayes(), Linear(), Neighbours(), Head())
    return {system.key: system for system in systems}


def choose(names: str) -> list[System]:
    """The systems of "all", "none" or a list such as "linear, bayes", in the order of `baselines()`.

    Raises UsageError for a name that is none of them.
    """
    known = baselines()
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    if wanted == {"all"}:
        return list(known.values())
    if wanted == {"none"}:
        return []
    unknown = sorted(wanted - set(known))
    if unknown or not wanted:
        what = f"{', '.join(unknown) or 'an empty list'}: no such system"
        raise UsageError(what, f"Choose among {', '.join(known)}, or all, or none.")
    return [system for key, system in known.items() if key in wanted]
