"""Times labelling with the shipped model: whole processes, inside one, beside transformers, as a step of the action.

Programs that are compared take turns, so that a slower minute of the machine falls on all of them.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.speed.archive import archive_bytes
from eval.speed.processes import ROOT, Run, median_megabytes, median_seconds, run_process
from eval.speed.speed_model import ISSUE_TOKENS, LABELS, issue_of, write_labels
from eval.speed.stages import REST, STAGES
from labeler.model.bundle import read_manifest
from labeler.model.decoder import available_cores

ANSWER_TOKENS = 8  # what "bug, documentation" and its end take
README_ISSUE = ("--title", "App crashes when saving", "--body", "TypeError: x is undefined")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        bundle: the model.
        checkpoint: its weights in Hugging Face form, for transformers; None leaves that row out.
        whole: the same before its vocabulary was cut.
        work: a folder for what has to be written.
    """

    bundle: Path
    checkpoint: Path | None
    whole: Path | None
    work: Path


def measure(subject: Subject, runs: int, many: int, say: Say, *, action: bool = True) -> dict[str, Any]:
    """All figures by name, seconds, megabytes (10^6 bytes) or a number; medians over `runs`, a file of `many` issues.

    What cannot be measured here is absent, and `skipped` says by name why.
    """
    manifest = read_manifest(subject.bundle)
    skipped: dict[str, str] = {}
    figures: dict[str, Any] = {
        "model": f"{manifest.name} {manifest.version}",
        "cores": available_cores(),
        "runs": runs,
        "many": many,
        "issue_tokens": ISSUE_TOKENS,
        "labels": len(manifest.labels),
        "bundle_megabytes": sum(f.stat().st_size for f in subject.bundle.iterdir()) / 1e6,
        "skipped": skipped,
    }
    figures |= _processes(subject, runs, say, skipped)
    say("timing inside one process")
    warm = [sys.executable, "-m", "eval.speed.warm", str(subject.bundle)]
    figures |= json.loads(run_process(warm).output)
    figures |= json.loads(run_process([*warm, "--file", str(many)]).output)
    say("looking where the time goes")
    figures["stages"] = _stages(subject, runs)
    if (size := archive_bytes(ROOT)) is None:
        skipped["archive_megabytes"] = "no git repository"
    else:
        figures["archive_megabytes"] = size / 1e6
    if action:
        figures |= _action(runs, say, skipped)
    return figures


def _processes(subject: Subject, runs: int, say: Say, skipped: dict[str, str]) -> dict[str, Any]:
    """The labeller and transformers, whole processes, in turns."""
    labeler = [sys.executable, "-m", "labeler", "--model", str(subject.bundle)]
    issue = issue_of(subject.bundle)
    longer = [*labeler, "--json", "--title", issue.title, "--body", issue.body]
    own = [*labeler, *README_ISSUE, "--labels", str(write_labels(subject.work / "own-labels.yml", LABELS))]
    reference = [sys.executable, "-m", "eval.systems.reference"]
    theirs = {
        name: [*reference, str(path), str(subject.bundle), str(ANSWER_TOKENS)]
        for name, path in (("transformers", subject.whole), ("transformers_trimmed", subject.checkpoint))
        if _usable(name, path, skipped)
    }
    text = f"{issue.title}\n\n{issue.body}"
    say(f"starting each program {runs} times")
    run_process([*labeler, *README_ISSUE])  # a first run fills the disk cache and writes byte code
    found: dict[str, list[Run]] = {}
    for number in range(runs):
        fresh = {"LABELER_CACHE": str(subject.work / f"cache-{number}")}
        for name, command in (
            ("cold", [*labeler, *README_ISSUE, "--explain-probabilities"]),
            ("cold_issue", longer),
            ("list_first", own),
            ("list_again", own),
            *theirs.items(),
        ):
            found.setdefault(name, []).append(run_process(command, text, fresh))
    figures: dict[str, Any] = {f"{name}_seconds": median_seconds(of) for name, of in found.items()}
    figures["peak_megabytes"] = median_megabytes(found["cold"])
    for name in theirs:
        figures[f"{name}_peak_megabytes"] = median_megabytes(found[name])
        pairs = zip(found[name], found["cold_issue"], strict=True)
        figures[f"{name}_times"] = statistics.median(slow.seconds / fast.seconds for slow, fast in pairs)
    for name in ("first", "again"):
        pairs = zip(found[f"list_{name}"], found["cold"], strict=True)
        figures[f"list_{name}_more_seconds"] = statistics.median(own.seconds - cold.seconds for own, cold in pairs)
    return figures


def _usable(name: str, checkpoint: Path | None, skipped: dict[str, str]) -> bool:
    """Whether transformers can be timed on it; if not, it is noted why."""
    if not all(importlib.util.find_spec(module) for module in ("torch", "transformers")):
        skipped[name] = "torch and transformers are not installed"
    elif checkpoint is None:
        skipped[name] = "no checkpoint was named"
    elif not (checkpoint / "config.json").is_file():
        skipped[name] = f"{checkpoint}: no config.json there"
    return name not in skipped


def _stages(subject: Subject, runs: int) -> dict[str, float]:
    """Median seconds of every stage of the README's command; from Python's last line to its end is rest, too."""
    found = []
    for _ in range(runs):
        out, started = subject.work / "stages.json", time.time()
        command = [sys.executable, "-m", "eval.speed.stages", str(started), str(out), "--model", str(subject.bundle)]
        took = run_process([*command, *README_ISSUE]).seconds
        stages = json.loads(out.read_bytes())
        stages[REST] += took - sum(stages.values())
        found.append(stages)
    return {name: statistics.median(stages[name] for stages in found) for name in STAGES}


def _action(runs: int, say: Say, skipped: dict[str, str]) -> dict[str, float]:
    """The action's own steps, by the harness of the tests and a real uv whose cache is filled."""
    if importlib.util.find_spec("tests.action_seconds") is None:
        skipped["action"] = "the tests, whose harness runs its steps, are not here"
        return {}
    say("running the action's steps")
    found: dict[str, Any] = json.loads(run_process([sys.executable, "-m", "tests.action_seconds", str(runs)]).output)
    if "skipped" in found:
        skipped["action"] = found.pop("skipped")
    return found
