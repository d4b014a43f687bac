"""`python -m training quantise`: what 4 and 8 bits cost a trained model, beside itself in 32 bits."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "measure a merged checkpoint in many forms of its weights beside 32 bits"
EXAMPLES = """examples:
  python -m training quantise --checkpoint merged --data dataset.csv --out runs/forms
  python -m training quantise --checkpoint merged --data dataset.csv --split validation --out runs/forms \\
    --point "4/32 embeddings=4/64 calibrated" --point "8/32 mlp=4/32"

A point is "float32", "dynamic" (onnxruntime's quantize_dynamic), or bits/block of all matrices and of single kinds
(qkv, o, gate_up, down, attention, mlp, embeddings; what is not named is in 8 bits, blocks of 32), level=1 for
activations in 32 bits, fine=N for N of the 4-bit embeddings in 8 bits, and the rounding: nearest, calibrated, or given.
What was measured before is read from --out."""

POINTS = (
    "float32",
    "dynamic",
    "8/32",
    "8/64",
    "8/128",
    "8/32 level=1",
    "embeddings=4/32",
    "embeddings=4/64",
    "attention=4/32",
    "mlp=4/32",
    "4/32",
    "4/64",
    "4/128",
    "4/32 level=1",
    "attention=4/32 calibrated",
    "mlp=4/32 calibrated",
    "4/32 calibrated",
    "4/64 calibrated",
    "4/128 calibrated",
    "4/32 embeddings=4/32",
    "4/32 embeddings=4/32 calibrated",
    "4/32 embeddings=4/32 fine=8000 calibrated",
    "4/32 embeddings=4/64 fine=8000 calibrated",
    "4/64 embeddings=4/32 fine=16000 calibrated",
    "4/32 embeddings=4/64 calibrated",
    "4/64 embeddings=4/32 calibrated",
    "4/32 embeddings=4/32 level=1 calibrated",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder with config.json and safetensors")
    parser.add_argument("--data", type=Path, required=True, help="CSV-label dataset, with labels.yml beside it")
    parser.add_argument("--split", help="rows of this split are measured on; default: of all")
    parser.add_argument("--rows", type=int, default=500, help="so many of them, drawn by the seed (500)")
    parser.add_argument("--out", type=Path, required=True, help="folder for results.jsonl, table.md and table.json")
    parser.add_argument("--point", action="append", dest="points", help="a form to measure, repeatable; default: 27")
    parser.add_argument("--rounded", type=Path, metavar="FILE", help="scales or codes for points rounded as given")
    parser.add_argument("--calibrate", type=Path, metavar="DATA", help="dataset for calibrated rounding (--data)")
    parser.add_argument("--calibration-rows", type=int, default=128, metavar="N", help="training rows for that (128)")
    parser.add_argument("--cold-runs", type=int, default=3, help="processes started to time a cold start (3)")
    parser.add_argument("--token-budget", type=int, default=1024, help="tokens of an issue that are read (1024)")
    parser.add_argument("--no-descriptions", action="store_true", help="leave descriptions out of the prompt")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> int:
    import random

    from training.quantise.calibration_texts import calibration_texts, labelled_rows, used_tokens
    from training.quantise.study import Point, Study, table, write_study

    points = [Point.read(text) for text in arguments.points or POINTS]
    labels, rows = labelled_rows(arguments.data, [arguments.split] if arguments.split else [])
    rows = random.Random(arguments.seed).sample(rows, min(arguments.rows, len(rows)))
    study = Study(
        arguments.checkpoint,
        labels,
        rows,
        arguments.out,
        lambda: calibration_texts(
            arguments.checkpoint,
            arguments.calibrate or arguments.data,
            rows=arguments.calibration_rows,
            token_budget=arguments.token_budget,
            describe=not arguments.no_descriptions,
            seed=arguments.seed,
        ),
        lambda count: used_tokens(
            arguments.checkpoint,
            arguments.calibrate or arguments.data,
            count,
            token_budget=arguments.token_budget,
            seed=arguments.seed,
        ),
        arguments.token_budget,
        not arguments.no_descriptions,
        arguments.rounded,
        arguments.cold_runs,
        lambda step: print(f"{step} …", file=sys.stderr),
    )
    results = study.run(points)
    write_study(arguments.out, results)
    print(table(results), end="")
    return 0
