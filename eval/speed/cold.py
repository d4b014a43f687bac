"""What it costs to label one issue from nothing: a fresh process loads a fitted system or a bundle, answers, and ends.

usage: python -m eval.speed.cold PICKLE_OR_BUNDLE < issue as JSON
"""

from __future__ import annotations

import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.errors import LabelerError
from labeler.text.issue import Issue, from_rest


@dataclass(frozen=True)
class Cold:
    """Medians over the processes: wall seconds from start to end, and peak resident megabytes (10^6 bytes)."""

    seconds: float
    megabytes: float


def cold_start(fitted: Any, issue: Issue, runs: int = 3) -> Cold:
    """Times a fitted system, which goes to the process as a pickle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fitted.pickle"
        path.write_bytes(pickle.dumps(fitted))
        return cold_file(path, issue, runs)


def cold_file(path: Path, issue: Issue, runs: int = 3) -> Cold:
    """Times a bundle's folder with its own labels, as the action starts it, or a pickle that we wrote."""
    found = [_run(path, issue) for _ in range(runs)]
    return Cold(statistics.median(one.seconds for one in found), statistics.median(one.megabytes for one in found))


def _run(path: Path, issue: Issue) -> Cold:
    started = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-m", "eval.speed.cold", str(path.resolve())],
        input=json.dumps({"title": issue.title, "body": issue.body}).encode(),
        capture_output=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    seconds = time.perf_counter() - started
    if process.returncode:
        last = process.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise LabelerError(f"{path}: labelling an issue in a process of its own failed: {last}")
    return Cold(seconds, json.loads(process.stdout)["megabytes"])


def _label_one(path: Path, issue: Issue) -> None:
    if path.is_dir():
        from labeler.model.predict import Labeler

        Labeler(path).predict(issue)
    else:
        pickle.loads(path.read_bytes())([issue])


def peak_megabytes() -> float:
    """This process's own peak; what `getrusage` says on Linux begins with the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


if __name__ == "__main__":
    _label_one(Path(sys.argv[1]), from_rest(json.load(sys.stdin)))
    print(json.dumps({"megabytes": peak_megabytes()}))
