"""Reads GGUF files (version 2 and 3, little-endian): settings and tensors, mapped from the disk.

The layout is https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The gguf library's own reader makes an object
for every number of an array: 17 s and 700 MB for Gemma's 262,144 tokens. Its tables of types, and what decodes their
numbers, are used here.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labeler.errors import InputError

_SCALARS = {0: "u1", 1: "i1", 2: "u2", 3: "i2", 4: "u4", 5: "i4", 6: "f4", 7: "?", 10: "u8", 11: "i8", 12: "f8"}
_STRING, _ARRAY = 8, 9
_VERSIONS = (2, 3)
_ALIGNMENT = 32


@dataclass(frozen=True)
class Entry:
    """A tensor in the file: its shape as numpy has it, its type's number, and where it begins."""

    shape: tuple[int, ...]
    kind: int
    start: int


class GGUFFile:
    """The settings (`fields`) and tensors of a GGUF file.

    Raises:
        InputError: it is no such file, is cut short or damaged, or the gguf library is not installed.
    """

    def __init__(self, path: Path) -> None:
        if importlib.util.find_spec("gguf") is None:
            raise InputError(
                f"{path}: reading a GGUF file needs the gguf library.", 'Install it: pip install "gguf>=0.19"'
            )
        self.path = path
        self.fields: dict[str, Any] = {}
        self._entries: dict[str, Entry] = {}
        self._bytes = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
        self._view = self._bytes.data
        self._at = 0
        try:
            self._read_header()
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise self._damaged(f"damaged or cut short at byte {self._at:,}") from error

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._entries[name].shape

    def raw(self, name: str) -> tuple[int, np.ndarray]:
        """(its type's number, its bytes, one row of a matrix a row)."""
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        entry = self._entries[name]
        try:
            block, size = GGML_QUANT_SIZES[GGMLQuantizationType(entry.kind)]
        except (ValueError, KeyError) as error:
            raise self._unknown(name, str(entry.kind)) from error
        *rows, columns = entry.shape or (1,)
        if columns % block:
            raise self._damaged(f"{name} has rows of {columns}, which is no multiple of {block}")
        width = columns // block * size
        end = entry.start + math.prod(rows) * width
        found = self._bytes[entry.start : end]
        if end > self._bytes.size:
            raise self._damaged(f"cut short: {name} is not whole")
        return entry.kind, found.reshape(*rows, width)

    def rows(self, name: str, step: int) -> Iterator[np.ndarray]:
        """The tensor as float32, whole if it is a vector, else in slices of `step` rows."""
        from gguf import GGMLQuantizationType
        from gguf.quants import dequantize

        kind, raw = self.raw(name)
        if raw.ndim == 1:
            step = len(raw)
        for start in range(0, len(raw), step):
            try:
                decoded = dequantize(np.ascontiguousarray(raw[start : start + step]), GGMLQuantizationType(kind))
            except NotImplementedError as error:
                raise self._unknown(name, GGMLQuantizationType(kind).name) from error
            yield decoded.astype(np.float32, copy=False)

    def _read_header(self) -> None:
        if bytes(self._bytes[:4]) != b"GGUF":
            raise self._damaged("no GGUF file")
        self._at = 4
        version = self._number("u4")
        if version not in _VERSIONS:
            raise self._damaged(f"version {version} of GGUF, or big-endian")
        tensors, fields = self._number("u8"), self._number("u8")
        for _ in range(fields):
            key = self._string()
            self.fields[key] = self._value(self._number("u4"))
        found: dict[str, Entry] = {}
        for _ in range(tensors):
            name = self._string()
            shape = tuple(self._number("u8") for _ in range(self._number("u4")))[::-1]
            kind, start = self._number("u4"), self._number("u8")
            found[name] = Entry(shape, kind, start)
        step = int(self.fields.get("general.alignment", _ALIGNMENT))
        data = -(-self._at // step) * step
        self._entries = {name: Entry(e.shape, e.kind, data + e.start) for name, e in found.items()}

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._number(_SCALARS[kind])
        inner, count = self._number("u4"), self._number("u8")
        if inner in _SCALARS:
            return self._take(_SCALARS[inner], count)
        return [self._value(inner) for _ in range(count)]

    def _string(self) -> str:
        return str(self._bytes_of(int.from_bytes(self._bytes_of(8), "little")), "utf-8")

    def _number(self, kind: str) -> Any:
        return self._take(kind, 1)[0].item()

    def _take(self, kind: str, count: int) -> np.ndarray:
        dtype = np.dtype(kind).newbyteorder("<")
        return np.frombuffer(self._bytes_of(count * dtype.itemsize), dtype)

    def _bytes_of(self, count: int) -> memoryview:
        end = self._at + count
        if end > len(self._view):
            raise ValueError("past the end")
        taken, self._at = self._view[self._at : end], end
        return taken

    def _unknown(self, name: str, kind: str) -> InputError:
        what = f"{self.path}: {name} is of type {kind}, which the gguf library here cannot decode"
        return InputError(what, "Give a file in another quantisation, such as Q8_0 or BF16, or a newer gguf library.")

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self.path}: {what}", "Download it again, and compare its sha256 with the publisher's.")
