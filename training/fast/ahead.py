"""Steps made ready by another process, so that a GPU need not wait for text to be encoded."""

from __future__ import annotations

import multiprocessing
import queue
from typing import Any

from labeler.errors import LabelerError
from training.fast.loop import Stream
from training.fast.parts import Part

_STEPS = 12  # made ready at most
_PATIENCE = 5  # seconds, between two looks whether the other process is alive


class Ahead:
    """A stream that gives what `stream` would, in the same order; its state is that of the steps given out.

    Use it as a context: the process ends with it. Needs `os.fork`.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream, self._state = stream, stream.state()
        self._process: Any = None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def __next__(self) -> list[Part]:
        if self._process is None:
            context = multiprocessing.get_context("fork")
            self._ready = context.Queue(_STEPS)
            self._process = context.Process(target=_make, args=(self._stream, self._ready), daemon=True)
            self._process.start()
        parts: list[Part]
        while True:
            try:
                parts, self._state = self._ready.get(timeout=_PATIENCE)
                return parts
            except queue.Empty:
                if not self._process.is_alive():
                    what = f"The process that encodes the rows ended with {self._process.exitcode}."
                    raise LabelerError(what, "Its own message stands above; memory may have run out.") from None

    def state(self) -> Any:
        return self._state

    def restore(self, state: Any) -> None:
        """Before the first step only."""
        self._stream.restore(state)
        self._state = state


def _make(stream: Stream, ready: Any) -> None:
    while True:
        ready.put((next(stream), stream.state()))
