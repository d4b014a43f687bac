"""`python -m training adapt`: a base that has read plain text of the domain."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

HELP = "continue the pretraining of a base on unlabelled text"
EXAMPLES = """examples:
  python -m training adapt --text issues.jsonl notes/ --base unsloth/gemma-3-270m-it --out runs/adapted
  python -m training run --data dataset.csv --base runs/adapted/base --out runs/mine

Text: .txt and .md files (one text each), .jsonl and .csv with a column text, or title and body; each also as .gz.
Rows of a split other than train are not read, nor is any text that opens with the title of one.
Killed, it goes on where it was when the same command is given again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="files, or folders of them")
    parser.add_argument(
        "--base", required=True, help="a Gemma 3 model: its folder, a GGUF file, or its name on the Hub"
    )
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; the model becomes OUT/base")
    parser.add_argument("--no-compile", action="store_true", help="do not compile the model with torch.compile")
    parser.add_argument("--kept", type=Path, nargs="+", default=[], help="issues kept for evaluation: never read")
    parser.add_argument("--tokens", type=int, help="read at most so many (all)")
    parser.add_argument("--epochs", type=int, default=1, help="how often the text is read (1)")
    parser.add_argument("--sequence-length", type=int, default=512, help="tokens of one sequence (512)")
    parser.add_argument("--batch-size", type=int, default=8, help="sequences of one step (8)")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="peak, of the matrices (1e-4)")
    parser.add_argument(
        "--embedding-learning-rate", type=float, default=1e-4, help="peak, of embeddings and norms (1e-4)"
    )
    parser.add_argument("--weight-decay", type=float, default=0.0, help="of the matrices (0)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the texts (0)")


def run(arguments: argparse.Namespace) -> int:
    from labeler.errors import UsageError
    from training.model.base import find_base
    from training.model.licence import licence_of
    from training.pretraining.adaptation import adapt
    from training.pretraining.pretrain import LoopSettings, can_compile

    if arguments.tokens is not None and arguments.tokens < 1:
        raise UsageError(f"--tokens is {arguments.tokens}.", "Give a number above 0, or leave it out.")
    settings = LoopSettings(
        arguments.sequence_length,
        arguments.batch_size,
        arguments.learning_rate,
        arguments.embedding_learning_rate,
        arguments.weight_decay,
        # A linear fall over the whole run, after a short warm-up: a trained base has no plateau to use.
        warmup=0.05,
        decay=1.0,
        epochs=arguments.epochs,
    )
    base = find_base(arguments.base, arguments.out / "text-part")
    adapted = adapt(
        Path(base.path),
        arguments.text,
        arguments.out,
        settings,
        kept=arguments.kept,
        seed=arguments.seed,
        tokens=arguments.tokens,
        licence=licence_of(base.name, Path(base.path)),
        compile=not arguments.no_compile and can_compile(),
    )
    print(
        f"on {adapted.measured:,} tokens kept back, after {adapted.trained:,}: "
        f"{adapted.before:.3f} -> {adapted.after:.3f} nats a token "
        f"(perplexity {math.exp(adapted.before):.1f} -> {math.exp(adapted.after):.1f})",
        file=sys.stderr,
    )
    print(adapted.base)
    return 0
