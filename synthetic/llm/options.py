"""Options of the commands that ask large language models."""

from __future__ import annotations

import argparse

from labeler.console.argument_types import dollars, positive

THINKING = ("minimal", "low", "medium", "high")


def add_spending(parser: argparse._ActionsContainer) -> None:
    """--max-cost and --price, for a parser or a group of one."""
    parser.add_argument("--max-cost", type=dollars, metavar="USD", help="stop before this run costs more")
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="[MODEL=]IN,OUT",
        help="US dollars a million tokens, for a model without a list price",
    )


def add_pace(parser: argparse._ActionsContainer) -> None:
    """--concurrency and --requests-a-minute."""
    parser.add_argument("--concurrency", type=positive, default=8, metavar="N", help="requests at a time (default: 8)")
    parser.add_argument("--requests-a-minute", type=positive, metavar="N", help="at most so many requests a minute")


def thinking(text: str) -> tuple[str, str]:
    """The type of --thinking: model ("" for all) and how it thinks, of "[MODEL=]HOW"."""
    model, _, how = text.rpartition("=")
    if how not in THINKING and not how.isdecimal():
        raise argparse.ArgumentTypeError(f"one of {', '.join(THINKING)}, or a number of tokens")
    return model, how
