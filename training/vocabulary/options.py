"""The options `--vocabulary` and `--vocabulary-counts` of `training run` and `training export`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.argument_types import positive
from labeler.errors import UsageError
from training.vocabulary import DEFAULT_SIZE

if TYPE_CHECKING:
    from training.model.base import Base


def add_vocabulary(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vocabulary", type=positive, nargs="?", const=DEFAULT_SIZE, metavar="N",
        help=f"keep the N tokens that issues use most, {DEFAULT_SIZE} without a number; default: all of them",
    )  # fmt: skip
    parser.add_argument(
        "--vocabulary-counts", type=Path, metavar="FILE",
        help="which those are: a file of `training vocabulary count`; default: the counts that ship",
    )  # fmt: skip


def vocabulary_settings(arguments: argparse.Namespace) -> list[str]:
    """The options as changes of settings (`training.tuning.settings.read_settings`)."""
    changes = [] if arguments.vocabulary is None else [f"vocabulary={arguments.vocabulary}"]
    if arguments.vocabulary_counts is not None:
        changes.append(
            f"vocabulary_counts={json.dumps(str(arguments.vocabulary_counts), ensure_ascii=False)}"
        )  # a TOML string too
    return changes


def as_asked(base: Base, arguments: argparse.Namespace, out: Path, progress: Callable[[str], None]) -> Base:
    """The base with the vocabulary that the options ask for, written into `out` where that is a smaller one.

    Raises:
        LabelerError: as `training.vocabulary.trimming.trimmed`.
    """
    if arguments.vocabulary is None:
        if arguments.vocabulary_counts is not None:
            raise UsageError("--vocabulary-counts without --vocabulary", "Say how many tokens are kept: --vocabulary")
        return base
    from training.vocabulary.trimming import trimmed

    return trimmed(base, arguments.vocabulary, arguments.vocabulary_counts, out, progress)
