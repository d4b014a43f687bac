"""How long tuning goes on, and at which learning rate."""

from __future__ import annotations

from dataclasses import dataclass

from labeler.errors import InputError


@dataclass
class Position:
    """How far the run is: steps, rows, tokens, and seconds spent in steps."""

    step: int = 0
    rows: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Budget:
    """How long to tune: the first of these that is used up ends it; 0 means no such limit.

    Attributes:
        rows: issues; tokens: those of the passes, filling included; seconds: spent in steps.
    """

    rows: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not any((self.rows, self.tokens, self.seconds)):
            raise InputError("no budget to tune for", "Give rows, tokens or seconds.")

    def done(self, position: Position) -> float:
        """The share that is used up, from 0; 1 or more: the end."""
        return max(
            used / limit
            for used, limit in (
                (position.rows, self.rows),
                (position.tokens, self.tokens),
                (position.seconds, self.seconds),
            )
            if limit
        )


@dataclass(frozen=True)
class LoopSettings:
    """How to tune.

    Attributes:
        hold: share of the budget at the full rate (after `warmup_steps`); then it falls to 0 in a straight line.
        save_every: steps between two states on disk.
    """

    budget: Budget
    learning_rate: float
    beta2: float = 0.98
    weight_decay: float = 0.0
    clip: float = 1.0
    warmup_steps: int = 25
    hold: float = 0.35
    save_every: int = 40

    def rate(self, step: int, done: float) -> float:
        """The learning rate of a step, counted from 0, when `done` of the budget is used up."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        return self.learning_rate * warm * min(1.0, (1 - done) / (1 - self.hold))
