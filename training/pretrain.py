"""Pretrains a small Gemma 3 from nothing: a tokenizer, then a causal language model on issue text."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from training.corpus import documents
from training.tokenizer import train_tokenizer

_TEXTS_AT_ONCE = 5000
CHARACTERS_A_TOKEN = 3.4  # a little above what the tokenizer reaches, so that the text suffices


def pretrain(
    recipe: dict[str, Any], data: Path, out: Path, *, threads: int | None = None, compile: bool = True
) -> Path:
    """Writes `out/base`: a Hugging Face checkpoint with its tokenizer. Resumes from `out/pretrain.pt`."""
    torch.manual_seed(recipe["seed"])
    if threads:
        torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    tokens = _tokens(recipe, data, out)
    model = Gemma3ForCausalLM(_config(recipe))
    _train(model, tokens, recipe["pretrain"], out, compile=compile)
    start_turn_tokens(model, out / "tokenizer.json")
    base = out / "base"
    model.save_pretrained(base)
    (base / "tokenizer.json").write_bytes((out / "tokenizer.json").read_bytes())
    return base


def start_turn_tokens(model: Gemma3ForCausalLM, tokenizer_json: Path) -> None:
    """Gives the turn tokens, which plain text never holds, the embeddings of a document's begin and end.

    LoRA leaves embeddings as they are: without this an answer could only end in a token that all of
    pretraining has pushed away.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    rows = model.model.embed_tokens.weight.data
    for turn, document in (("<start_of_turn>", "<bos>"), ("<end_of_turn>", "<eos>")):
        rows[tokenizer.token_to_id(turn)] = rows[tokenizer.token_to_id(document)]


def _tokens(recipe: dict[str, Any], data: Path, out: Path) -> np.ndarray:
    """The whole pretraining text as one uint16 array of `pretrain.tokens` ids, cached in `out`."""
    from tokenizers import Tokenizer

    settings, cached = recipe["pretrain"], out / "tokens.npy"
    if cached.exists() and (out / "tokenizer.json").exists():
        return np.load(cached, mmap_mode="r")
    characters = int(settings["tokens"] * CHARACTERS_A_TOKEN)
    texts = list(documents(data, settings["mix"], recipe["seed"], characters))
    sample, size = [], 0
    for text in texts:
        sample.append(text)
        size += len(text)
        if size >= recipe["tokenizer"]["sample_characters"]:
            break
    tokenizer = train_tokenizer(sample, recipe["tokenizer"]["vocab_size"])
    tokenizer.save(str(out / "tokenizer.json"))
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # a "<bos>" typed by a person stays text
    bos, eos = tokenizer.token_to_id("<bos>"), tokenizer.token_to_id("<eos>")
    ids = []
    for start in tqdm(range(0, len(texts), _TEXTS_AT_ONCE), desc="tokenize", mininterval=10):
        # An encoding holds ten times what its ids need: never all texts' at once.
        encodings = tokenizer.encode_batch_fast(texts[start : start + _TEXTS_AT_ONCE])
        ids += [np.array([bos, *encoding.ids, eos], dtype=np.uint16) for encoding in encodings]
    tokens = np.concatenate(ids)[: settings["tokens"]]
    np.save(out / "tokens.tmp.npy", tokens)
    os.replace(out / "tokens.tmp.npy", cached)
    return tokens


