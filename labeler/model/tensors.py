"""Reads and writes safetensors files with numpy alone: memory-mapped, so only touched pages are read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from labeler.errors import BundleError
from labeler.files import replaced

_DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,  # numpy has no bfloat16: the raw bits, see `as_float32`
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items() if name != "BF16"}
_MAXIMUM_HEADER = 100_000_000  # bytes; the format's own limit


class TensorFile:
    """The tensors of one safetensors file, as read-only views of its memory map.

    Raises:
        BundleError: the file is no safetensors file, or is cut short.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        size = path.stat().st_size
        try:
            with open(path, "rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if not 2 <= length <= min(_MAXIMUM_HEADER, size - 8):
                    raise ValueError("its header does not fit in the file")
                header = _checked(json.loads(file.read(length)))
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{path}: not a safetensors file: {error}", "Download or export it again.") from error
        self._start = 8 + length
        self._entries = header
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        if self._start + end > size:
            raise BundleError(f"{path}: cut short: {size} of {self._start + end} bytes", "Download or export it again.")
        self._map = np.memmap(path, dtype=np.uint8, mode="r") if end else np.empty(0, np.uint8)

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def dtype(self, name: str) -> str:
        """As the format names it: "F32", "BF16", or one that numpy does not have."""
        return str(self._entries[name]["dtype"])

    def is_bfloat16(self, name: str) -> bool:
        return self.dtype(name) == "BF16"

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self._entries[name]
        if entry["dtype"] not in _DTYPES:
            raise BundleError(f"{self.path}: {name} is of type {entry['dtype']}", "numpy has no such numbers.")
        begin, end = entry["data_offsets"]
        raw = np.asarray(self._map[self._start + begin : self._start + end])
        tensor: np.ndarray = raw.view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        return tensor

    def get(self, name: str) -> np.ndarray | None:
        try:
            return self[name]
        except KeyError:
            return None

    def as_float32(self, name: str) -> np.ndarray:
        """The tensor in single precision; bfloat16 is the upper half of a float32's bits."""
        tensor = self[name]
        if self.is_bfloat16(name):
            return (tensor.astype(np.uint32) << 16).view(np.float32)
        return tensor.astype(np.float32, copy=False)


def _checked(header: Any) -> dict[str, Any]:
    """The entries of the tensors, once each is what the format says. Raises ValueError.

    A type that numpy lacks passes: it is told where that tensor is asked for.
    """
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    header.pop("__metadata__", None)
    for name, entry in header.items():
        match entry:
            case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(end)]}:
                sizes = [size for size in shape if type(size) is int and size >= 0]
                wanted = end - begin if dtype not in _DTYPES else _bytes(dtype, sizes)
                if len(sizes) == len(shape) and 0 <= begin <= end and end - begin == wanted:
                    continue
        raise ValueError(f"its header's entry {name!r} is wrong")
    return header


def _bytes(dtype: str, shape: list[int]) -> int:
    return int(np.dtype(_DTYPES[dtype]).itemsize) * math.prod(shape)


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], *, bfloat16: bool = False) -> None:
    """Writes a safetensors file by way of a temporary one, so that it is whole or absent.

    Args:
        bfloat16: uint16 arrays are the bits of bfloat16 numbers.
    """
    forms = {
        name: ("BF16" if bfloat16 and tensor.dtype == np.uint16 else _NAMES[tensor.dtype], tensor.shape)
        for name, tensor in tensors.items()
    }
    write_stream(path, forms, tensors.values())


def write_stream(
    path: Path,
    forms: Mapping[str, tuple[str, tuple[int, ...]]],
    parts: Iterable[np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """As `write_tensors`, of tensors that are made one by one as they are written.

    Args:
        forms: the format's name of the type ("F32", "BF16") and the shape, in the order in which `parts` come.
        parts: bfloat16 as uint16; a tensor may come in several slices of rows.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, (dtype, shape) in forms.items():
        end = offset + _bytes(dtype, list(shape))
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 64)  # so that every tensor can start on an aligned address
    with replaced(path) as partial, open(partial, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
