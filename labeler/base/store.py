"""Results kept by what they were computed from, so that asking twice costs once."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from labeler.config import environment, read_machine
from labeler.files import replaced

Array = np.ndarray


class Store:
    """A folder of arrays, each file named by the sha256 of its key. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, key: Any) -> dict[str, Array] | None:
        """What was put under `key` (anything JSON can hold); None where there is nothing whole."""
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None  # a torn file is computed again

    def put(self, key: Any, arrays: Mapping[str, Array]) -> None:
        """Keeps arrays (text as numpy strings) under `key`."""
        path = self._path(key)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as partial, open(partial, "wb") as file:
            named: dict[str, Any] = {**arrays}  # numpy's types take any of them for `allow_pickle`
            np.savez(file, **named)

    def _path(self, key: Any) -> Path | None:
        if self.folder is None:
            return None
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.npz"


def default_store() -> Store:
    """The store in the cache folder (LABELER_CACHE)."""
    return Store(read_machine(environment()).cache / "eval")