def _config(recipe: dict[str, Any]) -> Gemma3TextConfig:
    return Gemma3TextConfig(
        vocab_size=recipe["tokenizer"]["vocab_size"],
        query_pre_attn_scalar=recipe["model"]["head_dim"],
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
        attn_implementation="sdpa",
        **recipe["model"],
    )


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of hidden states (n, h) against a tied output layer (v, h) and targets (n,).

    The n x v logits never exist as a whole: each chunk's gradient is taken while its logits are in
    cache. On a CPU that is several times faster than the plain loss, which is bound by memory.
    """

    @staticmethod
    def forward(ctx, hidden, weight, targets, chunk=256):  # type: ignore[no-untyped-def, override]
        hidden16, weight16 = hidden.to(torch.bfloat16), weight.to(torch.bfloat16)
        grad_hidden = torch.empty_like(hidden, dtype=torch.float32)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        total, n = 0.0, len(hidden)
        for start in range(0, n, chunk):
            part, target = hidden16[start : start + chunk], targets[start : start + chunk, None]
            logits = (part @ weight16.T).float()
            logits.sub_(logits.amax(1, keepdim=True))
            chosen = logits.gather(1, target).clone()
            norm = logits.exp_().sum(1, keepdim=True)
            total += float((norm.log() - chosen).sum())
            logits.div_(norm).scatter_add_(1, target, -torch.ones_like(chosen))
            grad = logits.to(torch.bfloat16)
            grad_hidden[start : start + chunk] = (grad @ weight16).float()
            grad_weight += (grad.T @ part).float()
        ctx.save_for_backward(grad_hidden / n, grad_weight / n)
        return torch.tensor(total / n)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def, override]
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden * grad, grad_weight * grad, None, None


def _train(model: Gemma3ForCausalLM, tokens: np.ndarray, settings: dict[str, Any], out: Path, *, compile: bool) -> None:
    length, batch = settings["sequence_length"], settings["batch_size"]
    windows = (len(tokens) - 1) // length
    order = np.random.default_rng(0).permutation(windows)
    steps = windows // batch
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    # Muon orthogonalises the updates of weight matrices: fewer tokens to the same loss than AdamW alone.
    muon = torch.optim.Muon(
        matrices, lr=settings["learning_rate"], weight_decay=settings["weight_decay"], adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW(others, lr=settings["embedding_learning_rate"], betas=(0.9, 0.95), weight_decay=0.0)
    state, first = out / "pretrain.pt", 0
    if state.exists():
        saved = torch.load(state)
        model.load_state_dict(saved["model"])
        muon.load_state_dict(saved["muon"])
        adamw.load_state_dict(saved["adamw"])
        first = saved["step"]
    body = torch.compile(model.model) if compile else model.model
    peaks = [(muon, settings["learning_rate"]), (adamw, settings["embedding_learning_rate"])]
    progress, mean = tqdm(range(first, steps), initial=first, total=steps, desc="pretrain", mininterval=10), 0.0
    with open(out / "pretrain.jsonl", "a", encoding="utf-8") as log:
        for step in progress:
            scale = learning_rate_scale(step / steps, settings["warmup"], settings["decay"])
            for optimizer, peak in peaks:
                for group in optimizer.param_groups:
                    group["lr"] = peak * scale
            rows = order[step * batch : (step + 1) * batch]
            window = torch.from_numpy(
                np.stack([tokens[r * length : (r + 1) * length + 1] for r in rows]).astype(np.int64)
            )
            with torch.autocast("cpu", torch.bfloat16):
                hidden = body(window[:, :-1], use_cache=False).last_hidden_state
            loss = _ChunkedCrossEntropy.apply(
                hidden.float().flatten(0, 1), model.model.embed_tokens.weight, window[:, 1:].flatten()
            )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, _ in peaks:
                optimizer.step()
                optimizer.zero_grad()
            mean = loss.item() if mean == 0 else 0.98 * mean + 0.02 * loss.item()
            if step % 20 == 0:
                log.write(
                    json.dumps(
                        {
                            "step": step,
                            "tokens": (step + 1) * batch * length,
                            "loss": round(mean, 4),
                            "time": round(time.time()),
                        }
                    )
                    + "\n"
                )
                log.flush()
                progress.set_postfix(loss=f"{mean:.3f}")
            if step % 400 == 399:
                torch.save(
                    {
                        "model": model.state_dict(),
                        "muon": muon.state_dict(),
                        "adamw": adamw.state_dict(),
                        "step": step + 1,
                    },
                    state.with_suffix(".tmp"),
                )
                os.replace(state.with_suffix(".tmp"), state)
    state.unlink(missing_ok=True)


def learning_rate_scale(share: float, warmup: float, decay: float) -> float:
    """Warm-up, plateau, then a linear decay to zero, over the `share` of steps done (0 to 1)."""
    if share < warmup:
        return (share + 1e-3) / (warmup + 1e-3)
    return min(1.0, (1.0 - share) / decay)
