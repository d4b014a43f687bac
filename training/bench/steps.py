"""The steps that `training.bench.benchmark` measures: those of a run, by a run's own trainer, with a clock."""

from __future__ import annotations

import gc
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from labeler.console.progress import counted
from training.backends import load_model
from training.bench.findings import Times
from training.model.base import Base
from training.rows.batching import Batch, plan_batches
from training.rows.collate import collate, count_answers_only
from training.rows.examples import Example
from training.tuning.device import Numerics
from training.tuning.logs import RunLog
from training.tuning.settings import TuningSettings
from training.tuning.trainer import AnswerTrainer, training_arguments

# Of a card's memory, what CUDA itself and the libraries take before the first tensor (300 to 600 MiB seen).
CONTEXT = 600 * 2**20
_SAMPLE = 0.01  # seconds between two looks at a process's memory


class Clock:
    """Adds up seconds by part, from `reset` on."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.parts: dict[str, float] = defaultdict(float)
        self.began = time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.parts[name] += time.perf_counter() - began


class TimedTrainer(AnswerTrainer):
    """A run's trainer that tells the clock of collating and logging."""

    def __init__(self, clock: Clock, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._clock = clock

    def get_train_dataloader(self) -> DataLoader:
        def timed(batches: list[Batch]) -> dict[str, torch.Tensor]:
            with self._clock.part("collating"):
                return collate(batches[0])

        return self.accelerator.prepare(DataLoader(self.train_dataset, batch_size=1, collate_fn=timed))

    def log(self, *arguments: Any, **options: Any) -> None:
        with self._clock.part("logging"):
            super().log(*arguments, **options)


class TimedLog(RunLog):
    """A run's log; what lies between the begin and the end of a step is the model's time."""

    def __init__(self, clock: Clock, warm: int, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._clock, self._warm, self._model_began = clock, warm, 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        with self._clock.part("logging"):
            super().on_step_begin(args, state, control, **options)
        self._model_began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._clock.parts["model"] += time.perf_counter() - self._model_began
        with self._clock.part("logging"):
            super().on_step_end(args, state, control, **options)
        if state.global_step == self._warm:
            self._clock.reset()


class Bench:
    """One loaded model to measure on; `cap` is in bytes and binds the GPU's allocator."""

    def __init__(
        self, backend: str, base: Base, settings: TuningSettings, numerics: Numerics, device: str, cap: int | None,
        folder: Path,
    ) -> None:  # fmt: skip
        self._backend, self._base, self._numerics, self._device = backend, base, numerics, device
        # Neither evaluations nor early stopping: what is measured is training.
        self._settings = replace(settings, patience=0, select_on="loss")
        self._folder = folder
        self.checkpointing, self.above = False, 0
        if cap and device == "cuda":
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, max(0, cap - CONTEXT) / total))

    def load(self, checkpointing: bool, above: int = 0) -> None:
        """`checkpointing` for batches of more than `above` tokens."""
        self.checkpointing, self.above = checkpointing, above
        self._model = load_model(self._backend, self._base, self._settings, self._numerics, checkpointing, above)
        count_answers_only(self._model.get_base_model())

    def peak(self, rows: int, length: int, answer: int) -> int | None:
        """Bytes at the peak of two steps on full batches; None where the GPU's memory does not suffice.

        The second step is the one that has the optimiser's state beside everything else.
        """
        ids = np.random.default_rng(0).integers(8, self._base.config.vocab_size, length + 1, dtype=np.int32)
        batch = Batch(0, (Example(ids, answer),) * rows, length)
        settings, fits = replace(self._settings, accumulation=1), True
        try:
            with _Peak(self._device) as peak:
                self._train([batch] * 2, settings, 2, Clock(), 0)
        except torch.OutOfMemoryError:
            fits = False
        self._forget()  # only here: inside `except`, the error's frames still hold the tensors
        return peak.bytes if fits else None

    def time(self, examples: Sequence[Example], settings: TuningSettings, steps: int, warm: int) -> Times:
        """Times `steps` steps on examples of usual lengths, after `warm` others."""
        settings = replace(settings, patience=0, select_on="loss")
        needed = (steps + warm) * settings.accumulation
        plan = plan_batches([examples], settings)
        plan = (plan * -(-needed // len(plan)))[:needed]
        clock = Clock()
        self._train(plan, settings, steps + warm, clock, warm)
        parts = {name: clock.parts[name] for name in ("collating", "logging", "model")}
        parts["the loop's own"] = max(0.0, time.perf_counter() - clock.began - sum(parts.values()))
        timed = plan[warm * settings.accumulation :]
        return Times(steps, sum(len(b.examples) for b in timed), sum(b.tokens for b in timed), parts)

    def _train(self, plan: list[Batch], settings: TuningSettings, steps: int, clock: Clock, warm: int) -> None:
        arguments = training_arguments(
            settings, self._numerics, self._folder / "checkpoints", steps=steps, evaluate_every=steps + 1,
            device=self._device, report_to="none",
        )  # fmt: skip
        arguments.eval_strategy = arguments.save_strategy = "no"
        arguments.load_best_model_at_end = False
        (self._folder / "log.jsonl").unlink(missing_ok=True)
        with counted(steps, "timing") as advance:
            log = TimedLog(
                clock, warm, self._folder / "log.jsonl", plan, settings.accumulation, 0, advance, lambda _: None
            )
            TimedTrainer(clock, self._model, arguments, settings, plan, [], None, [log]).train()

    def _forget(self) -> None:
        for parameter in self._model.parameters():
            parameter.grad = None
        gc.collect()
        if self._device == "cuda":
            torch.cuda.empty_cache()


class _Peak:
    """The most memory taken inside a `with` block: the GPU allocator's own count, or the process's resident memory."""

    bytes = 0

    def __init__(self, device: str) -> None:
        self._on_gpu = device == "cuda"

    def __enter__(self) -> _Peak:
        if self._on_gpu:
            torch.cuda.reset_peak_memory_stats()
        else:
            self._ended = threading.Event()
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._on_gpu:
            self.bytes = torch.cuda.max_memory_allocated()
        else:
            self._ended.set()
            self._watcher.join()

    def _watch(self) -> None:
        import psutil

        process = psutil.Process()
        while not self._ended.wait(_SAMPLE):
            self.bytes = max(self.bytes, process.memory_info().rss)
