"""Causal language modelling on packed text: the loop by which a base goes on reading."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from labeler.console.progress import counted, counted_with
from labeler.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import Gemma3ForCausalLM

STATE, LOG = "adapt.pt", "adapt.jsonl"
_TEXTS_AT_ONCE = 5000
_SAVE_SECONDS = 600


@dataclass(frozen=True)
class LoopSettings:
    """How to train. Learning rates are peaks; `warmup` and `decay` are shares of all steps.

    Raises:
        InputError: a value is of the wrong kind or too small; names the key.
    """

    sequence_length: int
    batch_size: int
    learning_rate: float  # of the matrices
    embedding_learning_rate: float  # of embeddings and norms
    weight_decay: float  # of the matrices
    warmup: float
    decay: float
    epochs: int = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            whole = name in ("sequence_length", "batch_size", "epochs")
            if type(value) not in ((int,) if whole else (int, float)) or not value >= whole:
                remedy = "It must be a whole number, at least 1." if whole else "It must be a number, at least 0."
                raise InputError(f"{name} = {value!r}", remedy)


def pack(texts: Iterable[str], tokenizer: Tokenizer, limit: int | None = None) -> np.ndarray:
    """The ids of all texts in a row, each between <bos> and <eos>: (n,) uint16, or uint32 for a large vocabulary."""
    tokenizer.encode_special_tokens = True  # a "<bos>" typed by a person stays text
    bos, eos = tokenizer.token_to_id("<bos>"), tokenizer.token_to_id("<eos>")
    kind = np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.uint32
    texts, ids = list(texts), []
    starts = range(0, len(texts), _TEXTS_AT_ONCE)
    with counted(len(starts), "tokenize") as done:
        for start in starts:
            # An encoding holds ten times what its ids need: never all texts' at once.
            encodings = tokenizer.encode_batch_fast(texts[start : start + _TEXTS_AT_ONCE], add_special_tokens=False)
            ids += [np.array([bos, *encoding.ids, eos], dtype=kind) for encoding in encodings]
            done()
    return np.concatenate(ids)[:limit]


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def can_compile() -> bool:
    """Whether torch.compile has what it needs: triton on a GPU, a C++ compiler anywhere."""
    compilers = (os.environ.get("CXX", ""), "g++", "clang++")
    triton = pick_device().type != "cuda" or find_spec("triton") is not None
    return triton and any(map(shutil.which, filter(None, compilers)))


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of hidden states (n, h) against a tied output layer (v, h) and targets (n,).

    The n x v logits never exist as a whole: each chunk's gradient is taken while its logits are in
    cache. On a CPU that is several times faster than the plain loss, which is bound by memory.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, chunk: int = 256
    ) -> torch.Tensor:
        hidden16, weight16 = hidden.to(torch.bfloat16), weight.to(torch.bfloat16)
        grad_hidden = torch.empty_like(hidden, dtype=torch.float32)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        total, n = hidden.new_zeros((), dtype=torch.float64), len(hidden)
        for start in range(0, n, chunk):
            part, target = hidden16[start : start + chunk], targets[start : start + chunk, None]
            logits = (part @ weight16.T).float()
            logits.sub_(logits.amax(1, keepdim=True))
            chosen = logits.gather(1, target).clone()
            norm = logits.exp_().sum(1, keepdim=True)
            total += (norm.log() - chosen).sum()
            logits.div_(norm).scatter_add_(1, target, -torch.ones_like(chosen))
            grad = logits.to(torch.bfloat16)
            grad_hidden[start : start + chunk] = (grad @ weight16).float()
            grad_weight += (grad.T @ part).float()
        ctx.save_for_backward(grad_hidden / n, grad_weight / n)
        return (total / n).float()

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden * grad, grad_weight * grad, None, None


def _loss(body: Any, weight: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    """Mean nats a token of windows (rows, length + 1)."""
    with torch.autocast(window.device.type, torch.bfloat16):
        hidden = body(window[:, :-1], use_cache=False).last_hidden_state
    return _ChunkedCrossEntropy.apply(hidden.float().flatten(0, 1), weight, window[:, 1:].flatten())


def _windows(tokens: np.ndarray, rows: Iterable[int], length: int, device: torch.device) -> torch.Tensor:
    cut = np.stack([tokens[row * length : (row + 1) * length + 1] for row in rows])
    return torch.from_numpy(cut.astype(np.int64)).to(device)


@torch.no_grad()
def mean_loss(model: Gemma3ForCausalLM, tokens: np.ndarray, settings: LoopSettings) -> float:
    """Mean nats a token over all whole windows of `tokens`."""
    length, batch = settings.sequence_length, settings.batch_size
    windows = (len(tokens) - 1) // length
    total = 0.0
    for start in range(0, windows, batch):
        rows = range(start, min(start + batch, windows))
        loss = _loss(model.model, model.model.embed_tokens.weight, _windows(tokens, rows, length, model.device))
        total += loss.item() * len(rows)
    return total / windows


def _optimizer(model: Gemma3ForCausalLM, settings: LoopSettings) -> tuple[torch.optim.Optimizer, list[float]]:
    """AdamW over two groups of weights, and the peak learning rate of each."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    peaks = [settings.learning_rate, settings.embedding_learning_rate]
    return torch.optim.AdamW(groups, lr=peaks[0], betas=(0.9, 0.95)), peaks


