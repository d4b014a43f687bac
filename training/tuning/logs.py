"""What a run leaves of its course: a line for every logged step, a progress bar, a picture."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from eval.reports.scale import Axis
from eval.reports.svg import Series, line_chart
from labeler.errors import LabelerError
from labeler.files import write_text
from training.rows.batching import Batch

_ETA_AFTER = 10  # steps; their median passes over those that compile or warm up
_POINTS = 60  # of the training loss in the picture: each the mean of a stretch of steps


class RunLog(TrainerCallback):
    """Writes a JSON line for every logged step and for every evaluation.

    A step's line is {"step", "epoch", "loss", "learning_rate", "gradient", "tokens_per_second", "seconds"}, an
    evaluation's {"step", "epoch", "validation_loss", "validation_micro_f1", "seconds"}. The loss is in nats a counted
    token, `gradient` the norm before clipping; tokens are without filling, and `seconds` is time spent in steps.

    Args:
        path: the log; lines beyond `first` are dropped, since those steps are done again.
        a_step: batches of the plan that make a step, on all devices.
        first: steps that are done already.
        advance: called after every step.
        note: is told about how long it will take.
    """

    def __init__(
        self, path: Path, plan: Sequence[Batch], a_step: int, first: int, advance: Callable[[], None],
        note: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._tokens, self._epochs = _by_step(plan, a_step)
        self._advance, self._note = advance, note
        self._first, self._logged = first, first
        self._seconds = self._began = self._logged_seconds = 0.0
        kept = [line for line in read_log(path) if line["step"] <= first] if path.is_file() else []
        self._seconds = self._logged_seconds = max((line["seconds"] for line in kept), default=0.0)
        self._pace: list[float] = []  # seconds a token of the first steps
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        taken = time.perf_counter() - self._began
        self._seconds += taken
        self._advance()
        done = state.global_step - self._first
        if done <= _ETA_AFTER:
            self._pace.append(taken / self._tokens[state.global_step - 1])
        if done == _ETA_AFTER:
            each = statistics.median(self._pace)
            left = each * sum(self._tokens[state.global_step :])
            self._note(f"about {duration(left)} of training left at {1 / each:,.0f} tokens/s, evaluations not counted")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        step = state.global_step
        if not logs or not step:
            return
        line: dict[str, Any] = {"step": step, "epoch": round(self._epochs[min(step, len(self._epochs)) - 1], 3)}
        if "eval_loss" in logs:
            line |= {f"validation_{key[5:]}": round(logs[key], 6) for key in logs if key.startswith("eval_")}
        elif "loss" in logs:
            if not math.isfinite(logs["loss"]):
                remedy = f"Lower learning_rate (it is {args.learning_rate:g}), or set precision=fp32."
                raise LabelerError(f"Step {step:,}: the loss is no longer a number.", remedy)
            taken = max(1e-9, self._seconds - self._logged_seconds)
            line |= {
                "loss": round(logs["loss"], 6),
                "learning_rate": logs["learning_rate"],
                "gradient": round(logs.get("grad_norm", 0.0), 4),
                "tokens_per_second": round(sum(self._tokens[self._logged : step]) / taken),
            }
            self._logged, self._logged_seconds = step, self._seconds
        else:
            return
        self._file.write(json.dumps(line | {"seconds": round(self._seconds, 3)}) + "\n")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._file.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that a kill cut short is left out."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def draw(lines: Iterable[dict[str, Any]], best_step: int, path: Path) -> None:
    """Draws training and validation loss, and below them micro-F1 where it was measured, as one SVG file."""
    lines = list(lines)
    steps = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    stretch = max(1, len(steps) // _POINTS)
    parts = [steps[i : i + stretch] for i in range(0, len(steps), stretch)]
    means = tuple((part[-1][0], sum(loss for _, loss in part) / len(part)) for part in parts)
    losses = tuple((line["step"], line["validation_loss"]) for line in lines if "validation_loss" in line)
    scores = tuple((line["step"], line["validation_micro_f1"]) for line in lines if "validation_micro_f1" in line)
    span = (0.0, float(max((step for step, _ in steps), default=1)))
    across = Axis("step", span=span)

    def at_best(points: tuple[tuple[float, float], ...]) -> tuple[float, float] | None:
        return next((point for point in points if point[0] == best_step), None)

    charts = [
        line_chart(
            [
                Series("training", means, dots=False),
                Series("validation (ring: the checkpoint that was kept)", losses, mark=at_best(losses)),
            ],
            across, Axis("loss, nats a token of the answer"), title="Loss", width=640, standalone=True,
        )
    ]  # fmt: skip
    if scores:
        line = Series("", scores, mark=at_best(scores), color=1)
        up = Axis("micro-F1 of the answers, validation rows", span=(0.0, 1.0))
        charts.append(line_chart([line], across, up, title="Micro-F1", width=640, height=220, standalone=True))
    write_text(path, _stacked(charts))


def _stacked(charts: Sequence[str]) -> str:
    """SVG documents below each other in one."""
    sizes = [_size(chart) for chart in charts]
    width, height = max(wide for wide, _ in sizes), sum(high for _, high in sizes)
    parts, top = [], 0
    for chart, (_, high) in zip(charts, sizes, strict=True):
        parts.append(chart.replace("<svg ", f'<svg y="{top}" ', 1))
        top += high
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"{''.join(parts)}</svg>\n"
    )


def _size(chart: str) -> tuple[int, int]:
    start = chart[: chart.index(">")]
    return tuple(int(start.split(f' {side}="')[1].split('"')[0]) for side in ("width", "height"))  # type: ignore[return-value]


def duration(seconds: float) -> str:
    """ "45 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _by_step(plan: Sequence[Batch], a_step: int) -> tuple[list[int], list[float]]:
    """For each step its tokens, and how many epochs are done after it."""
    sizes = Counter(batch.epoch for batch in plan)
    seen: Counter[int] = Counter()
    done = []
    for batch in plan:
        seen[batch.epoch] += 1
        done.append(batch.epoch + seen[batch.epoch] / sizes[batch.epoch])
    starts = range(0, len(plan), a_step)
    tokens = [sum(batch.tokens for batch in plan[i : i + a_step]) for i in starts]
    return tokens, [done[min(i + a_step, len(plan)) - 1] for i in starts]
