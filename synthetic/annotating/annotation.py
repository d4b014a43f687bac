"""Has annotators label the prepared issues: each answer is on the disk as it comes, and none is asked for twice."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from synthetic.annotating.plan import Task
from synthetic.llm.failures import GeminiError
from synthetic.llm.pace import Pace, Stopped
from synthetic.workspace.jsonl import Appender
from synthetic.workspace.records import ANSWERS, Answer, to_line


@dataclass
class Tally:
    """What a run came to. `error` is what stopped it, to be raised; `unmatched` answers of batches are nobody's."""

    labelled: int = 0
    failed: int = 0
    cost: float = 0.0
    error: BaseException | None = None
    errors: dict[str, int] = field(default_factory=dict)
    unmatched: int = 0

    def count(self, answer: Answer) -> None:
        self.cost += answer.cost
        if answer.labels is None:
            self.failed += 1
            self.errors[answer.error] = self.errors.get(answer.error, 0) + 1
        else:
            self.labelled += 1


def annotate(
    folder: Path,
    tasks: Sequence[Task],
    pace: Pace,
    *,
    concurrency: int = 8,
    caches: Mapping[str, str] | None = None,
    on_answer: Callable[[Answer], None] = lambda answer: None,
    on_interrupt: Callable[[int], None] = lambda under_way: None,
) -> Tally:
    """Asks, `concurrency` requests at a time, and appends each answer to the folder's answers.jsonl as it comes.

    Ctrl-C lets the requests under way come home, as they are paid, and then ends the run; a second one does not wait.

    Args:
        caches: model -> name of the cached instruction.
        on_answer: told of each answer when it is on the disk.
        on_interrupt: told how many requests are waited for.

    Returns:
        The tally; its `error` is for the caller to raise, after it has said what was done.
    """
    todo: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
    for _ in range(min(concurrency, len(tasks))):
        # Daemons: a second Ctrl-C must not wait for them.
        threading.Thread(target=_work, args=(todo, done, caches or {}), daemon=True).start()
    tally, waiting, under_way = Tally(), iter(tasks), 0

    def interrupt() -> None:
        tally.error = KeyboardInterrupt()
        pace.stop()
        on_interrupt(under_way)

    with _first_interrupt(interrupt), Appender(folder / ANSWERS) as answers:
        while True:
            # Never more than the workers take at once: what a kill can cost is what is under way.
            while tally.error is None and under_way < concurrency and (task := next(waiting, None)) is not None:
                under_way += 1
                todo.put(task)
            if not under_way:
                break
            found = done.get()
            under_way -= 1
            if isinstance(found, BaseException):
                _note(tally, found, pace)
                continue
            answers.write(to_line(found))
            tally.count(found)
            on_answer(found)
    for _ in range(concurrency):
        todo.put(None)
    return tally


@contextmanager
def _first_interrupt(call: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `call` in the main thread and breaks nothing off; a further one does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        call()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(
    todo: queue.SimpleQueue[Task | None],
    done: queue.SimpleQueue[Answer | BaseException],
    caches: Mapping[str, str],
) -> None:
    while (task := todo.get()) is not None:
        try:
            done.put(task.annotator.label(task.issue.issue, caches.get(task.annotator.model, "")))
        except BaseException as error:  # whatever it is, the main thread waits for it
            done.put(error)


def _note(tally: Tally, error: BaseException, pace: Pace) -> None:
    """Ends the run for the first error; those that follow from its end say nothing new."""
    if isinstance(error, Stopped) or tally.error is not None:
        return
    if not isinstance(error, GeminiError):
        pace.stop()
    tally.error = error
