"""The part of a list that a repository has: what the model is asked for, and what is missing.

Asked for ten labels of which the repository has four, the model spends its answer on the other six, and the issue goes
without. A label marked `show: always` in labels.yml is asked for all the same: it competes, and is not set.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from labeler.labels.counterparts import counterparts
from labeler.labels.label_set import LabelSet


@dataclass(frozen=True)
class Part:
    """`shown` is what to ask for; `missing` are names that the repository has under no spelling, in listed order."""

    shown: LabelSet
    missing: tuple[str, ...] = ()

    def said(self, repository: str, labels: str = "") -> str:
        """One sentence with the command that mends it; empty where nothing is missing. `labels`: the file's path."""
        if not self.missing:
            return ""
        option = f" --labels {labels}" if labels else ""
        return (
            f"The repository lacks {len(self.missing)} of the list's labels: {', '.join(self.missing)}. They are never "
            f"set; to create them: python -m labeler labels sync {repository}{option}"
        )


def part_of(labels: LabelSet, live: Collection[str]) -> Part:
    """The part of `labels` that is among the `live` names of a repository, by name, alias or look.

    All of it where the repository has none: an empty list cannot be asked for, and nothing is set then.
    """
    there = counterparts(labels, live)
    shown = tuple(label for label in labels if label in there or label.show == "always")
    missing = tuple(label.name for label in labels if label not in there)
    return Part(LabelSet(shown) if there else labels, missing)
