"""Issues under one label list as tensors: what one pass of the model reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_FILL_TO = 8  # a multiple that matrix units like, and few different lengths to compile for


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

    def tensors(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Prefix ids (prefix,), row ids (rows, length), where the answers are predicted in the rows laid end to end
        (counted,), and the answers' tokens there (counted,): nothing for which a GPU has to be waited for."""
        length = self.length
        ids, where, wanted = np.zeros((len(self.rows), length), dtype=np.int64), [], []
        for place, row in enumerate(self.rows):
            ids[place, : row.length] = (row.issue + row.answer)[:-1]
            where.append(np.arange(row.length - len(row.answer), row.length) + place * length)
            wanted += row.answer
        arrays = (np.array(self.prefix, dtype=np.int64), ids, np.concatenate(where), np.array(wanted, dtype=np.int64))
        prefix, rows, at, answers = (torch.from_numpy(array).to(device, non_blocking=True) for array in arrays)
        return prefix, rows, at, answers


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
