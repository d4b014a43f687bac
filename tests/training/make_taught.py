"""Makes tests/fixtures/taught: a model of 50,000 weights that has learnt ten labels by their words.

python -m tests.training.make_taught

A random model repeats one token and has no opinion of an issue. Tests of what a model's opinion does (injection, the
gate, free answers, picking issues) take this one, by `tests.models.write_taught`. The fixture is a checkpoint, not a
bundle, so that every format of bundles is written from it anew; made again (some minutes on a CPU) it differs in
rounding from machine to machine.
"""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any

import torch
from transformers import Gemma3ForCausalLM

from eval.data.rows import Labelled
from eval.speed.gemma_tokenizer import train_tokenizer
from eval.speed.shapes import write_random_checkpoint
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.issue import Issue
from labeler.text.prompt import INSTRUCTION, Renderer
from tests.models import TAUGHT, TAUGHT_BUDGET, TAUGHT_LABELS, tiny_config
from training.rows.batching import plan_batches
from training.rows.collate import collate, count_answers_only
from training.rows.examples import Encoder, Variation
from training.tuning.settings import read_settings

ROWS, EPOCHS, RATE = 4000, 14, 4e-3
SMALL: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 16,
    "query_pre_attn_scalar": 16, "layer_types": ["sliding_attention", "full_attention"],
}  # fmt: skip
_GIVEN = tomllib.loads(Path(__file__).with_name("taught.toml").read_text(encoding="utf-8"))
THINGS, ENDS, EMPTY, SAID = (_GIVEN[key] for key in ("things", "ends", "empty", "said"))
WORDS = _GIVEN["words"].split()


def made_up(count: int, seed: int) -> list[Labelled]:
    """Issues of none to three labels; some only name a label, and some begin or end with random letters."""
    rng = random.Random(seed)
    return [_row(rng) for _ in range(count)]


def _row(rng: random.Random) -> Labelled:
    names = rng.sample(TAUGHT_LABELS.names, rng.choices((0, 1, 2, 3), (10, 60, 25, 5))[0])
    sentences = []
    for name in names:
        if rng.random() < 0.15:
            sentences.append(" ".join([name] * rng.randint(1, 8)))
        else:
            said = rng.sample(SAID[name], rng.choice((1, 1, 2)))
            sentences += [text.format(rng.choice(THINGS), rng.choice(ENDS)) for text in said]
    rng.shuffle(sentences)
    if not names or rng.random() < 0.3:
        sentences.append(rng.choice(EMPTY).format(rng.choice(THINGS), rng.choice(ENDS)))
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        sentences.insert(rng.randint(0, len(sentences)), _noise(rng))
    title, *body = [text[0].upper() + text[1:] if rng.random() < 0.5 else text for text in sentences]
    joint = rng.choice((". ", "\n", ".\n\n"))
    issue = Issue(title, joint.join(body), id=str(rng.random()))
    return Labelled(issue, frozenset(names), TAUGHT_LABELS.names, "made")


def _noise(rng: random.Random) -> str:
    """Words that say nothing: of no language, or common ones."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_`#*<>/()[]:=\"'0123456789äéж日"
    words = ["".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(rng.randint(0, 12))]
    words += rng.choices(WORDS, k=rng.randint(1, 25)) + rng.choices(THINGS, k=rng.randint(0, 3))
    rng.shuffle(words)
    return " ".join(words)


def make(folder: Path = TAUGHT, epochs: int = EPOCHS, rows: int = ROWS) -> list[float]:
    """Writes the checkpoint; returns the loss of every step, in nats a token of the answer."""
    torch.set_num_threads(1)  # a second one only waits at operations this small
    torch.manual_seed(0)
    texts = [
        INSTRUCTION,
        ", ".join(TAUGHT_LABELS.names),
        *(f"{r.issue.title}\n{r.issue.body}" for r in made_up(500, 1)),
    ]
    tokenizer = train_tokenizer(texts, 768)
    write_random_checkpoint(folder, tiny_config(**SMALL, vocab_size=tokenizer.get_vocab_size()), tokenizer.to_str())
    model = Gemma3ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    renderer = Renderer(LibraryTokenizer(folder / "tokenizer.json"), TAUGHT_BUDGET, describe=False)
    encoder = Encoder(renderer, TAUGHT_LABELS, Variation(False, subset=0.5, drop_label=0.5), 0)
    examples = [[encoder(row, epoch) for row in made_up(rows, 10 + epoch)] for epoch in range(epochs)]
    batches = plan_batches(examples, read_settings("default", ["batch_size=32"]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=len(batches), pct_start=0.1)
    count_answers_only(model)
    losses = []
    for batch in batches:
        loss = model(**collate(batch))["loss"] / batch.counted
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if len(losses) % 50 == 0:
            print(len(losses), len(batches), round(sum(losses[-50:]) / 50, 4), flush=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    return losses


if __name__ == "__main__":
    make()
