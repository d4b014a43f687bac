"""What it would take to have issues written: how many, in how many requests, for about how much money."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthetic.annotating.generation import AT_ONCE, lacking, read_written, training_rows
from synthetic.annotating.writer import Writer
from synthetic.llm.cost import estimated_tokens
from synthetic.llm.messages import Request

ASSUMED_ISSUE_TOKENS = 250


@dataclass(frozen=True)
class GenerationEstimate:
    """A run as it would be if no issue were dropped.

    Attributes:
        lacking: label -> how many training rows it is short of.
        cost: US dollars, with ASSUMED_ISSUE_TOKENS an issue.
        request: the first one.
    """

    lacking: Mapping[str, int]
    requests: int
    cost: float
    request: Request


def estimate_generation(
    folder: Path, writer: Writer, per_label: int, *, only: Sequence[str], examples: int = 3
) -> GenerationEstimate | None:
    """The estimate for `synthetic.annotating.generation.generate`; None where no label is short of rows.

    Raises:
        InputError: there is no training split, or a file of the folder is damaged.
    """
    rows = training_rows(folder)
    lacks = lacking(only, rows, read_written(folder), per_label)
    if not lacks:
        return None
    label = next(iter(lacks))
    shown = [row for row in rows if label in row.labels][:examples]
    request = writer.request(label, min(AT_ONCE, lacks[label]), shown, (), seed=1)
    requests = sum(math.ceil(count / AT_ONCE) for count in lacks.values())
    tokens = estimated_tokens(request, {}, writer.price) | {"output": AT_ONCE * ASSUMED_ISSUE_TOKENS}
    return GenerationEstimate(lacks, requests, requests * writer.price.of(tokens), request)
