"""The training loop: transformers' Trainer over planned batches, with checkpoints from which a killed run goes on.

Not trl's SFTTrainer: it tokenises by itself, and computes entropy and token accuracy over the whole vocabulary at every
position, for which a labeller has no use.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainingArguments,
)

from training.model.adapter_files import load_trained, save_trained
from training.rows.batching import Batch
from training.rows.collate import collate
from training.tuning.device import Numerics
from training.tuning.settings import TuningSettings

_Inputs = dict[str, torch.Tensor]
Watcher = Callable[[int, dict[str, float]], bool]  # step, metrics -> whether to stop
COMPLETE = "complete"  # the file that says that a checkpoint is whole
_SCHEDULES = {
    "linear": "linear",
    "cosine": "cosine",
    "constant": "constant_with_warmup",
    "plateau": "warmup_stable_decay",
}


def training_arguments(
    settings: TuningSettings,
    numerics: Numerics,
    folder: Path,
    *,
    steps: int,
    evaluate_every: int,
    device: str,
    report_to: str,
) -> TrainingArguments:
    """The settings in transformers' words; `folder` is for checkpoints."""
    warmup = round(settings.warmup * steps) if settings.warmup < 1 else round(settings.warmup)
    kwargs = {"num_decay_steps": round(settings.decay * steps)} if settings.schedule == "plateau" else {}
    return TrainingArguments(
        output_dir=str(folder),
        run_name=folder.parent.name,
        max_steps=steps,
        per_device_train_batch_size=1,  # an item of the data is a planned batch
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=_SCHEDULES[settings.schedule],
        lr_scheduler_kwargs=kwargs,
        warmup_steps=min(warmup, steps),
        optim=numerics.optimizer,
        adam_beta2=settings.beta2,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        bf16=numerics.precision == "bf16",
        fp16=numerics.precision == "fp16",
        use_cpu=device == "cpu",
        eval_strategy="steps",
        eval_steps=evaluate_every,
        save_strategy="steps",
        save_steps=evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{settings.select_on}",
        greater_is_better=settings.select_on != "loss",
        restore_callback_states_from_checkpoint=True,
        logging_steps=settings.log_every,
        logging_nan_inf_filter=False,
        report_to=[] if report_to == "none" else [report_to],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=device == "cuda",
        ddp_find_unused_parameters=False,
        log_level="error",
        seed=settings.seed,
    )


class AnswerTrainer(Trainer):
    """Trains on planned batches, in their order.

    Args:
        model: a PeftModel whose causal model went through `collate.count_answers_only`.
        plan: all batches of all epochs.
        validation: batches for the validation loss.
        score: the model's micro-F1 on validation rows; None where it is not wanted.
    """

    control: TrainerControl

    def __init__(
        self,
        model: Any,
        arguments: TrainingArguments,
        settings: TuningSettings,
        plan: Sequence[Batch],
        validation: Sequence[Batch],
        score: Callable[[Any], float] | None,
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=list(plan),
            eval_dataset=list(validation),
            callbacks=list(callbacks),
        )
        self.model_accepts_loss_kwargs = True  # the loss is divided by all counted tokens of a step
        self._score = score
        self.remove_callback(PrinterCallback)
        if settings.patience:
            self.add_callback(EarlyStoppingCallback(settings.patience, settings.min_change))

    def get_train_dataloader(self) -> DataLoader[Batch]:
        return self.accelerator.prepare(DataLoader(self.train_dataset, batch_size=1, collate_fn=_only))

    def get_batch_samples(
        self, epoch_iterator: Iterator[_Inputs], num_batches: int, device: torch.device
    ) -> tuple[list[_Inputs], Any]:
        batches = list(islice(epoch_iterator, num_batches))
        counted = torch.tensor(sum(int((batch["targets"] >= 0).sum()) for batch in batches), device=device)
        if self.args.world_size > 1:
            counted = self.accelerator.gather(counted).sum()
        return batches, counted

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean over all counted tokens of the step, on all devices: gradients are averaged over devices."""
        outputs = model(**inputs)
        loss = outputs["loss"] * self.accelerator.num_processes / num_items_in_batch
        return (loss, outputs) if return_outputs else loss

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # not asked for, and it walks through all parameters at every step

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """Validation loss, a mean over all counted tokens, and micro-F1; each device computes its share."""
        self.model.eval()
        sums = torch.zeros(2, dtype=torch.float64)
        for batch in self.eval_dataset[self.args.process_index :: self.args.world_size]:
            inputs = self._prepare_inputs(collate(batch))
            with torch.no_grad():
                sums += torch.tensor([float(self.model(**inputs)["loss"]), batch.counted], dtype=torch.float64)
        if self.args.world_size > 1:
            sums = self.accelerator.reduce(sums.float().to(self.args.device)).cpu()
        metrics = {f"{metric_key_prefix}_loss": float(sums[0] / sums[1])}
        if self._score is not None:
            metrics[f"{metric_key_prefix}_micro_f1"] = self._score(self.model)
        self.model.train()
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        assert output_dir is not None
        save_trained(self.model, Path(output_dir))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            (Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}" / COMPLETE).touch()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_trained(self.model, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        load_trained(self.model, Path(self.state.best_model_checkpoint))


class Watch(TrainerCallback):
    """Calls `watch` with step and metrics after every evaluation; training stops where it returns True."""

    def __init__(self, watch: Watcher) -> None:
        self._watch = watch

    def on_evaluate(self, args: Any, state: Any, control: Any, *, metrics: dict[str, float], **_: Any) -> None:
        if self._watch(state.global_step, dict(metrics)):
            control.should_training_stop = True


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; those that a kill left unfinished are removed."""
    found: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        if (path / COMPLETE).is_file():
            found[int(path.name.rpartition("-")[2])] = path
        else:
            shutil.rmtree(path)
    return found[max(found)] if found else None


def has_ended(checkpoint: Path, steps: int, settings: TuningSettings) -> bool:
    """Whether training was over at that checkpoint, by its steps or by early stopping."""
    state = json.loads((checkpoint / "trainer_state.json").read_bytes())
    stopping = state["stateful_callbacks"].get("EarlyStoppingCallback", {})
    waited = stopping.get("attributes", {}).get("early_stopping_patience_counter", 0)
    return state["global_step"] >= steps or bool(settings.patience and waited >= settings.patience)


def _only(batches: list[Batch]) -> dict[str, torch.Tensor]:
    (batch,) = batches
    return collate(batch)
