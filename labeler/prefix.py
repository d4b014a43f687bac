"""Key/value caches of label lists, keyed by content: the bundle's own, then a folder on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from labeler.bundle import Manifest, Shape
from labeler.decoder import Array
from labeler.errors import BundleError
from labeler.tensors import TensorFile, write_tensors
from labeler.tokenizer import Tokenizer

FILE = "prefix.safetensors"


def write_prefix(path: Path, ids: list[int], cache: Array) -> None:
    write_tensors(path, {"ids": np.array(ids, dtype=np.int32), "cache": cache})


class PrefixStore:
    """Looks a prefix up by its token ids and the decoder's hash; computes and keeps what is new.

    Args:
        folder: the bundle.
        cache: folder for other label lists' prefixes; None keeps nothing.
    """

    def __init__(self, folder: Path, manifest: Manifest, cache: Path | None) -> None:
        self._own = folder / FILE
        self._cache = cache
        # The prefix depends on all weights, embeddings included.
        parts = (manifest.files.get(name, {}).get("sha256", "") for name in ("decoder.bin", "embeddings.safetensors"))
        self._model = "".join(parts)

    def get(self, ids: list[int], compute: Callable[[list[int]], Array]) -> Array:
        """The cache of `ids`: (2 * layers, kv heads, tokens, head dim)."""
        found = _read(self._own, ids)
        if found is not None:
            return found
        path = self._path(ids)
        if path is not None and (found := _read(path, ids)) is not None:
            return found
        computed = compute(ids)
        if path is not None:
            # A read-only or full disk costs the time to compute it again, nothing else.
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_prefix(path, ids, computed)
        return computed

    def _path(self, ids: list[int]) -> Path | None:
        if self._cache is None:
            return None
        key = hashlib.sha256(self._model.encode() + np.array(ids, dtype=np.int32).tobytes()).hexdigest()
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
    """The file's cache if it is of these ids; a damaged file counts as absent and is computed again."""
    if not path.is_file():
        return None
    try:
        file = TensorFile(path)
        if file["ids"].tolist() == ids:
            cache: Array = file["cache"]
            return cache
    except (BundleError, KeyError):
        path.unlink(missing_ok=True)
    return None
