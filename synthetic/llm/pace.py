"""Keeps requests within the service's rate: requests and tokens a minute, the pauses it asks for, a bound on tries."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from labeler.base.retry import Patience, second_look

WINDOW_SECONDS = 60.0
PATIENCE = Patience(tries=5)  # with one request


class Stopped(Exception):  # noqa: N818 - no error: somebody wanted it
    """The run is to end; what waits is not done."""


class Pace:
    """Shared by all threads of a run; any one of them that is told to wait makes all wait.

    Args:
        requests_a_minute, tokens_a_minute: within any 60 seconds; None for no limit. A request that alone has more
            tokens than a minute allows waits for an empty minute.
        retries: how many times the run may try again in all.
        wait: sleeps; returns True where the run was told to end meanwhile.
    """

    def __init__(
        self,
        requests_a_minute: int | None = None,
        tokens_a_minute: int | None = None,
        *,
        retries: int = 1000,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._requests, self._tokens = requests_a_minute, tokens_a_minute
        self.retries = retries
        self._ending = threading.Event()
        self._clock, self._wait = clock, wait or self._ending.wait
        self._lock = threading.Lock()
        self._past: deque[tuple[float, int]] = deque()  # when a request went out, and its tokens
        self._not_before = float("-inf")

    def stop(self) -> None:
        """Makes everything that waits, or would wait or start, raise Stopped."""
        self._ending.set()

    def start(self, tokens: int) -> None:
        """Returns when a request of about `tokens` tokens may go out. Raises Stopped."""
        while True:
            if self._ending.is_set():
                raise Stopped
            with self._lock:
                seconds = self._seconds_left(tokens)
                if seconds <= 0:
                    self._past.append((self._clock(), tokens))
                    return
            if self._wait(seconds):
                raise Stopped

    def again(self, attempt: int, hint: float | None) -> bool:
        """Before another try after failed attempt number `attempt` (from 1): whether there may be one.

        All requests wait as long as the service asks; without a hint only this one waits, 1, 2, 4 … seconds. Raises
        Stopped.
        """
        seconds = PATIENCE.pause(attempt)
        with self._lock:
            if seconds is None or self.retries <= 0:
                return False
            self.retries -= 1
            if hint is not None:
                self._not_before = max(self._not_before, self._clock() + hint)
                return True
        if self._wait(seconds):
            raise Stopped
        return True

    def look_again(self, attempt: int, took: float) -> bool:
        """As `again`, where the service's name could not be resolved in `took` seconds."""
        seconds = second_look(attempt, took)
        if seconds is None:
            return False
        if self._wait(seconds):
            raise Stopped
        return True

    def _seconds_left(self, tokens: int) -> float:
        now = self._clock()
        while self._past and self._past[0][0] <= now - WINDOW_SECONDS:
            self._past.popleft()
        waits = [self._not_before - now]
        if self._requests is not None and len(self._past) >= self._requests:
            waits.append(self._past[-self._requests][0] + WINDOW_SECONDS - now)
        if self._tokens is not None:
            room = self._tokens - tokens
            used = 0
            for sent, count in reversed(self._past):
                used += count
                if used > room:
                    waits.append(sent + WINDOW_SECONDS - now)
                    break
        return max(waits)
