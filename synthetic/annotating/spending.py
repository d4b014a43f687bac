"""Annotating as every command shows it: a bar with what is spent, and a word where it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.progress import counted_with
from synthetic.annotating.annotation import Tally, annotate

if TYPE_CHECKING:
    from synthetic.annotating.plan import Task
    from synthetic.llm.asking import Asker


def annotate_with_bar(
    folder: Path,
    tasks: Sequence[Task],
    asker: Asker,
    say: Callable[[str], None],
    *,
    concurrency: int = 8,
    caches: Mapping[str, str] | None = None,
) -> Tally:
    """The tally of `annotate`, with all that was spent: what a task cost that was given up half-way is in no answer."""
    before = asker.budget.spent
    with counted_with(len(tasks), "asking", "${:.4f}") as advance:
        tally = annotate(
            folder,
            tasks,
            asker.pace,
            concurrency=concurrency,
            caches=caches,
            on_answer=lambda answer: advance(asker.budget.spent),
            on_interrupt=lambda under_way: say(
                f"waiting for {under_way} requests under way, which are paid; Ctrl-C again drops them"
            ),
        )
    tally.cost = asker.budget.spent - before
    return tally
