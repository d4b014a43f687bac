"""Axes of a chart: round ticks, linear and logarithmic scales, and how wide a text is about to be."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

SIZE = 12.0


@dataclass(frozen=True)
class Axis:
    """What an axis says. `ticks` and `span` (lowest, highest) are found from the data where they are not given."""

    label: str = ""
    ticks: tuple[float, ...] = ()
    span: tuple[float, float] | None = None
    log: bool = False
    percent: bool = False

    def text(self, value: float, fine: bool = False) -> str:
        """A tick's text; `fine` for a single value, which need not be round: a share then has two digits.

        >>> Axis().text(1200.0), Axis().text(0.5), Axis().text(0.754, fine=True), Axis(percent=True).text(0.754)
        ('1,200', '0.5', '0.75', '75%')
        """
        if self.percent:
            return f"{value:.0%}"
        if fine and (abs(value) <= 1 or not float(value).is_integer()):
            return f"{value:.2f}"
        return f"{value:,.10g}"


@dataclass(frozen=True)
class Scale:
    """Maps low..high to start..stop (pixels); values outside are drawn at the edge."""

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]
    log: bool = False

    @classmethod
    def fit(cls, axis: Axis, values: Sequence[float], start: float, stop: float) -> Scale:
        """A scale that holds `values`, or the axis's own span. With no value at all it is 0..1."""
        held = [*values, *axis.ticks]
        low, high = axis.span or (min(held, default=0.0), max(held, default=1.0))
        if not low < high:
            low, high = (low / 2, low * 2) if axis.log else (low - 0.5, low + 0.5)
        ticks = axis.ticks or (log_ticks if axis.log else round_ticks)(low, high)
        if not axis.log and not axis.ticks and axis.span is None:
            low, high = ticks[0], ticks[-1]
        ticks = tuple(tick for tick in ticks if low <= tick <= high)
        return cls(low, high, start, stop, ticks, axis.log)

    def __call__(self, value: float) -> float:
        value = min(self.high, max(self.low, value))
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)


def round_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten, the first at or below `low`, the last at or above `high`.

    >>> round_ticks(0.13, 0.58)
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    """
    power = 10.0 ** math.floor(math.log10((high - low) / about))
    step = next(many * power for many in (1, 2, 5, 10) if many * power >= (high - low) / about * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(place * step, 10) for place in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """1, 2 and 5 times the powers of ten between `low` and `high`.

    >>> log_ticks(8, 250)
    (10.0, 20.0, 50.0, 100.0, 200.0)
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = (many * 10.0**power for power in powers for many in (1, 2, 5))
    return tuple(tick for tick in every if low <= tick <= high)


def text_width(text: str, size: float = SIZE) -> float:
    """About how wide a text is in a sans-serif font, on the wide side; pixels."""
    return size * sum(map(_character_width, text))


def cut(text: str, width: float, size: float = SIZE) -> str:
    """The text, shortened with an ellipsis where it is wider than `width` pixels."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _character_width(character: str) -> float:
    if character in "iljtfrI.,:;'|!()[] ":
        return 0.38
    if unicodedata.east_asian_width(character) in "WF":
        return 1.1
    if character in "mwMW@%…" or character.isupper():
        return 0.85
    return 0.62
