"""Key/value caches of label lists, keyed by content: the bundle's own, then a folder on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from labeler import __version__
from labeler.errors import BundleError
from labeler.model.bundle import Manifest, Shape
from labeler.model.decoder import Array
from labeler.model.tensors import TensorFile, write_tensors
from labeler.model.tokenizer import Tokenizer

FILE = "prefix.safetensors"
_UNREADABLE = (BundleError, OSError, KeyError, ValueError)


def write_prefix(path: Path, ids: list[int], cache: Array) -> None:
    """Writes a cache in half precision where that is what its values are, in single otherwise."""
    half = _half(cache)
    stored = half if np.array_equal(half, cache) else cache
    numbers = np.array(ids, dtype=np.int32)
    write_tensors(path, {"ids": numbers, "cache": stored, "sha256": _checksum(numbers, stored)})


class PrefixStore:
    """Looks a prefix up by its token ids and all that its values depend on; computes and keeps what is new.

    Args:
        folder: the bundle.
        cache: folder for other label lists' prefixes; None keeps nothing.
    """

    def __init__(self, folder: Path, manifest: Manifest, cache: Path | None) -> None:
        self._own = folder / FILE
        self._cache = cache
        self._rounds = manifest.half_prefixes
        parts = [manifest.weights, asdict(manifest.shape), __version__]
        self._model = json.dumps(parts, sort_keys=True).encode()

    def get(self, ids: list[int], compute: Callable[[list[int]], Array]) -> Array:
        """The cache of `ids`: float32 (2 * layers, kv heads, tokens, head dim).

        A model that is rounded itself gets its values in half precision, from the first time on: an answer must not
        depend on whether the prefix was on disk.
        """
        path = self._path(ids)
        for place in (self._own, path):
            if place is not None and (found := _read(place, ids)) is not None:
                return found
        computed = compute(ids)
        if self._rounds and np.isfinite(half := _half(computed)).all():
            computed = half.astype(np.float32)
        if path is not None:
            # A read-only or full disk costs the time to compute it again, nothing else.
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_prefix(path, ids, computed)
        return computed

    def _path(self, ids: list[int]) -> Path | None:
        if self._cache is None:
            return None
        key = hashlib.sha256(self._model + np.array(ids, dtype=np.int32).tobytes()).hexdigest()
        return self._cache / f"{key[:32]}.safetensors"

    @staticmethod
    def check_tokenizer(folder: Path, tokenizer: Tokenizer, shape: Shape) -> None:
        """Refuses a tokenizer that could make ids beyond the embeddings."""
        if tokenizer.vocab_size > shape.vocab_size:
            raise BundleError(
                f"{folder}: the tokenizer has {tokenizer.vocab_size} tokens, the embeddings {shape.vocab_size} rows",
                "The tokenizer is another model's: export the bundle again from a complete checkpoint.",
            )


def _read(path: Path, ids: list[int]) -> Array | None:
    """The file's cache if it is of these ids; a damaged file counts as absent, and what is computed replaces it."""
    try:
        file = TensorFile(path)
        if file["ids"].tolist() != ids:
            return None
        stored, checksum = file["cache"], file.get("sha256")
        # Bundles up to format 3 have none: theirs is checked with all their files.
        if checksum is not None and not np.array_equal(checksum, _checksum(file["ids"], stored)):
            return None
        cache: Array = stored.astype(np.float32, copy=False)
        return cache
    except _UNREADABLE:
        return None


def _half(cache: Array) -> np.ndarray:
    with np.errstate(over="ignore"):  # told by the caller from the infinities
        half: np.ndarray = cache.astype(np.float16)
    return half


def _checksum(ids: np.ndarray, stored: np.ndarray) -> np.ndarray:
    digest = hashlib.sha256(ids.tobytes())
    digest.update(np.ascontiguousarray(stored).data)
    return np.frombuffer(digest.digest(), dtype=np.uint8)
