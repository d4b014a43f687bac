"""The one reference upward: what only `python -m training` can do, eval has done by a process, and imports none of it.

`run` tunes a system on the training issues (`--tune`); `export` makes the bundle of a random model, whose seconds and
memory are figures of `eval speed`.
"""

from __future__ import annotations

import sys
from typing import Literal

from labeler.base.code_hash import code_hash


def training_command(name: Literal["run", "export"], *arguments: str) -> list[str]:
    """The process's command line; it is to run in `eval.speed.processes.ROOT`."""
    return [sys.executable, "-m", "training", name, *arguments]


def training_code() -> str:
    """The hash of the code that a tuned model rests on."""
    return code_hash("labeler", "synthetic", "eval", "training")
