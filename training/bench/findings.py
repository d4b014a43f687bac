"""What `training.bench.benchmark` found: seconds by part, memory, and what a whole run would take."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

ISSUES, EPOCHS = 1250, 3  # of the run whose time is told


@dataclass(frozen=True)
class Times:
    """Seconds of the timed steps by part, with the rows and the tokens (without filling) that they had."""

    steps: int
    rows: int
    tokens: int
    parts: dict[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.parts.values())

    def share(self, *names: str) -> float:
        return sum(self.parts[name] for name in names) / self.seconds


@dataclass(frozen=True)
class Report:
    """What was found. Memory is in bytes.

    Attributes:
        wanted, batch_size, accumulation: rows of a batch as set, and what fits.
        checkpointing: whether activations are computed twice to save memory; of batches with more tokens than
            `checkpoint_above`.
        peak: of two steps on full batches of `batch_size` rows with `sequence_length` tokens; of a GPU what tensors
            take, of a CPU the process's resident memory.
        estimated: what a run's plan would have said of that.
        tried: batch size -> peak, None where memory ran out, or surely would have.
    """

    shape: str
    parameters: int
    device: str
    backend: str
    precision: str
    optimizer: str
    sequence_length: int
    wanted: int
    batch_size: int
    accumulation: int
    checkpointing: bool
    checkpoint_above: int
    peak: int
    estimated: int
    times: Times
    tried: dict[int, int | None] = field(default_factory=dict)

    def run_seconds(self) -> float:
        """Of `EPOCHS` epochs on `ISSUES` issues, evaluations not counted."""
        return ISSUES * EPOCHS * self.times.seconds / self.times.rows

    def to_dict(self) -> dict[str, Any]:
        times = self.times
        return asdict(self) | {
            "samples_per_second": times.rows / times.seconds,
            "tokens_per_second": times.tokens / times.seconds,
            "run_seconds": self.run_seconds(),
            "around_the_model": times.share("tokenising", "collating", "logging"),
        }
