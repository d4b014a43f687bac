"""What is wanted of a decision, and what is on the issue already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labeler.errors import UsageError


@dataclass(frozen=True)
class Policy:
    """What the user of the action wants. Names compare without case; an alias stands for its label.

    `needs_info` is a label for issues left alone that say too little, `fallback` one where no other is set; with
    `abstain` false no issue is left alone for what it says.
    `skip_languages` are left alone whatever they say: two letters each, as `labeler.text.language.guess` has them.
    `threshold` and `thresholds` are in 0..1; `max_labels` counts newly added labels; `allow` and `block` are shell
    patterns (`area/*`), an empty `allow` allows all; `relabel` lets labels of this action be taken back.
    """

    threshold: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    max_labels: int | None = None
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    fallback: str = ""
    needs_info: str = ""
    abstain: bool = True
    skip_languages: tuple[str, ...] = ()
    relabel: bool = False

    def __post_init__(self) -> None:
        given = {"threshold": self.threshold} | {f"threshold of {name}": t for name, t in self.thresholds.items()}
        for what, threshold in given.items():
            if threshold is not None and not 0 <= threshold <= 1:
                raise UsageError(f"{what}: {threshold} is not between 0 and 1", "Give a number such as 0.4.")
        if self.max_labels is not None and self.max_labels < 0:
            raise UsageError(f"max-labels: {self.max_labels} is negative", "Give 0 or more.")


@dataclass(frozen=True)
class Present:
    """A label on the issue now. `unknown` is treated as a person's."""

    name: str
    by: Literal["person", "action", "unknown"] = "unknown"
