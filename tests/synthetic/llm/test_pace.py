from __future__ import annotations

import pytest

from synthetic.llm.pace import PATIENCE, Pace, Stopped


class Time:
    """A clock that waiting moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        assert seconds > 0
        self.now += seconds
        return False


def _sent(pace: Pace, time: Time, tokens: list[int]) -> list[float]:
    times = []
    for count in tokens:
        pace.start(count)
        times.append(time.now - 1000.0)
        time.now += 1.0
    return times


def test_no_more_requests_than_allowed_go_out_within_any_minute() -> None:
    time = Time()
    pace = Pace(requests_a_minute=3, clock=time.clock, wait=time.wait)
    assert _sent(pace, time, [1] * 7) == [0, 1, 2, 60, 61, 62, 120]


def test_no_more_tokens_than_allowed_go_out_within_any_minute() -> None:
    time = Time()
    pace = Pace(tokens_a_minute=100, clock=time.clock, wait=time.wait)
    assert _sent(pace, time, [60, 40, 30, 30, 100]) == [0, 1, 60, 61, 121]


def test_a_request_larger_than_a_minute_waits_for_an_empty_minute_and_then_goes() -> None:
    time = Time()
    pace = Pace(tokens_a_minute=100, clock=time.clock, wait=time.wait)
    assert _sent(pace, time, [10, 500, 10]) == [0, 60, 120]


def test_a_pause_that_the_service_asks_for_holds_back_all_requests() -> None:
    time = Time()
    pace = Pace(clock=time.clock, wait=time.wait)
    pace.start(1)
    assert pace.again(1, hint=30.0)
    pace.start(1)
    assert time.now == 1030.0


def test_pauses_without_a_hint_double_and_end_with_the_last_try() -> None:
    time = Time()
    pace = Pace(clock=time.clock, wait=time.wait)
    waits = []
    for attempt in range(1, int(PATIENCE.tries) + 1):
        before = time.now
        again = pace.again(attempt, hint=None)
        waits.append(time.now - before)
    assert waits == [1, 2, 4, 8, 0]
    assert not again


def test_the_run_has_so_many_retries_and_no_more() -> None:
    pace = Pace(retries=2, wait=lambda seconds: False)
    assert [pace.again(1, hint=0.0) for _ in range(3)] == [True, True, False]


def test_stopping_ends_every_wait_and_every_start() -> None:
    pace = Pace()
    pace.stop()
    with pytest.raises(Stopped):
        pace.start(1)
    with pytest.raises(Stopped):
        pace.again(1, hint=None)
