"""What speed is measured with: an issue of a given length, and where wanted a random model of a shape.

A random bundle of Gemma-3-270M's shape costs what a tuned one of the same form costs: time does not depend on what the
weights say, only on their number and on the length of the text.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from eval.speed.processes import ROOT, Run, run_process
from eval.speed.shapes import SHAPES, grown_tokenizer, write_random_checkpoint
from eval.systems.training_process import training_command
from labeler.text.issue import Issue

LABELS = (
    "bug", "enhancement", "documentation", "question", "maintenance", "testing", "performance", "security",
    "ux/ui", "ci/cd", "dependencies", "accessibility", "api", "duplicate", "good first issue", "help wanted",
    "regression", "breaking change", "needs reproduction", "wontfix",
)  # fmt: skip
ISSUE_TOKENS = 180
_SENTENCES = (
    "The application crashes when I open a large file from the recent files menu. "
    "Steps to reproduce: start the program, open the settings page, change the theme and restart. "
    "Expected behaviour: the window keeps its size and the new theme is used. "
    "Actual behaviour: an error message appears, the log shows a null pointer in the renderer. "
    "It worked in the previous version on the same machine, with the same configuration file. "
)


@dataclass(frozen=True)
class Made:
    """A random checkpoint, its bundle, and what the export took."""

    checkpoint: Path
    bundle: Path
    export: Run


def make_model(work: Path, shape: str) -> Made:
    """Written in processes of their own: a child's peak memory is at least what its parent held when it started."""
    checkpoint, bundle = work / "checkpoint", work / "bundle"
    run_process([sys.executable, "-m", "eval.speed.warm", str(checkpoint), "--make", shape])
    labels = write_labels(work / "labels.yml", LABELS[:10])
    options = ("--checkpoint", str(checkpoint), "--labels", str(labels), "--out", str(bundle))
    return Made(checkpoint, bundle, run_process(training_command("export", *options)))


def write_labels(path: Path, names: tuple[str, ...]) -> Path:
    """A labels.yml of bare names."""
    path.write_text("".join(f"- {name}\n" for name in names), encoding="utf-8")
    return path


def make_checkpoint(folder: Path, shape: str) -> None:
    config = SHAPES[shape]
    own = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("*/*.py")))
    tokenizer = grown_tokenizer([_SENTENCES, " ".join(LABELS), own], config["vocab_size"])
    write_random_checkpoint(folder, config, tokenizer, dtype="bfloat16")


def issue_of(bundle: Path, tokens: int = ISSUE_TOKENS) -> Issue:
    """Text that takes so many tokens of the bundle's tokenizer, the end of the turn included."""
    from labeler.model.bundle import read_manifest
    from labeler.model.tokenizer import open_tokenizer
    from labeler.text.prompt import Renderer

    renderer = Renderer(open_tokenizer(bundle), read_manifest(bundle).token_budget)
    words = (_SENTENCES * 20).split()
    count = 10
    while len(renderer.issue(found := Issue("Crash when opening a file", " ".join(words[:count])))) < tokens:
        count += 1
    return found
