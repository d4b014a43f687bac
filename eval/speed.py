"""Times labelling by whole processes and inside one, beside transformers on the same weights.

A random bundle of Gemma-3-270M's shape costs what a tuned one costs: time does not depend on what the
weights say, only on their number and on the length of the text.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.decoder import available_cores
from labeler.issue import Issue
from labeler.predict import STARTER, Labeler

LABELS = (
    "bug", "enhancement", "documentation", "question", "maintenance", "testing", "performance", "security",
    "ux/ui", "ci/cd", "dependencies", "accessibility", "api", "duplicate", "good first issue", "help wanted",
)  # fmt: skip
ISSUE_TOKENS = 180
ANSWER_TOKENS = 8  # what "bug, documentation" and its end take
_SENTENCES = (
    "The application crashes when I open a large file from the recent files menu. "
    "Steps to reproduce: start the program, open the settings page, change the theme and restart. "
    "Expected behaviour: the window keeps its size and the new theme is used. "
    "Actual behaviour: an error message appears, the log shows a null pointer in the renderer. "
    "It worked in the previous version on the same machine, with the same configuration file. "
)


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds from its start to its end, and peak resident megabytes."""

    seconds: float
    megabytes: float
    output: str


def measure(work: Path, shape: str, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures, by name; medians over `runs`, the two programs taking turns."""
    say(f"writing a random model of the shape {shape}")
    checkpoint, bundle, export_run = _make(work, shape)
    issue = _issue(bundle)
    say(f"starting each program {runs} times")
    ours_command = [
        sys.executable,
        "-m",
        "labeler",
        "--model",
        str(bundle),
        "--json",
        "--title",
        issue.title,
        "--body",
        issue.body,
    ]
    theirs_command = [sys.executable, "-m", "eval.reference", str(checkpoint), str(bundle), str(ANSWER_TOKENS)]
    has_torch = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
    ours, theirs, starter = [], [], []
    _run(ours_command)  # a first run fills the disk cache and writes byte code
    for _ in range(runs):
        ours.append(_run(ours_command))
        if has_torch:
            theirs.append(_run(theirs_command, issue.title + "\n\n" + issue.body))
        if (STARTER / "bundle.json").exists():
            starter.append(_run([sys.executable, "-m", "labeler", "--title", issue.title, "--body", issue.body]))
    say("timing inside one process")
    warm = json.loads(_run([sys.executable, "-m", "eval.warm", str(bundle)]).output)
    figures: dict[str, Any] = {
        "shape": shape,
        "cores": available_cores(),
        "runs": runs,
        "issue_tokens": ISSUE_TOKENS,
        "labels": len(LABELS),
        "cold_seconds": _median(ours, "seconds"),
        "peak_megabytes": _median(ours, "megabytes"),
        **warm,
        "bundle_megabytes": sum(f.stat().st_size for f in bundle.iterdir()) / 1e6,
        "export_seconds": export_run.seconds,
        "export_megabytes": export_run.megabytes,
    }
    if theirs:
        figures["transformers_cold_seconds"] = _median(theirs, "seconds")
        figures["transformers_peak_megabytes"] = _median(theirs, "megabytes")
        figures["times_faster_cold"] = statistics.median(
            t.seconds / o.seconds for o, t in zip(ours, theirs, strict=True)
        )
    if starter:
        figures["starter_cold_seconds"] = _median(starter, "seconds")
        figures["starter_peak_megabytes"] = _median(starter, "megabytes")
        many = json.loads(_run([sys.executable, "-m", "eval.warm", str(STARTER), "--file"]).output)
        figures["starter_issues_a_second"] = many["issues_a_second"]
    return figures


def _make(work: Path, shape: str) -> tuple[Path, Path, Run]:
    """The random checkpoint, its bundle, and what the export took.

    In processes of their own: a child's peak memory is at least what its parent held when it started.
    """
    checkpoint, bundle, labels = work / "checkpoint", work / "bundle", work / "labels.yml"
    labels.write_text("".join(f"- {name}\n" for name in LABELS), encoding="utf-8")
    _run([sys.executable, "-m", "eval.warm", str(checkpoint), "--make", shape])
    command = [sys.executable, "-m", "training", "export", "--checkpoint", str(checkpoint)]
    return checkpoint, bundle, _run([*command, "--labels", str(labels), "--out", str(bundle)])


def make_checkpoint(folder: Path, shape: str) -> None:
    from training.shapes import SHAPES, grown_tokenizer, write_random_checkpoint

    config = SHAPES[shape]
    tokenizer = grown_tokenizer([_SENTENCES, " ".join(LABELS), _own_text()], config["vocab_size"])
    write_random_checkpoint(folder, config, tokenizer, dtype="bfloat16")


def _own_text() -> str:
    root = Path(__file__).parents[1]
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(root.glob("*/*.py")))


def _issue(bundle: Path) -> Issue:
    """Text that takes `ISSUE_TOKENS` tokens, the end of the turn included."""
    from labeler.bundle import read_manifest
    from labeler.prompt import Renderer
    from labeler.tokenizer import open_tokenizer

    renderer = Renderer(open_tokenizer(bundle), read_manifest(bundle).token_budget)
    words = (_SENTENCES * 20).split()
    count = 10
    while len(renderer.issue(found := Issue("Crash when opening a file", " ".join(words[:count])))) < ISSUE_TOKENS:
        count += 1
    return found


def warm_figures(folder: Path, many: bool) -> dict[str, float]:
    """Seconds an issue in a loaded model, and a decode step; or issues a second over a file's worth."""
    issue = _issue(folder)
    if many:
        labeler = Labeler(folder, threads=1, workers=available_cores())
        issues = [issue] * 200
        started = time.perf_counter()
        labeler.predict_many(issues)
        return {"issues_a_second": len(issues) / (time.perf_counter() - started)}
    labeler = Labeler(folder)
    labeler.predict(issue)
    times = [labeler.predict(issue).seconds for _ in range(15)]
    return {"warm_seconds": statistics.median(times), "decode_step_seconds": _decode_step(labeler)}


def _decode_step(labeler: Labeler) -> float:
    from labeler.decoder import Cache

    start = labeler.task.prefix_length + ISSUE_TOKENS
    cache = Cache(labeler.manifest.shape, start + 32)
    labeler.engine.continue_([5] * start, cache, 0)
    times = []
    for step in range(25):
        started = time.perf_counter()
        labeler.engine.continue_([7], cache, start + step)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _run(command: list[str], text: str = "") -> Run:
    """Runs a process from the repository's root; peak memory is the operating system's own account of it."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out:
        given.write(text.encode())
        given.seek(0)
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=given, stdout=out, cwd=Path(__file__).parents[1])
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command[:4])} … exited with {process.returncode}")
        per_megabyte = 1e6 if sys.platform == "darwin" else 1e3 / 1.024
        return Run(seconds, usage.ru_maxrss / per_megabyte, out.read().decode())


def _median(runs: list[Run], field: str) -> float:
    return statistics.median(getattr(run, field) for run in runs)
