"""Small real models for tests, made on the spot: a tokenizer of Gemma's structure and random Gemma 3 weights."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from eval.speed.gemma_tokenizer import train_tokenizer
from eval.speed.shapes import SHAPES, write_random_checkpoint
from labeler.labels.label_set import Label, LabelSet, read_labels
from training.export.bundle_export import export

# Names that share beginnings, one that is the beginning of another, and letters outside the vocabulary.
LABELS = LabelSet(
    tuple(
        Label(name)
        for name in ("bug", "enhancement", "area/api", "area/api docs", "area/web", "ci/cd", "needs: bug", "ünï 🐛")
    )
)
TEXT = (
    "The application crashes when I open a file. Steps to reproduce: open the file menu, click save. "
    "Please add support for dark mode in the settings page. How do I configure the build? "
    "labels bug enhancement documentation question area/api area/web ci/cd, model user Issue: "
)
# A model that has learnt these labels by their words (tests/training/make_taught.py), and how much it reads.
TAUGHT = Path(__file__).parent / "fixtures" / "taught"
TAUGHT_LABELS = read_labels(Path(__file__).parents[1] / "training" / "recipes" / "starter-labels.yml")
TAUGHT_BUDGET = 96


@cache
def tokenizer_json() -> str:
    """A byte-fallback BPE trained on `TEXT`."""
    return str(train_tokenizer([TEXT] * 3, 600).to_str())


def tiny_config(**changes: Any) -> dict[str, Any]:
    """config.json of a three-layer Gemma 3, in the style of transformers 5."""
    return SHAPES["tiny"] | {"vocab_size": len(json.loads(tokenizer_json())["model"]["vocab"])} | changes


def write_checkpoint(folder: Path, seed: int = 0, dtype: str = "float32", **changes: Any) -> Path:
    """A random merged checkpoint in Hugging Face form."""
    return write_random_checkpoint(folder, tiny_config(**changes), tokenizer_json(), seed=seed, dtype=dtype)


def write_bundle(folder: Path, labels: LabelSet = LABELS, seed: int = 0, **options: Any) -> Path:
    """A bundle of a random tiny model."""
    checkpoint = write_checkpoint(folder.with_name(folder.name + "-checkpoint"), seed)
    export(checkpoint, labels, folder, **options)
    return folder


def write_taught(folder: Path, labels: LabelSet = TAUGHT_LABELS, **options: Any) -> Path:
    """A bundle of a tiny model with opinions: it tells bugs from wishes, and answers in well-formed lines."""
    export(TAUGHT, labels, folder, **{"token_budget": TAUGHT_BUDGET, "describe": False} | options)
    return folder
