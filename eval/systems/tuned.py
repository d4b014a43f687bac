"""A base tuned by LoRA on the training issues, as `python -m training run` does it. It takes minutes to hours.

What is fitted lives in a temporary folder, and no longer than the process that fitted it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import compress
from pathlib import Path
from tempfile import TemporaryDirectory

from eval.speed.processes import ROOT
from eval.systems.models import Answering, Thresholds
from eval.systems.system import Needs, Output, Task
from eval.systems.training_process import training_code, training_command
from labeler.base.examples import Examples
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.console.command_line import CPU_TORCH
from labeler.data.dataset import Row, write_dataset
from labeler.data.dataset_folder import DATASET, write_labels, write_sources
from labeler.errors import LabelerError, UsageError
from labeler.labels.label_set import LabelSet
from labeler.model.bundle import sha256
from labeler.text.issue import Issue

NEEDED = ("torch", "transformers", "peft")  # by the training that is started


@dataclass(frozen=True)
class Tuned:
    """The base after tuning on `task.train`; its thresholds are chosen on `task.validation`.

    Attributes:
        base: a checkpoint's folder, or owner/name[@revision] on the Hugging Face Hub.
        options: more of the command line of `python -m training run`.
        content: a hash of the base and of the training code, so that results are kept by what they rest on.
    """

    key: str
    name: str
    base: str
    options: tuple[str, ...]
    content: str
    needs: Needs = ""

    def fit(self, task: Task) -> TunedModel:
        """Raises LabelerError, with what training said of it, where it fails."""
        work = TemporaryDirectory(prefix="eval-tuned-")
        data, out = Path(work.name) / "data", Path(work.name) / "run"
        write_folder(data, {"train": task.train, "validation": task.validation}, task.labels)
        command = training_command("run", "--data", str(data), "--base", self.base, "--out", str(out), *self.options)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().rpartition("error: ")[2]
            raise LabelerError(f"tuning {self.base} on {len(task.train)} issues failed: {said}")
        reader = Reader(out / "bundle", task.labels, Store(None))
        return TunedModel(Thresholds().fit(replace(task, reader=reader)), work)


@dataclass(frozen=True)
class TunedModel:
    """The tuned model; its folder goes when this goes."""

    model: Answering
    work: TemporaryDirectory[str] = field(repr=False)

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        return self.model.thresholds

    @property
    def size_bytes(self) -> int:
        return self.model.size_bytes

    def __call__(self, issues: Sequence[Issue]) -> Output:
        return self.model(issues)

    def __getstate__(self) -> dict[str, object]:
        return {"model": self.model, "work": None}  # whoever is sent it does not own the folder


def tuned_systems(bases: Sequence[str], preset: str, changes: Sequence[str]) -> list[Tuned]:
    """A system for each base, called by the last part of its name; preset and changes as `training run` takes them.

    Raises:
        UsageError: packages are missing, or two bases would have one name.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise UsageError(f"--tune needs {', '.join(missing)}", f"Install them: pip install -e '.[train]'\n{CPU_TORCH}")
    options = ("--preset", _place(preset), *(part for change in changes for part in ("--set", change)))
    rests_on = _content(preset) + training_code()
    systems = [
        Tuned(f"lora:{_called(base)}", f"LoRA on {_called(base)}", _place(base), options, rests_on + _content(base))
        for base in bases
    ]
    if len({system.key for system in systems}) < len(systems):
        raise UsageError("two of --tune have the same name", "Call their folders by different names.")
    return systems


def write_folder(folder: Path, parts: dict[str, Examples], labels: LabelSet) -> None:
    """A dataset's folder of these splits. A source is made of each set of labels that is known of an issue."""
    folder.mkdir(parents=True)
    spaces: dict[tuple[str, ...], str] = {}
    rows = []
    for split, part in parts.items():
        for id_, issue, truth, known in zip(part.ids, part.issues, part.truth, part.known, strict=True):
            names, used = (tuple(compress(labels.names, cells)) for cells in (truth, known))
            source = spaces.setdefault(used, f"source {len(spaces) + 1}")
            rows.append(Row(id_, issue.repository, issue.number, issue.title, issue.body, names, split, source))
    # Training measures the figures of its card on test rows; the real ones are not for it to see.
    rows.append(Row("stand-in", title="A stand-in for the test issues", split="test"))
    write_labels(folder, labels)
    write_sources(folder, {source: used for used, source in spaces.items()})
    write_dataset(folder / DATASET, rows, labels)


def _called(base: str) -> str:
    return base.rstrip("/").rpartition("/")[2]


def _place(given: str) -> str:
    """Training runs in the repository's root, wherever the command was given."""
    return str(Path(given).resolve()) if Path(given).exists() else given


def _content(given: str) -> str:
    inside = sorted(Path(given).iterdir()) if Path(given).is_dir() else [Path(given)]
    return "".join(sha256(path) for path in inside if path.is_file()) or given
