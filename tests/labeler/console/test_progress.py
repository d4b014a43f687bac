"""Progress bars: on a terminal only, beside what is printed."""

from __future__ import annotations

import io
import sys

import pytest

from labeler.console.progress import counted, counted_with


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Not as a fixture: pytest puts its own stderr back between setting up and the test."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return shown


def test_items_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with counted(3, "fitting") as done:
        done()
        done()
    assert "fitting" in terminal.getvalue()
    assert "2/3" in terminal.getvalue()


def test_a_figure_stands_beside_the_bar_and_what_was_done_before_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with counted_with(9, "asking", "${:.4f}", done=4) as advance:
        advance(0.25)
    assert "5/9" in terminal.getvalue()
    assert "$0.2500" in terminal.getvalue()


@pytest.mark.parametrize("total", [0, 1])
def test_one_item_needs_no_bar(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    terminal = on_terminal(monkeypatch)
    with counted(total, "fitting") as done:
        done()
    assert terminal.getvalue() == ""


def test_without_a_terminal_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with counted_with(9, "asking", "${:.4f}") as advance:
        advance(1.0)
    assert capsys.readouterr() == ("", "")
