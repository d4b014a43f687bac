"""Which rows share a batch: all batches of all epochs, planned before the first step, in an order fixed by the seed.

Since the plan is a plain list, a run that is resumed goes on at the place where it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from training.rows.examples import Example
from training.tuning.settings import TuningSettings

_GROUPED = 50  # batches whose rows are sorted by length together, as transformers' length grouping does


@dataclass(frozen=True)
class Batch:
    """Examples that are computed together; they are filled up at their end to `length` tokens."""

    epoch: int
    examples: tuple[Example, ...]
    length: int

    @property
    def tokens(self) -> int:
        """Tokens that are no filling."""
        return sum(len(example) - 1 for example in self.examples)

    @property
    def filled(self) -> int:
        return self.length * len(self.examples)

    @property
    def counted(self) -> int:
        """Tokens that the loss counts."""
        return sum(example.answer for example in self.examples)


def plan_batches(epochs: Sequence[Sequence[Example]], settings: TuningSettings) -> list[Batch]:
    """All batches in the order of training, epoch after epoch."""
    plan: list[Batch] = []
    for epoch, examples in enumerate(epochs):
        rng = random.Random(f"{settings.seed} {epoch}")
        order = list(range(len(examples)))
        rng.shuffle(order)
        groups = [[examples[i] for i in part] for part in _groups(order, examples, settings)]
        if settings.length_grouping:
            rng.shuffle(groups)
        plan += [_batch(epoch, group, settings.fill_to) for group in groups]
    if plan:
        # The largest batch comes first: what does not fit into memory fails in the first minute.
        plan.insert(0, plan.pop(max(range(len(plan)), key=lambda i: (plan[i].epoch == 0, plan[i].filled))))
    return plan


def in_order(examples: Sequence[Example], settings: TuningSettings) -> list[Batch]:
    """Batches for evaluation, longest first: a batch that does not fit fails at once."""
    order = sorted(range(len(examples)), key=lambda i: -len(examples[i]))
    return [
        _batch(0, [examples[i] for i in part], settings.fill_to)
        for part in _cut(order, [len(example) for example in examples], settings)
    ]


def _groups(order: list[int], examples: Sequence[Example], settings: TuningSettings) -> list[list[int]]:
    lengths = [len(example) for example in examples]
    if not settings.length_grouping:
        return _cut(order, lengths, settings)
    span = _GROUPED * settings.batch_size
    if settings.batch_tokens:
        mean = max(1.0, sum(lengths) / max(1, len(lengths)))
        span = max(1, round(_GROUPED * settings.batch_tokens / mean))
    groups = []
    for start in range(0, len(order), span):
        part = sorted(order[start : start + span], key=lambda i: lengths[i])
        groups += _cut(part, lengths, settings)
    return groups


def _cut(order: Sequence[int], lengths: Sequence[int], settings: TuningSettings) -> list[list[int]]:
    """Cuts a sequence of rows into batches by rows, or by tokens with their filling."""
    groups: list[list[int]] = []
    longest = 0
    for i in order:
        length = _filled(lengths[i] - 1, settings.fill_to)
        count = len(groups[-1]) + 1 if groups else 1
        if settings.batch_tokens:
            full = count > 1 and max(longest, length) * count > settings.batch_tokens
        else:
            full = count > settings.batch_size
        if full or not groups:
            groups.append([])
            longest = 0
        groups[-1].append(i)
        longest = max(longest, length)
    return groups


def _batch(epoch: int, examples: Sequence[Example], fill_to: int) -> Batch:
    # The last token is only ever predicted, never read.
    return Batch(epoch, tuple(examples), _filled(max(len(example) for example in examples) - 1, fill_to))


def _filled(length: int, fill_to: int) -> int:
    return -(-length // fill_to) * fill_to
