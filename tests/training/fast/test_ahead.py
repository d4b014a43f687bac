"""Steps that another process makes are those that the stream itself would give."""

from __future__ import annotations

import os
from typing import Any

import pytest

from labeler.errors import LabelerError
from tests.training.fast.test_loop import Pairs
from training.fast.ahead import Ahead
from training.fast.parts import Part

pytestmark = pytest.mark.training


def test_the_same_steps_come_and_the_state_is_that_of_those_given_out() -> None:
    alone = Pairs()
    with Ahead(Pairs()) as ahead:
        for _ in range(30):
            assert next(ahead) == next(alone)
            assert ahead.state() == alone.state(), "not how far the other process is"


def test_it_goes_on_from_a_state() -> None:
    with Ahead(Pairs()) as ahead:
        ahead.restore(7)
        assert ahead.state() == 7
        next(ahead)
        assert ahead.state() == 8


class Ending(Pairs):
    def __next__(self) -> list[Part]:
        os._exit(3)


def test_a_process_that_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.fast.ahead._PATIENCE", 0.1)
    stream: Any = Ending()
    with Ahead(stream) as ahead, pytest.raises(LabelerError, match="ended with 3"):
        next(ahead)