def train(
    model: Gemma3ForCausalLM,
    tokens: np.ndarray,
    settings: LoopSettings,
    out: Path,
    *,
    compile: bool,
    save_every: int = 400,
) -> None:
    """Trains `model` in place; goes on from `out/adapt.pt` and logs to `out/adapt.jsonl`.

    Whoever saves the finished model removes the state file.

    Raises:
        InputError: the text does not fill one batch.
    """
    length, batch = settings.sequence_length, settings.batch_size
    windows = (len(tokens) - 1) // length
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(windows) for _ in range(settings.epochs)])
    steps = len(order) // batch
    if not steps:
        what = f"{len(tokens):,} tokens of text: not one batch of {batch} x {length}"
        raise InputError(what, "Give more text, or a smaller batch or sequence length.")
    optimizer, peaks = _optimizer(model, settings)
    first = _load_state(out / STATE, model, optimizer)
    body = torch.compile(model.model) if compile else model.model
    mean, saved = 0.0, time.monotonic()
    with (
        open(out / LOG, "a", encoding="utf-8") as log,
        counted_with(steps, "adapt", "loss {:.3f}", done=first) as advance,
    ):
        for step in range(first, steps):
            scale = learning_rate_scale(step / steps, settings.warmup, settings.decay)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * scale
            window = _windows(tokens, order[step * batch : (step + 1) * batch], length, model.device)
            loss = _loss(body, model.model.embed_tokens.weight, window)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            mean = loss.item() if mean == 0 else 0.98 * mean + 0.02 * loss.item()
            if step % 20 == 0:
                done = {"step": step, "tokens": (step + 1) * batch * length, "loss": round(mean, 4)}
                log.write(json.dumps(done | {"time": round(time.time())}) + "\n")
                log.flush()
            if step % save_every == save_every - 1 or time.monotonic() - saved > _SAVE_SECONDS:
                _save_state(out / STATE, model, optimizer, step + 1)
                saved = time.monotonic()
            advance(mean)


def _load_state(path: Path, model: Any, optimizer: torch.optim.Optimizer) -> int:
    """Puts the saved state back; returns the first step still to do."""
    if not path.exists():
        return 0
    saved = torch.load(path, map_location=model.device)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    step: int = saved["step"]
    return step


def _save_state(path: Path, model: Any, optimizer: torch.optim.Optimizer, step: int) -> None:
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def learning_rate_scale(share: float, warmup: float, decay: float) -> float:
    """Warm-up, plateau, then a linear decay to zero, over the `share` of steps done (0 to 1)."""
    if share < warmup:
        return (share + 1e-3) / (warmup + 1e-3)
    return min(1.0, (1.0 - share) / decay) if decay else 1.0
