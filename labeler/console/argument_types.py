"""Types of command-line options, with errors that say what is wanted."""

from __future__ import annotations

import argparse
import math

from labeler.text.language import codes_of


def whole(text: str) -> int:
    """A whole number from 0 up."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 up")
    return int(text)


def dollars(text: str) -> float:
    """US dollars, from 0 up."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of US dollars, like 2.50")
    return found


def languages(text: str) -> tuple[str, ...]:
    """Languages by two letters each, between commas."""
    try:
        return codes_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not {error}") from None
