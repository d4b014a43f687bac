"""What is known of a vocabulary that was cut down: beside a checkpoint, and in the manifest of its bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from labeler.files import write_text

RECORD = "vocabulary.json"


def vocabulary_of(checkpoint: Path) -> dict[str, Any]:
    """{"vocabulary": what `describe` says of the checkpoint}; empty where its vocabulary is whole."""
    path = checkpoint / RECORD
    return {"vocabulary": json.loads(path.read_bytes())} if path.is_file() else {}


def describe(kept: np.ndarray, whole: int, counts: Mapping[str, str], base: Path) -> dict[str, Any]:
    """tokens kept, of how many, sha256 of their old ids as little-endian int32, and by which counts.

    Where the base was cut down before, the same of that is under "base".
    """
    found = {
        "tokens": len(kept),
        "of": whole,
        "ids_sha256": hashlib.sha256(kept.astype("<i4").tobytes()).hexdigest(),
        "counts": dict(counts),
    }
    before = vocabulary_of(base)
    return found | ({"base": before["vocabulary"]} if before else {})


def write_record(checkpoint: Path, record: Mapping[str, Any] | None) -> None:
    """Leaves it where `vocabulary_of` finds it; nothing for a whole vocabulary."""
    if record:
        write_text(checkpoint / RECORD, json.dumps(record, indent=1) + "\n")
