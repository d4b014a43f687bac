"""What a program says beside its result: notes and progress bars on stderr, bars on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from labeler.data.textfile import one_line


def say(text: str) -> None:
    """A note on stderr, on one line."""
    print(one_line(text), file=sys.stderr)


@contextmanager
def counted(total: int, what: str) -> Iterator[Callable[[], None]]:
    """A function to call after each of `total` items."""
    with _bar(total, what, "", 0) as advance:
        yield lambda: advance(0.0)


@contextmanager
def counted_with(total: int, what: str, shown: str, done: int = 0) -> Iterator[Callable[[float], None]]:
    """A function to call after each of `total` items with a figure, which stands beside the bar.

    Args:
        shown: the figure's format, such as "${:.4f}".
        done: items that are behind us already.
    """
    with _bar(total, what, shown, done) as advance:
        yield advance


@contextmanager
def _bar(total: int, what: str, shown: str, done: int) -> Iterator[Callable[[float], None]]:
    if total < 2 or not sys.stderr.isatty():
        yield lambda figure: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    if shown:
        columns.append(TextColumn("{task.fields[shown]}"))
    # Left alone, rich would send what is printed to the bar's own stream, past a pipe or a file.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(what, total=total, completed=done, shown=shown.format(0.0))
        yield lambda figure: progress.update(task, advance=1, shown=shown.format(figure))


@contextmanager
def download_bar() -> Iterator[Callable[[int, int | None], None] | None]:
    """A function to call with the bytes done and the bytes in all; it draws nothing before the first call."""
    if not sys.stderr.isatty():
        yield None
        return
    with ExitStack() as stack:
        update: Callable[[int, int | None], None] | None = None

        def show(done: int, total: int | None) -> None:
            nonlocal update
            update = update or _open_download(stack)
            update(done, total)

        yield show


def _open_download(stack: ExitStack) -> Callable[[int, int | None], None]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("fetching the model"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    task = progress.add_task("", total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)
