"""The options `--vocabulary` and `--vocabulary-counts` of `training run` and `training export`."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labeler.argument_types import positive
from labeler.errors import UsageError
from training.vocabulary import DEFAULT_SIZE


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
    """The options as changes of settings (`training.settings.read_settings`)."""
    changes = [] if arguments.vocabulary is None else [f"vocabulary={arguments.vocabulary}"]
    if arguments.vocabulary_counts is not None:
        changes.append(
            f"vocabulary_counts={json.dumps(str(arguments.vocabulary_counts), ensure_ascii=False)}"
        )  # a TOML string too
    return changes


@contextmanager
def smaller_checkpoint(arguments: argparse.Namespace, progress: Callable[[str], None]) -> Iterator[Path]:
    """The checkpoint to export: --checkpoint, or while the block lasts a copy with fewer tokens beside --out.

    Raises:
        LabelerError: as `training.vocabulary.checkpoint.trimmed`.
    """
    if arguments.vocabulary is None:
        if arguments.vocabulary_counts is not None:
            raise UsageError("--vocabulary-counts without --vocabulary", "Say how many tokens are kept: --vocabulary")
        yield arguments.checkpoint
        return
    from training.base import Base
    from training.vocabulary.checkpoint import trimmed

    out: Path = arguments.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        base = Base(str(arguments.checkpoint), "", str(arguments.checkpoint))
        yield Path(
            trimmed(base, arguments.vocabulary, arguments.vocabulary_counts, Path(scratch) / "base", progress).path
        )
