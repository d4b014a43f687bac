"""The training itself: from a prepared run, or its last checkpoint, to the adapter with the best validation figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed
from transformers.trainer_callback import TrainerState
from transformers.utils.logging import disable_progress_bar

from labeler.console.progress import counted
from labeler.errors import LabelerError
from training.backends import load_model
from training.model.adapter_files import save_trained
from training.rows.batching import in_order
from training.rows.collate import count_answers_only
from training.tuning.logs import RunLog, draw, read_log
from training.tuning.prepare import Prepared
from training.tuning.run_record import RunFigures
from training.tuning.scoring import Question, answers, micro_f1
from training.tuning.tracking import Tracking
from training.tuning.trainer import AnswerTrainer, Watch, Watcher, has_ended, last_checkpoint, training_arguments


def fit(
    prepared: Prepared, folder: Path, tracking: Tracking, note: Callable[[str], None], watch: Watcher | None = None
) -> RunFigures:
    """Trains; writes log.jsonl, loss.svg and adapter/ into `folder`."""
    steps, is_main = prepared.plan.steps, prepared.processes.is_main
    with prepared.processes.main_first():  # unfinished checkpoints are removed
        checkpoint = last_checkpoint(folder / "checkpoints")
    first = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    if first and is_main:
        note(f"going on after step {first:,}")
    with counted(steps if is_main else 0, "training") as advance:
        for _ in range(first):
            advance()
        callbacks: list[Any] = tracking.callbacks(folder) + ([Watch(watch)] if watch else [])
        if is_main:
            a_step = prepared.settings.accumulation * prepared.processes.count
            callbacks.append(RunLog(folder / "log.jsonl", prepared.batches, a_step, first, advance, note))
        trainer = _trainer(prepared, folder, tracking, callbacks)
        if checkpoint and has_ended(checkpoint, steps, prepared.settings):
            trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
            trainer._load_best_model()
        else:
            try:
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            except torch.OutOfMemoryError as error:
                remedy = "Begin again with a lower batch_size and more accumulation, or gradient_checkpointing=on."
                raise LabelerError("The device's memory ran out.", remedy) from error
    state = trainer.state
    best = state.best_global_step
    kept = next(line for line in state.log_history if line["step"] == best and "eval_loss" in line)
    seconds = 0.0
    if is_main:
        save_trained(trainer.model, folder / "adapter")
        lines = read_log(folder / "log.jsonl")
        seconds = lines[-1]["seconds"]
        draw(lines, best, folder / "loss.svg")
    return RunFigures(
        steps=state.global_step,
        best_step=best,
        validation_loss=round(kept["eval_loss"], 6),
        validation_micro_f1=round(kept["eval_micro_f1"], 6) if "eval_micro_f1" in kept else None,
        seconds=seconds,
    )


def _trainer(prepared: Prepared, folder: Path, tracking: Tracking, callbacks: list[Any]) -> AnswerTrainer:
    settings, plan = prepared.settings, prepared.plan
    disable_progress_bar()
    set_seed(settings.seed)
    memory = plan.memory
    model = load_model(
        prepared.backend, prepared.base, settings, prepared.numerics, memory.checkpointing, memory.checkpoint_above
    )
    count_answers_only(model.get_base_model())
    arguments = training_arguments(
        settings,
        prepared.numerics,
        folder / "checkpoints",
        steps=plan.steps,
        evaluate_every=plan.evaluate_every,
        device=prepared.device.kind,
        report_to=tracking.by_transformers,
    )
    validation = [prepared.encoder(row, None) for row in prepared.data.validation]
    score = _score(prepared, arguments.device) if settings.score_rows else None
    return AnswerTrainer(model, arguments, settings, prepared.batches, in_order(validation, settings), score, callbacks)


def _score(prepared: Prepared, device: torch.device) -> Callable[[Any], float]:
    """Micro-F1 of a model's answers to the first `score_rows` validation rows, under the list that each row's source
    uses."""
    settings, encoder = prepared.settings, prepared.encoder
    questions = [
        Question(encoder(row, None).prompt, encoder.grammar(encoder.list_of(row).names), row)
        for row in prepared.data.validation[: settings.score_rows]
    ]
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(prepared.numerics.precision)

    def score(model: Any) -> float:
        with torch.autocast(device.type, half, enabled=half is not None):
            return micro_f1(answers(model.get_base_model(), questions, settings.batch_size, device), questions)

    return score
