"""Programs timed from outside: a process of its own, from its start to its end."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds from its start to its end, and peak resident megabytes."""

    seconds: float
    megabytes: float
    output: str


def run_process(command: Sequence[str], text: str = "", environ: Mapping[str, str] | None = None) -> Run:
    """Runs a process from the repository's root; peak memory is the operating system's own account of it.

    Args:
        text: its standard input.
        environ: variables that are set for it besides this process's own.

    Raises:
        RuntimeError: it failed; what it said went to standard error.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out:
        given.write(text.encode())
        given.seek(0)
        env = {**os.environ, **(environ or {})}
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=given, stdout=out, cwd=ROOT, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command[:4])} … exited with {process.returncode}")
        per_megabyte = 1e6 if sys.platform == "darwin" else 1e3 / 1.024
        return Run(seconds, usage.ru_maxrss / per_megabyte, out.read().decode())


def median_seconds(runs: Sequence[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def median_megabytes(runs: Sequence[Run]) -> float:
    return statistics.median(run.megabytes for run in runs)
