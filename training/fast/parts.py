"""Issues under one label list as tensors: what one pass of the model reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_FILL_TO = 8  # a multiple that matrix units like, and few different lengths to compile for
IGNORED = -100  # of a target: not counted


class Row(NamedTuple):
    """Token ids of an issue, as they follow the prefix, and of its answer."""

    issue: list[int]
    answer: list[int]

    @property
    def length(self) -> int:
        """Tokens that are read: the last of the answer is only predicted."""
        return len(self.issue) + len(self.answer) - 1


@dataclass(frozen=True)
class Part:
    """A label list's prefix, token ids, and rows that follow it."""

    prefix: list[int]
    rows: list[Row]

    @property
    def length(self) -> int:
        """Of the longest row, filled up."""
        return filled(max(row.length for row in self.rows))

    @property
    def tokens(self) -> int:
        """That a pass reads, filling included."""
        return len(self.prefix) + len(self.rows) * self.length

    @property
    def counted(self) -> int:
        """Tokens of the answers: those that the loss counts."""
        return sum(len(row.answer) for row in self.rows)

    def tensors(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Prefix ids (prefix,), row ids (rows, length), and targets (rows, length), `IGNORED` outside the answers."""
        ids = torch.zeros(len(self.rows), self.length, dtype=torch.long)
        targets = torch.full_like(ids, IGNORED)
        for place, row in enumerate(self.rows):
            tokens = torch.tensor(row.issue + row.answer)
            ids[place, : row.length] = tokens[:-1]
            targets[place, len(row.issue) - 1 : row.length] = tokens[len(row.issue) :]
        return torch.tensor(self.prefix, dtype=torch.long, device=device), ids.to(device), targets.to(device)


def split(prefix: list[int], rows: list[Row], tokens: int) -> list[Part]:
    """Parts of at most about `tokens` row tokens, filling included; rows of like length come together."""
    parts: list[Part] = []
    current: list[Row] = []
    for row in sorted(rows, key=lambda row: row.length):
        if current and filled(row.length) * (len(current) + 1) > tokens:
            parts.append(Part(prefix, current))
            current = []
        current.append(row)
    return [*parts, Part(prefix, current)] if current else parts


def filled(length: int) -> int:
    return -(-length // _FILL_TO) * _FILL_TO
