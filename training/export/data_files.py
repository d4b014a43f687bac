"""The files that hold a decoder's weights, each below a size: hosts of repositories refuse large ones."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

_ALIGNMENT = 4096  # of each array, so that it can be mapped


class DataFiles:
    """Appends arrays to "decoder.bin", then "decoder-1.bin" and so on.

    Args:
        first: the first file.
        size: bytes from which the next file is begun; an array that is larger stands alone.
    """

    def __init__(self, first: Path, size: int) -> None:
        self._first, self._size, self._number = first, size, 0
        self._file = open(first, "wb")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> DataFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, array: np.ndarray) -> tuple[str, int, int]:
        """Name of the file that the array is in, offset and length in bytes."""
        offset = -(-self._file.tell() // _ALIGNMENT) * _ALIGNMENT
        if offset and offset + array.nbytes > self._size:
            self._file.close()
            self._number += 1
            name = f"{self._first.stem}-{self._number}{self._first.suffix}"
            self._file, offset = open(self._first.with_name(name), "wb"), 0  # noqa: SIM115
        self._file.seek(offset)
        self._file.write(array.data)
        return Path(self._file.name).name, offset, array.nbytes
