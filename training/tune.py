"""Tunes a base by LoRA to answer with labels, and merges the adapter: a small loop for small models on a CPU."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tqdm import tqdm
from transformers import Gemma3ForCausalLM

from labeler.labels import LabelSet
from labeler.prompt import Renderer
from labeler.tokenizer import LibraryTokenizer
from training.examples import Encoder, Example, Variation
from training.pretrain import learning_rate_scale
from training.rows import Labelled
from training.settings import PROJECTIONS

_LENGTH_STEP = 64  # lengths are filled up to a multiple of this: few shapes to compile for


def batches(
    examples: list[Example], batch_tokens: int, rng: random.Random
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(ids, targets) int64 (rows, length) of examples of like length; targets are -100 where no loss counts."""
    by_length: dict[int, list[Example]] = defaultdict(list)
    for example in examples:
        by_length[-(-(len(example.ids) - 1) // _LENGTH_STEP) * _LENGTH_STEP].append(example)
    groups = []
    for length, members in by_length.items():
        size = max(1, batch_tokens // length)
        groups += [(length, members[i : i + size]) for i in range(0, len(members), size)]
    rng.shuffle(groups)
    for length, members in groups:
        ids = torch.zeros(len(members), length, dtype=torch.long)
        targets = torch.full((len(members), length), -100)
        for row, example in enumerate(members):
            n = len(example.ids) - 1
            ids[row, :n] = torch.from_numpy(example.ids[:-1])
            targets[row, n - example.answer : n] = torch.from_numpy(example.ids[-example.answer :])
        yield ids, targets


def tune(
    base: Path,
    rows: list[Labelled],
    labels: LabelSet,
    settings: dict[str, Any],
    out: Path,
    *,
    seed: int,
    compile: bool = False,
) -> list[float]:
    """LoRA on all projections, embeddings and norms trained whole; writes the merged model to `out`.

    Returns the training losses, one a step.

    Attention is causal and examples are filled up at their end, so the filling needs no mask.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    renderer = Renderer(LibraryTokenizer(base / "tokenizer.json"), settings["token_budget"], settings["describe"])
    variation = Variation(subset=1.0, drop_label=settings["drop_label"], shuffle=settings["shuffle_labels"])
    encoder = Encoder(renderer, labels, variation, seed)
    model = Gemma3ForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="sdpa")
    adapter = LoraConfig(
        r=settings["rank"], lora_alpha=settings["alpha"], target_modules=list(PROJECTIONS), use_rslora=True, bias="none"
    )
    tuned = get_peft_model(model, adapter)
    # The base has met neither turns nor label lists: with its embeddings and norms frozen, the loss after
    # 60 steps was 1.27, with them trained 0.85, as with all weights trained.
    for name, parameter in tuned.named_parameters():
        if "embed_tokens" in name or "norm" in name:
            parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        [p for p in tuned.parameters() if p.requires_grad],
        lr=settings["learning_rate"],
        betas=(0.9, 0.98),
        weight_decay=0.0,
    )
    body = tuned.base_model.model.model
    if compile:
        body = torch.compile(body)
    weight = body.embed_tokens.weight
    work = []
    for epoch in range(settings["epochs"]):
        examples = [encoder(row, epoch) for row in tqdm(rows, desc="encode", mininterval=10)]
        work += list(batches(examples, settings["batch_tokens"], rng))
    losses: list[float] = []
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "tune.jsonl", "w", encoding="utf-8") as log:
        progress = tqdm(work, desc="tune", mininterval=10)
        for step, (ids, targets) in enumerate(progress):
            scale = learning_rate_scale(step / len(work), settings["warmup"], settings["decay"])
            for group in optimizer.param_groups:
                group["lr"] = settings["learning_rate"] * scale
            with torch.autocast("cpu", torch.bfloat16):
                hidden = body(ids, use_cache=False).last_hidden_state
            counted = targets >= 0
            logits = hidden[counted].float() @ weight.T
            loss = torch.nn.functional.cross_entropy(logits, targets[counted])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if step % 10 == 0:
                recent = sum(losses[-50:]) / len(losses[-50:])
                log.write(json.dumps({"step": step, "of": len(work), "loss": round(recent, 4)}) + "\n")
                log.flush()
                progress.set_postfix(loss=f"{recent:.3f}")
    merged = tuned.merge_and_unload()
    merged.save_pretrained(out)
    (out / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    return losses
