"""Options that several commands share, and what they become."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from labeler.errors import UsageError

if TYPE_CHECKING:
    from eval.systems.tuned import Tuned

BASELINES = "majority,keywords,bayes,linear,neighbours,head"


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """The models that are compared, and what they are compared with."""
    parser.add_argument(
        "--model", action="append", required=True, help="starter, a bundle's folder or a published one; repeatable"
    )
    parser.add_argument(
        "--base", metavar="MODEL", help="the untuned model: adds zero-shot, zero-shot-free and few-shot"
    )
    parser.add_argument(
        "--baselines", default="all", metavar="LIST", help=f"all (default), none, or a list of {BASELINES}"
    )


def add_tune_arguments(parser: argparse.ArgumentParser) -> None:
    """Bases that are tuned on the same issues, and how: `tuned_from` makes systems of them."""
    parser.add_argument(
        "--tune",
        action="append",
        default=[],
        metavar="BASE",
        help="tune this base by LoRA on the same issues; repeatable: with and without domain adaptation",
    )
    parser.add_argument("--preset", metavar="NAME|FILE", help="the settings for --tune, as in `training run`")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; repeatable")


def tuned_from(arguments: argparse.Namespace) -> list[Tuned]:
    """The systems of --tune. Raises UsageError."""
    if not arguments.tune:
        if arguments.preset or arguments.set:
            raise UsageError("--preset and --set are for --tune", "Add --tune BASE.")
        return []
    from eval.systems.tuned import tuned_systems

    return tuned_systems(arguments.tune, arguments.preset or "default", arguments.set)


def say(step: str) -> None:
    """A step that begins, on stderr."""
    print(f"{step} …", file=sys.stderr)
