"""Annotating and writing as every command shows them: with a bar that says what is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.progress import counted_with
from synthetic.annotating.annotation import Tally, annotate
from synthetic.annotating.generation import Written, generate, lacking, read_written, training_rows

if TYPE_CHECKING:
    from synthetic.annotating.plan import Task
    from synthetic.annotating.writer import Writer
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


def generate_with_bar(
    folder: Path, writer: Writer, per_label: int, *, only: Sequence[str], examples: int = 3
) -> Written:
    """What `generate` wrote for the labels `only`. Raises what it does."""
    lacks = lacking(only, training_rows(folder), read_written(folder), per_label)
    with counted_with(sum(lacks.values()), "writing", "${:.4f}") as advance:

        def kept(count: int) -> None:
            for _ in range(count):
                advance(writer.asker.budget.spent)

        return generate(folder, writer, per_label, only=only, examples=examples, on_request=kept)
