"""Everything before the first step: data read and split, base found, rows encoded, batches planned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from labeler.config import environment
from labeler.console.progress import counted
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.prompt import Renderer
from training.backends import choose_backend, import_backend
from training.model.base import Base, find_base
from training.rows.batching import Batch, plan_batches
from training.rows.examples import Encoder, Variation, encode_epochs
from training.rows.rows_by_split import TuningData, has_splits, read_tuning_data, write_splits
from training.rows.teacher import TEACHER, Teacher, find_teacher
from training.tuning.device import Device, Numerics, choose_numerics, find_device
from training.tuning.memory import estimate
from training.tuning.plan import Plan, fitted_budget, make_plan
from training.tuning.run_record import RECORD, RunData, RunRecord, versions
from training.tuning.settings import TuningSettings
from training.vocabulary.trimming import fitted_base


@dataclass(frozen=True)
class Processes:
    """Where this process stands among those of `accelerate launch`; alone it is the first of one."""

    count: int
    rank: int

    @classmethod
    def here(cls) -> Processes:
        given = environment()
        return cls(int(given.get("WORLD_SIZE", "1")), int(given.get("RANK", "0")))

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    @contextlib.contextmanager
    def main_first(self) -> Iterator[None]:
        """The first process goes through the block before all others: it writes what they read."""
        if self.count == 1:
            yield
            return
        import torch
        from accelerate import PartialState

        with PartialState(cpu=not torch.cuda.is_available()).main_process_first():
            yield

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to start. `batches` are those of all epochs; `encoder` has the budget that the plan names."""

    settings: TuningSettings
    data: TuningData
    base: Base
    backend: str
    device: Device
    numerics: Numerics
    processes: Processes
    encoder: Encoder
    batches: list[Batch]
    plan: Plan

    def record(self, dataset: Path) -> RunRecord:
        """What run.json holds of it before it begins. Args: dataset: the path as it was given."""
        return RunRecord(
            status="begun",
            versions=versions(),
            base=self.base,
            data=RunData(str(dataset), str(self.data.file.resolve()), self.data.sha256),
            backend=self.backend,
            device=self.device.name,
            processes=self.processes.count,
            precision=self.numerics.precision,
            optimizer=self.numerics.optimizer,
            token_budget=self.plan.token_budget,
            describe=self.settings.describe,
            plan=self.plan,
            settings=self.settings,
        )


def prepare(settings: TuningSettings, dataset: Path, base: str, out: Path, backend: str) -> Prepared:
    """Reads, encodes and plans. Writes into `out` what the plan needs: dataset/, base/, teacher.safetensors.

    Raises:
        LabelerError: dataset, base, backend or settings are wrong for each other or for this machine.
    """
    processes = Processes.here()
    with processes.main_first():
        split = out / "dataset"
        if not has_splits(dataset):
            # A run that is resumed keeps its split, whatever has become of the data since.
            kept = (out / RECORD).is_file() and split.is_dir()
            dataset = split if kept else write_splits(dataset, split, settings.seed)
        found = fitted_base(find_base(base, out / "base"), settings, out)
    data = read_tuning_data(dataset)
    chosen = choose_backend(backend, processes=processes.count)
    import_backend(chosen)
    device = find_device()
    numerics = choose_numerics(settings, chosen, device)
    if found.plain_text and not settings.plain_serving:
        note = "the base reads issues in lower case without punctuation: plain_serving=true, plain_text=1 keep to that"
        numerics = replace(numerics, notes=(*numerics.notes, note))
    with processes.main_first():
        teacher = find_teacher(settings, data, out / TEACHER)
    encoder = _encoder(settings, data, found, teacher)
    data = data.with_rows(settings.rows, settings.seed)
    with counted(len(data.train), "reading the issues") as done:
        epochs = encode_epochs(encoder, data.train, settings.epochs, done)
    batches = plan_batches(epochs, settings)
    memory = estimate(
        found.config,
        settings,
        numerics,
        device.kind,
        device.memory,
        tokens=max(batch.filled for batch in batches),
        counted=max(batch.counted for batch in batches),
        backend=chosen,
    )
    plan = make_plan(
        data,
        epochs,
        batches,
        settings,
        token_budget=encoder.renderer.token_budget,
        processes=processes.count,
        memory=memory,
    )
    return Prepared(settings, data, found, chosen, device, numerics, processes, encoder, batches, plan)


def _encoder(settings: TuningSettings, data: TuningData, base: Base, teacher: Teacher | None) -> Encoder:
    """With a token budget that fits the whole label list and every label in the answer into the sequence."""
    tokenizer = LibraryTokenizer(base.tokenizer)
    renderer = Renderer(tokenizer, settings.token_budget, settings.describe, plain=settings.plain_serving)
    encoder = Encoder(renderer, data.labels, Variation.of(settings), settings.seed)
    frame = len(encoder.renderer.prefix(data.labels)) + encoder.frame
    answer = len(encoder.grammar(data.labels.names).encode(range(len(data.labels))))
    fitted = replace(renderer, token_budget=fitted_budget(settings, frame, answer))
    return Encoder(fitted, data.labels, Variation.of(settings), settings.seed, teacher)
