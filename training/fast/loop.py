"""The tuning loop: AdamW over steps of parts until a budget is used up; killed, it goes on where it was.

OUT/log.jsonl   a line every `log_every` steps: {"step", "rows", "tokens", "loss", "gradient", "learning_rate",
                "seconds", "tokens_per_second"}, the loss in nats an answer token, tokens with filling, and seconds
                spent in steps; and one for each look at the validation parts: {"step", "validation_loss"}
OUT/state.pt    adapter, optimiser, position in the data: what it goes on from
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from labeler.errors import LabelerError
from labeler.files import replaced, write_text
from training.fast.model import Gemma
from training.fast.parts import Part
from training.fast.schedule import LoopSettings, Position
from training.tuning.logs import duration, read_log

LOG, STATE = "log.jsonl", "state.pt"
_LOG_EVERY, _ETA_AFTER = 10, 20  # steps


class Stream(Protocol):
    """Endless steps, each a list of parts whose gradients are added up."""

    def __next__(self) -> list[Part]: ...

    def state(self) -> Any:
        """What `restore` takes, of plain types."""
        ...

    def restore(self, state: Any) -> None: ...


@dataclass(frozen=True)
class Result:
    """A finished run: its position, and the loss on the validation parts by moment ("before", "after")."""

    position: Position
    validation: dict[str, float] = field(default_factory=dict)


def tune(
    model: Gemma,
    stream: Stream,
    settings: LoopSettings,
    out: Path,
    validation: Sequence[Part] = (),
    say: Callable[[str], None] = print,
    watch: Callable[[Position], None] = lambda position: None,
) -> Result:
    """Tunes the model's adapters in place, from `out/state.pt` on if that is there.

    Args:
        validation: parts whose loss is measured before and after.
        watch: called after every step.

    Raises:
        LabelerError: the loss is no longer a number.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(model, stream, settings, out, validation, say)
    run.resume()
    while (done := settings.budget.done(run.position)) < 1:
        run.step(done)
        watch(run.position)
        if run.position.step % settings.save_every == 0:
            run.save()
    run.look("after")
    run.save()
    return Result(run.position, run.losses)


@torch.no_grad()
def mean_loss(model: Gemma, parts: Sequence[Part]) -> float:
    """Nats an answer token; 0 over no parts."""
    return sum(float(model.loss(part)) for part in parts) / max(1, sum(part.counted for part in parts))


class _Run:
    """One run and where it is."""

    def __init__(
        self, model: Gemma, stream: Stream, settings: LoopSettings, out: Path, validation: Sequence[Part],
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._model, self._stream, self._settings, self._out = model, stream, settings, out
        self._validation, self._say = validation, say
        self.position, self.losses = Position(), dict[str, float]()
        self._recent: list[float] = []
        self._first = 0
        self._optimizer = torch.optim.AdamW(
            model.parameters, lr=settings.learning_rate, betas=(0.9, settings.beta2),
            weight_decay=settings.weight_decay, fused=True,
        )  # fmt: skip

    def step(self, done: float) -> None:
        settings, position = self._settings, self.position
        started = time.perf_counter()
        rate = settings.rate(position.step, done)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        parts = next(self._stream)
        counted, losses = sum(part.counted for part in parts), []
        for part in parts:
            loss = self._model.loss(part)
            (loss / counted).backward()
            losses.append(loss.detach())
        learning = [parameter for parameter in self._model.parameters if parameter.grad is not None]
        # Only here is a GPU waited for: all of the step is on its way by then.
        norm = float(torch.nn.utils.clip_grad_norm_(learning, settings.clip or math.inf))
        nats = float(sum(losses))
        if not math.isfinite(nats) or not math.isfinite(norm):
            raise LabelerError(f"Step {position.step + 1:,}: the loss is no longer a number.", "Lower learning_rate.")
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        position.step += 1
        position.rows += sum(len(part.rows) for part in parts)
        position.tokens += sum(part.tokens for part in parts)
        position.seconds += time.perf_counter() - started
        self._recent.append(nats / counted)
        if position.step % _LOG_EVERY == 0:
            self._log({"learning_rate": rate, "gradient": round(norm, 4)})
        if position.step - self._first == _ETA_AFTER:
            self._say_time_left()

    def look(self, moment: str) -> None:
        """Measures the mean loss of an answer token on the validation parts."""
        if not self._validation:
            return
        loss = mean_loss(self._model, self._validation)
        self.losses[moment] = round(loss, 4)
        self._say(f"validation loss {moment}: {loss:.4f}")
        self._write({"step": self.position.step, "validation_loss": round(loss, 6)})

    def save(self) -> None:
        state = {
            "adapter": {name: (one.a.detach(), one.b.detach()) for name, one in self._model.adapted.items()},
            "optimizer": self._optimizer.state_dict(),
            "stream": self._stream.state(),
            "position": asdict(self.position),
            "losses": self.losses,
        }
        with replaced(self._out / STATE) as partial:
            torch.save(state, partial)

    def resume(self) -> None:
        """Puts the saved state back, if there is one; lines of the log beyond it are dropped."""
        path, log = self._out / STATE, self._out / LOG
        lines = read_log(log) if log.is_file() else []
        if not path.is_file():
            write_text(log, "")
            self.look("before")
            return
        state = torch.load(path, map_location=self._model.device, weights_only=False)
        for name, one in self._model.adapted.items():
            one.set(*state["adapter"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        self._stream.restore(state["stream"])
        self.position, self.losses = Position(**state["position"]), state["losses"]
        self._first = self.position.step
        kept = [line for line in lines if line["step"] <= self.position.step]
        write_text(log, "".join(json.dumps(line) + "\n" for line in kept))
        self._say(f"goes on from step {self.position.step:,}")

    def _log(self, more: dict[str, float]) -> None:
        position, recent = self.position, self._recent[-_LOG_EVERY:]
        line = {
            **asdict(position),
            "seconds": round(position.seconds, 1),
            "loss": round(sum(recent) / len(recent), 6),
            "tokens_per_second": round(position.tokens / position.seconds),
            **more,
        }
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        with open(self._out / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _say_time_left(self) -> None:
        done, position = self._settings.budget.done(self.position), self.position
        left = duration(position.seconds * (1 - done) / max(done, 1e-9))
        pace = f"{position.tokens / position.seconds:,.0f} tokens/s, {position.rows / position.seconds:.1f} issues/s"
        self._say(f"about {left} of tuning left at {pace}, {done:.0%} done")
