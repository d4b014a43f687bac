"""The one reference upward: what only `python -m training` can do, eval has done by a process, and imports none of it.

`run` tunes a system on the training issues (`--tune`); `export` makes the bundle of a random model, whose seconds and
memory are figures of `eval speed`.
"""

from __future__ import annotations

import sys
from typing import Literal

from eval.processes import ROOT

# Of what training works with, what eval shares with it.
_SHARED = ("eval/overlap.py", "eval/rows.py", "labeler/base/thresholds.py")


def training_command(name: Literal["run", "export"], *arguments: str) -> list[str]:
    """The process's command line; it is to run in `eval.processes.ROOT`."""
    return [sys.executable, "-m", "training", name, *arguments]


def training_code() -> list[str]:
    """The files that a tuned model rests on beside its data, for `labeler.base.store.code_hash`."""
    folder = ROOT / "training"
    found = [*folder.glob("*.py"), *folder.glob("backends/*.py"), *folder.glob("presets/*.toml")]
    return sorted([*(path.relative_to(ROOT).as_posix() for path in found), *_SHARED])
