"""What became of one issue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from labeler.decision.decide import Decision, Row, Verdict

NOTHING: Mapping[str, str] = {"labels": "", "probabilities": "{}", "applied": ""}


def passes(row: Row) -> bool:
    """Whether the label fits: a rule tells it, or its probability reaches the threshold."""
    if row.told:
        return True
    return row.probability is not None and row.threshold is not None and row.probability >= row.threshold


@dataclass(frozen=True)
class Outcome:
    """`skipped` says why an issue was not looked at; then there are no probabilities and no decision.

    `applied` and `removed` are what was written to GitHub: both empty in a dry run. Seconds are wall time: of the
    prediction, and of everything since the start.
    """

    repository: str
    number: int | None
    title: str = ""
    skipped: str = ""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    decision: Decision | None = None
    applied: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    dry_run: bool = False
    model: str = ""
    notes: tuple[str, ...] = ()  # on the list: what the repository lacks, what the model was not tuned on
    warnings: tuple[str, ...] = ()  # what was wanted and could not be done, such as a rule that took too long
    predict_seconds: float = 0.0
    total_seconds: float = 0.0

    @property
    def chosen(self) -> tuple[str, ...]:
        """The labels that fit: those newly added (or to be added) and those already on the issue that passed."""
        if self.decision is None:
            return ()
        held = tuple(row.label for row in self.decision.rows if row.verdict is Verdict.PRESENT and passes(row))
        return (*self.decision.add, *held)

    def outputs(self) -> dict[str, str]:
        """The action's outputs; `probabilities` is a JSON object of plain ASCII."""
        rounded = {name: round(value, 4) for name, value in self.probabilities.items()}
        return {
            "labels": ",".join(self.chosen),
            "probabilities": json.dumps(rounded),
            "applied": ",".join(self.applied),
        }
