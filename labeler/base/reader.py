"""One bundle that reads every issue once, whichever systems ask, and remembers across runs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labeler.base.code_hash import code_hash
from labeler.base.store import Store
from labeler.console.progress import counted
from labeler.labels.label_set import LabelSet
from labeler.model.bundle import MANIFEST, sha256
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler
from labeler.text.issue import Issue

Array = np.ndarray
BLOCK = 256  # issues read between two savings


@dataclass(frozen=True)
class Reading:
    """What the model says of n issues.

    Attributes:
        probabilities: float64 (n, labels); chosen: bool (n, labels), the most probable answer.
        embeddings: float32 (n, hidden), of length 1.
        seconds: wall seconds an issue, when they were first read.
    """

    probabilities: Array
    chosen: Array
    embeddings: Array
    seconds: float


class Reader:
    """Reads issues with one bundle and one label list; what it has read is kept by content in `store`."""

    def __init__(self, folder: Path, labels: LabelSet, store: Store) -> None:
        self.folder, self.labels, self._store = folder, labels, store
        self.key = [sha256(folder / MANIFEST), labels.to_dicts(), code_hash("labeler")]
        self._known: dict[str, tuple[Array, Array, Array, float]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # In another process nothing has been read yet, and nothing may be looked up.
        return Reader, (self.folder, self.labels, Store(None))

    @cached_property
    def labeler(self) -> Labeler:
        return Labeler(self.folder, self.labels, threads=1, workers=available_cores())

    @property
    def thresholds(self) -> dict[str, float]:
        """The bundle's own thresholds, by label."""
        return self.labeler.thresholds

    @property
    def size_bytes(self) -> int:
        """Of the bundle on disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def read(self, issues: Sequence[Issue], what: str = "reading") -> Reading:
        """Reads those not read before; shows progress under the name `what`."""
        if not issues:
            nothing = np.zeros((0, len(self.labels)))
            return Reading(nothing, nothing.astype(bool), np.zeros((0, 0), dtype=np.float32), 0.0)
        keys = [_key(issue) for issue in issues]
        fresh = dict(zip(keys, issues, strict=True))
        for start in range(0, len(issues), BLOCK):
            self._recall(keys[start : start + BLOCK])
        wanted = {key: issue for key, issue in fresh.items() if key not in self._known}
        if wanted:
            with counted(len(wanted), what) as done:
                for start in range(0, len(wanted), BLOCK):
                    self._read(list(wanted.items())[start : start + BLOCK], done)
            # Kept in the order asked for: the next run asks alike, for whole blocks.
            for start in range(0, len(issues), BLOCK):
                self._keep(keys[start : start + BLOCK])
        probabilities, chosen, embeddings, seconds = zip(*(self._known[key] for key in keys), strict=True)
        return Reading(np.array(probabilities), np.array(chosen), np.array(embeddings), float(np.mean(seconds)))

    def _read(self, block: list[tuple[str, Issue]], done: Callable[[], None]) -> None:
        started = time.perf_counter()
        said, embeddings = self.labeler.read([issue for _, issue in block], done)
        seconds = (time.perf_counter() - started) / len(block)
        for (key, _), one, embedding in zip(block, said, embeddings, strict=True):
            chosen = np.array([name in one.chosen for name in self.labels.names])
            self._known[key] = (np.array(list(one.probabilities.values())), chosen, embedding, seconds)

    def _recall(self, keys: list[str]) -> None:
        if all(key in self._known for key in keys):
            return
        kept = self._store.get([*self.key, keys])
        if kept is not None:
            rows = zip(kept["probabilities"], kept["chosen"], kept["embeddings"], kept["seconds"].tolist(), strict=True)
            self._known.update(zip(keys, rows, strict=True))

    def _keep(self, keys: list[str]) -> None:
        names = ("probabilities", "chosen", "embeddings", "seconds")
        columns = zip(*(self._known[key] for key in keys), strict=True)
        self._store.put([*self.key, keys], dict(zip(names, map(np.array, columns), strict=True)))


def _key(issue: Issue) -> str:
    return hashlib.sha256(f"{issue.title}\0{issue.body}".encode(errors="surrogatepass")).hexdigest()
