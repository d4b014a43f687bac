"""Trying again what may pass by itself: how often, after which waits, and no longer than a caller has patience for."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

NO_NETWORK = "no network? The name {host} cannot be resolved here"
NO_NETWORK_REMEDY = "Check this machine's connection and, where you have set it yourself, the address."
# A name that is not found is asked for once more, in case a network is only just coming up.
_SECONDS_TO_SECOND_LOOK = 2.0
_SLOW_RESOLVER_SECONDS = 3.0
E = TypeVar("E", bound=Exception)
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long it is worth trying. Waits double: `first`, 2 `first`, 4 `first` … seconds, none above `longest`.

    Attributes:
        tries: at most so many in all.
        seconds: of waiting in all.
        longest: seconds of one wait; who asks for more is given up on.
    """

    tries: float = math.inf
    seconds: float = math.inf
    first: float = 1.0
    longest: float = 60.0

    def pause(self, attempt: int, asked: float | None = None, waited: float = 0.0) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1), None where there is to be no other.

        Args:
            asked: seconds that the other side asks for: never less is waited.
            waited: seconds waited already.
        """
        if attempt >= self.tries or (asked or 0.0) > self.longest:
            return None
        seconds = max(asked or 0.0, min(self.longest, self.first * 2.0 ** min(attempt - 1, 60)))
        return seconds if waited + seconds <= self.seconds else None


def unresolved(error: BaseException | None) -> bool:
    """Whether `error` comes of a host's name that could not be resolved: no such host, or no network at all."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


def second_look(attempt: int, seconds: float) -> float | None:
    """Seconds to wait before a name is looked up again after failed attempt number `attempt`; None to give up.

    Two tries in all, and one where it took `seconds` that a slow resolver takes: within 10 s somebody must know.
    """
    return _SECONDS_TO_SECOND_LOOK if attempt < 2 and seconds <= _SLOW_RESOLVER_SECONDS else None


def retried(
    once: Callable[[], T],
    passing: type[E],
    patience: Patience,
    wait: Callable[[float], object],
    *,
    asked: Callable[[E], float | None] = lambda error: None,
    gave_up: Callable[[E, int], Exception] = lambda error, tries: error,
) -> T:
    """What `once` returns, called until it raises no `passing` error.

    A host's name that cannot be resolved is tried twice, whatever the patience.

    Args:
        asked: seconds that the error says to wait, None where it does not; it may raise to give up.
        gave_up: of the last error and the number of tries, what to raise when patience is at an end.
        wait: sleeps so many seconds.
    """
    attempt, waited = 0, 0.0
    while True:
        started = time.monotonic()
        try:
            return once()
        except passing as error:
            attempt += 1
            if unresolved(error):
                seconds = second_look(attempt, time.monotonic() - started)
            else:
                seconds = patience.pause(attempt, asked(error), waited)
            if seconds is None:
                final = gave_up(error, attempt)
                if final is error:
                    raise
                raise final from error
        wait(seconds)
        waited += seconds


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds by an answer's Retry-After (RFC 9110, 10.2.3); None without it, or where it is a date.

    Args:
        headers: with names in lower case, or those of an HTTP library, which don't tell cases apart.
    """
    after = headers.get("retry-after", "").strip()
    return float(after) if after.isascii() and after.isdecimal() and len(after) < 10 else None
