"""Trying again: waits, patience, what is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from labeler.base.retry import Patience, retried, retry_after


class Passing(Exception):  # noqa: N818
    pass


def failing(times: int, error: Callable[[int], Exception] = Passing) -> Callable[[], str]:
    """Raises so many times, then returns."""
    left = iter(range(times))

    def once() -> str:
        for number in left:
            raise error(number)
        return "done"

    return once


def test_waits_double_until_it_works() -> None:
    waits: list[float] = []
    assert retried(failing(4), Passing, Patience(first=0.5), waits.append) == "done"
    assert waits == [0.5, 1, 2, 4]


def test_no_wait_is_longer_than_the_longest_however_many_there_were() -> None:
    assert [Patience(longest=5).pause(attempt) for attempt in (1, 3, 4, 5000)] == [1, 4, 5, 5]


def test_after_so_many_tries_the_last_error_is_raised() -> None:
    waits: list[float] = []
    with pytest.raises(Passing, match="2"):
        retried(failing(9), Passing, Patience(tries=3), waits.append)
    assert waits == [1, 2]


def test_patience_in_seconds_counts_the_wait_to_come() -> None:
    waits: list[float] = []
    with pytest.raises(Passing):
        retried(failing(9), Passing, Patience(seconds=6.9), waits.append)
    assert waits == [1, 2]
    waits.clear()
    with pytest.raises(Passing):
        retried(failing(9), Passing, Patience(seconds=7), waits.append)
    assert waits == [1, 2, 4]


def test_what_is_asked_for_is_the_least_and_too_much_ends_it() -> None:
    waits: list[float] = []
    assert retried(failing(3), Passing, Patience(), waits.append, asked=lambda error: 2.5) == "done"
    assert waits == [2.5, 2.5, 4]
    with pytest.raises(Passing):
        retried(failing(1), Passing, Patience(longest=60), waits.append, asked=lambda error: 61.0)
    assert len(waits) == 3


def test_other_errors_pass_at_once() -> None:
    with pytest.raises(ValueError):
        retried(failing(1, lambda number: ValueError()), Passing, Patience(), pytest.fail)


def test_the_caller_says_what_giving_up_means() -> None:
    with pytest.raises(LookupError, match="after 2") as caught:
        retried(
            failing(9),
            Passing,
            Patience(tries=2),
            lambda seconds: None,
            gave_up=lambda error, tries: LookupError(f"{error} after {tries}"),
        )
    assert isinstance(caught.value.__cause__, Passing)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), (" 0 ", 0.0), ("", None), ("Fri, 27 Nov 2026 04:00:00 GMT", None), ("-1", None), ("٣", None)],
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds
    assert retry_after({}) is None


def test_without_bounds_there_is_always_another_try() -> None:
    assert Patience().pause(10_000, waited=1e9) == 60
    assert math.isinf(Patience().tries)
