"""A progress bar on stderr that also shows what has been spent; on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def spending_bar(total: int, what: str) -> Iterator[Callable[[float], None]]:
    """A function to call after each of `total` items with the US dollars spent so far."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda spent: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("${task.fields[spent]:.4f}"),
    )
    # Left alone, rich would send what is printed to the bar's own stream, past a pipe or a file.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(what, total=total, spent=0.0)
        yield lambda spent: progress.update(task, advance=1, spent=spent)
