"""Rounding by distillation: rounded weights that learn to answer as the tuned model does.

What LLM-QAT (Liu et al. 2023, arXiv:2305.17888) and BitDistiller (Du et al. 2024, arXiv:2402.10631) do: the student's
forward pass multiplies with rounded matrices, gradients go straight through to the full ones under them (Bengio et al.
2013, arXiv:1308.3432), and its answers are drawn to the teacher's. All weights learn, not an adapter: a code is to move
one step where that makes up for its neighbours', which no change of low rank says. Scales are found once, for the
teacher's weights, and stay.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labeler.errors import LabelerError
from labeler.files import replaced, write_text
from training.fast.grid import best_scales, in_blocks, on_grid, rounded
from training.fast.loop import Stream, mean_loss
from training.fast.model import Gemma
from training.fast.parts import Part
from training.fast.schedule import LoopSettings, Position
from training.quantise.quantisation import Grid

LOG = "distil.jsonl"
_LOG_EVERY = 10  # steps


class Latent:
    """A matrix that is seen rounded, and the weights under it, which learn."""

    def __init__(self, name: str, weight: Tensor, grid: Grid) -> None:
        self.name, self.grid, self.scales = name, grid, best_scales(weight, grid)
        self.weight = nn.Parameter(weight.clone())

    def changed(self, dtype: torch.dtype) -> Tensor:
        """The rounded weights (out, in); their gradients are those of the weights under them."""
        seen = rounded(self.weight.detach(), self.scales, self.grid)
        return (self.weight + (seen - self.weight.detach())).to(dtype)

    def beside(self, x: Tensor) -> Tensor:
        return F.linear(x, self.changed(x.dtype))

    def codes(self) -> Tensor:
        """int8 (out, in)."""
        return on_grid(in_blocks(self.weight.detach(), self.grid), self.scales, self.grid).flatten(1).to(torch.int8)


def distil(
    teacher: Gemma,
    stream: Stream,
    settings: LoopSettings,
    grid: Grid,
    out: Path,
    validation: Sequence[Part] = (),
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Rounds the teacher's matrices; returns {"rows", "steps", "seconds", "validation": loss by moment}.

    Args:
        settings: of its own: a step of the grid is about a hundredth in this model, so a few hundred steps of 4e-5 can
            move a code by one. Weight decay and saving have no meaning here.

    Writes `out/distil.jsonl`, a line every ten steps, and in the end `out/blocks.safetensors` as
    `training.quantise.rounding.given` reads it. Killed, it begins anew.

    Raises:
        LabelerError: the loss is no longer a number.
    """
    student, latents = _student(teacher, grid)
    weights, betas = [one.weight for one in latents], (0.9, settings.beta2)
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, betas=betas, weight_decay=0.0, fused=True)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / LOG, "")
    losses = {"tuned": mean_loss(teacher, validation), "rounded": mean_loss(student, validation)}
    say(f"validation loss {losses['tuned']:.4f}, with rounded matrices {losses['rounded']:.4f}")
    position, started, recent = Position(), time.perf_counter(), list[Tensor]()
    while (done := settings.budget.done(position)) < 1:
        rate = settings.rate(position.step, done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        parts = next(stream)
        recent.append(_gradients(teacher, student, parts))
        norm = torch.nn.utils.clip_grad_norm_(weights, settings.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        position.step += 1
        position.rows += sum(len(part.rows) for part in parts)
        position.seconds = time.perf_counter() - started
        if position.step % _LOG_EVERY == 0:
            divergence, apart = torch.stack(recent[-_LOG_EVERY:]).mean(0).tolist()
            if not divergence + apart < float("inf"):
                raise LabelerError(f"Step {position.step}: the loss is no longer a number.", "Lower distil_rate.")
            line = {"step": position.step, "rows": position.rows, "seconds": round(position.seconds, 1)}
            line |= {"divergence": round(divergence, 6), "hidden": round(apart, 6)}
            line |= {"gradient": round(float(norm), 4), "learning_rate": rate}
            with open(out / LOG, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            if position.step % (10 * _LOG_EVERY) == 0:
                say(f"step {position.step}, {done:.0%}: divergence {divergence:.4f} nats an answer token")
    losses["distilled"] = mean_loss(student, validation)
    say(f"validation loss of the distilled matrices {losses['distilled']:.4f}")
    write_blocks(out / "blocks.safetensors", latents)
    rounded_losses = {moment: round(loss, 4) for moment, loss in losses.items()}
    seconds = round(position.seconds, 1)
    return {"rows": position.rows, "steps": position.step, "seconds": seconds, "validation": rounded_losses}


def write_blocks(path: Path, latents: Sequence[Latent]) -> None:
    """Codes and scales by name, the file whole or absent."""
    from safetensors.torch import save_file

    tensors = {}
    for one in latents:
        name = one.name.removeprefix("layers.")
        tensors[f"{name}.codes"], tensors[f"{name}.scales"] = one.codes().cpu(), one.scales.cpu()
    with replaced(path) as partial:
        save_file(tensors, partial)


def _student(teacher: Gemma, grid: Grid) -> tuple[Gemma, list[Latent]]:
    """The same model but for its matrices, and those: embeddings, norms and what is compiled are shared."""
    student = copy.copy(teacher)
    layers = [[Latent(one.name, one.merged(), grid) for one in row] for row in teacher.layers]
    student.layers = layers  # type: ignore[assignment]
    return student, [one for row in layers for one in row]


def _gradients(teacher: Gemma, student: Gemma, parts: Sequence[Part]) -> Tensor:
    """Adds up the step's gradients; (divergence in nats an answer token, relative squared error of hidden states)."""
    counted, tokens = sum(part.counted for part in parts), sum(row.length for part in parts for row in part.rows)
    total = torch.zeros(2, device=student.device)
    for part in parts:
        prefix, ids, where, _ = part.tensors(student.device)
        lengths = torch.tensor([row.length for row in part.rows], device=student.device)
        real = (torch.arange(ids.shape[1], device=student.device) < lengths[:, None]).flatten()
        with torch.no_grad():
            wanted = teacher.hidden(prefix, ids).flatten(0, 1)
            aim = F.log_softmax((wanted[where] @ teacher.embeddings.T).float(), -1)
        found = student.hidden(prefix, ids).flatten(0, 1)
        said = F.log_softmax((found[where] @ student.embeddings.T).float(), -1)
        divergence = F.kl_div(said, aim, reduction="sum", log_target=True) / counted
        apart = (found.float() - wanted.float()).pow(2).mean(-1) / wanted.float().pow(2).mean(-1).clamp_min(1e-6)
        apart = (apart * real).sum() / tokens
        (divergence + apart).backward()
        total += torch.stack([divergence.detach(), apart.detach()])
    return total
