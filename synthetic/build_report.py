"""What a run over the steps came to, for a terminal, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from synthetic.pipeline import Built
    from synthetic.workspace.ledger import Done


def show(built: Built, folder: Path, max_cost: float | None) -> None:
    """Prints a table of the steps, of which those that were not done again are dim, and `next_step`."""
    from labeler.console.tables import styled
    from labeler.console.terminal import console

    total, seconds = sum(one.made.cost for one in built.steps), sum(one.seconds for one in built.steps)
    so_far = f"${built.cost:.4f} in all runs" if built.cost else ""
    last = styled("bold", ("together", "", f"${total:.4f}" if total else "", f"{seconds:,.1f} s", so_far))
    console().print(steps_table("step", built.steps, [last]))
    print(next_step(built, folder, max_cost))


def steps_table(head: str, steps: Iterable[Done], below: Sequence[Sequence[Text]] = ()) -> Table:
    """A row a step: `head` is what steps are called, `below` are rows after the last."""
    from rich.table import Column

    from labeler.console.tables import right, styled, table

    numbers = right("rows", "cost", "time", no_wrap=True)
    columns = (Column(head, no_wrap=True), *numbers, Column("what", overflow="fold"))
    rows = []
    for one in steps:
        cost = f"${one.made.cost:.4f}" if one.made.cost else ""
        took = "as before" if one.skipped else f"{one.seconds:,.1f} s"
        cells = (one.step, f"{one.made.rows:,}", cost, took, one.made.what)
        rows.append(styled("dim" if one.skipped else "", cells))
    return table(columns, [*rows, *below])


def next_step(built: Built, folder: Path, max_cost: float | None) -> str:
    """What there is to do now. `max_cost` is the limit of the run, in US dollars."""
    if built.over_budget:
        return f"stopped before --max-cost {max_cost:g} is exceeded; run the same command again to go on"
    if built.undecided:
        first = f"python -m synthetic review {folder}"
        return f"next: {first}   ({built.undecided:,} issues on which the annotators disagree), then this command again"
    return f"next: python -m training run --data {folder} --base labeler/starter --preset few --out runs/{folder.name}"
