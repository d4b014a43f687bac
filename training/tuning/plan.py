"""What a run is about to do: rows, tokens, steps, memory; printed, and refused where it cannot work."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from labeler.errors import InputError
from training.rows.batching import Batch
from training.rows.examples import Example
from training.rows.rows_by_split import TuningData
from training.tuning.device import Device, Numerics
from training.tuning.memory import Memory
from training.tuning.settings import TuningSettings


@dataclass(frozen=True)
class Plan:
    """The facts of a run before its first step.

    Attributes:
        rows: split -> rows; labels: label -> rows of train, validation and test that have it.
        tokens_mean, tokens_p95, tokens_most: tokens of a training example, prompt and answer.
        truncated: share of training rows whose issue is longer than the token budget.
        filling: share of the tokens computed that are filling.
        batches, steps: in all; evaluate_every: steps between evaluations.
        memory: bytes by part.
    """

    rows: dict[str, int]
    labels: dict[str, tuple[int, int, int]]
    tokens_mean: float
    tokens_p95: int
    tokens_most: int
    truncated: float
    filling: float
    batches: int
    steps: int
    evaluate_every: int
    token_budget: int
    memory: Memory

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"memory_total": self.memory.total}


def make_plan(
    data: TuningData, epochs: Sequence[Sequence[Example]], batches: Sequence[Batch], settings: TuningSettings,
    *, token_budget: int, processes: int, memory: Memory,
) -> Plan:  # fmt: skip
    """`epochs` are the examples of each epoch, `batches` those of all epochs."""
    lengths = sorted(len(example) for examples in epochs for example in examples)
    steps = math.ceil(len(batches) / (settings.accumulation * processes))
    a_epoch = steps / settings.epochs
    counts = {split: Counter(name for row in rows for name in row.labels) for split, rows in data.splits.items()}
    return Plan(
        rows={split: len(rows) for split, rows in data.splits.items()},
        labels={name: tuple(counts[split][name] for split in data.splits) for name in data.labels.names},  # type: ignore[misc]
        tokens_mean=round(sum(lengths) / len(lengths), 1),
        tokens_p95=lengths[math.ceil(0.95 * len(lengths)) - 1],
        tokens_most=lengths[-1],
        truncated=sum(example.truncated for example in epochs[0]) / len(epochs[0]),
        filling=1 - sum(batch.tokens for batch in batches) / sum(batch.filled for batch in batches),
        batches=len(batches),
        steps=steps,
        evaluate_every=max(1, round(a_epoch / settings.evaluations)),
        token_budget=token_budget,
        memory=memory,
    )


def fitted_budget(settings: TuningSettings, prompt: int, answer: int) -> int:
    """Tokens of an issue that leave room for the prompt around it and the longest answer.

    Raises:
        InputError: hardly any are left.
    """
    budget = min(settings.token_budget, settings.sequence_length - prompt - answer)
    if budget < min(64, settings.token_budget):
        raise InputError(
            f"The label list takes {prompt:,} of sequence_length = {settings.sequence_length:,} tokens: "
            "no room is left for the issue.",
            f"Set sequence_length to {prompt + answer + settings.token_budget:,}, describe=false, or list less labels.",
        )
    return budget


def refuse_what_cannot_fit(plan: Plan, batches: Sequence[Batch], device: Device, settings: TuningSettings) -> None:
    """Raises InputError where the estimate is above the device's memory, with what would fit."""
    if not settings.check_memory or plan.memory.total <= device.memory:
        return
    most = max(batch.filled for batch in batches)
    room = device.memory - plan.memory.fixed
    if room <= 0:
        remedy = "Take a smaller base or a lower rank" + (
            "." if settings.quantise_base == "4bit" else ", or set quantise_base=4bit (CUDA only)."
        )
    else:
        share = room / max(1, plan.memory.total - plan.memory.fixed)
        if settings.batch_tokens:
            remedy = f"Set batch_tokens={max(64, int(most * share) // 64 * 64)}"
        else:
            size = int(settings.batch_size * share)
            more = math.ceil(settings.batch_size * settings.accumulation / max(1, size))
            remedy = f"Set batch_size={size} and accumulation={more}" if size else "Lower sequence_length"
        if not plan.memory.checkpointing:
            remedy += ", or gradient_checkpointing=on"
        remedy += "; check_memory=false starts all the same."
    raise InputError(
        f"Training needs about {_gib(plan.memory.total)}; {device.name} has {_gib(device.memory)} free.", remedy
    )


def print_plan(plan: Plan, device: Device, numerics: Numerics, backend: str) -> None:
    """On stderr."""
    from rich.console import Console
    from rich.table import Column

    from labeler.console.tables import right, table

    console = Console(stderr=True, highlight=False)
    counted = {name: [f"{count:,}" if count else "–" for count in counts] for name, counts in plan.labels.items()}
    rows = [(name, *counts) for name, counts in counted.items()]
    rows.append(("rows", *(f"{count:,}" for count in plan.rows.values())))
    console.print(table(("label", *right(*plan.rows)), rows))
    memory = plan.memory
    facts = {
        "tokens": f"{plan.tokens_mean:,.0f} a row, 95 % have at most {plan.tokens_p95:,}, the longest "
        f"{plan.tokens_most:,}; {plan.truncated:.1%} of the issues are cut to {plan.token_budget:,}; "
        f"{plan.filling:.0%} filling",
        "steps": f"{plan.steps:,}, an evaluation every {plan.evaluate_every:,}",
        "memory": f"about {_gib(memory.total)} of {_gib(device.memory)}: weights {_gib(memory.weights)}, gradients "
        f"{_gib(memory.gradients)}, optimiser {_gib(memory.optimizer)}, activations {_gib(memory.activations)}"
        f"{', with gradient checkpointing' if memory.checkpointing else ''}",
        "on": f"{device.name}; {backend}, {numerics.precision}, {numerics.optimizer}",
    }
    said = (*facts.items(), *(("note", text) for text in numerics.notes))
    console.print()
    console.print(table((Column(style="dim", no_wrap=True), ""), said, heads=False))


def _gib(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**27 else f"{size / 2**20:,.0f} MiB"
