"""The only onnxruntime import: token ids in, hidden states out, with a key/value cache held in place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from labeler.errors import BundleError
from labeler.model.bundle import Rope, Shape
from labeler.model.tensors import TensorFile

Array = np.ndarray[Any, np.dtype[np.float32]]


EMBEDDING_BLOCK = 32  # columns of an 8-bit embedding row that share a scale
SCALES = "scales.safetensors"  # of the decoder's weights, by initializer: `read_scales`
ROW = ".row"  # after an initializer's name: what 1 is worth in each row, where its scales are whole numbers
DATA_SIZE = 48_000_000  # bytes of weights in one file: GitHub warns from 50 MB


class Embeddings:
    """The token embeddings, memory-mapped: only the rows of the prompt at hand are read.

    Rows are float32, int8 with a scale for each `EMBEDDING_BLOCK` columns, or bytes of two 4-bit codes around 8, the
    lower half first, with scales for as many columns as they are wide. Beside 4-bit rows, some tokens can have rows
    in 8 bits: `place` then says of every token which row it has, or ~place which row of `fine_rows`.
    """

    def __init__(self, path: Path, shape: Shape) -> None:
        file = TensorFile(path)
        self._place = file.get("place")
        tables = [_Table(file["rows"], file.get("scales"), shape.hidden_size)]
        if self._place is not None:
            tables.append(_Table(file["fine_rows"], file["fine_scales"], shape.hidden_size))
        self._tables = tables
        rows = len(tables[0].rows) if self._place is None else len(self._place)
        if rows != shape.vocab_size or not all(table.fits for table in tables):
            raise BundleError(
                f"{path}: {(rows, tables[0].width)} rows and columns, the manifest says "
                f"{(shape.vocab_size, shape.hidden_size)}",
                "The files are of different bundles: fetch or export it again.",
            )

    def __call__(self, ids: list[int]) -> Array:
        """Rows (len(ids), hidden) as float32, unscaled: as input scale them, as output layer don't."""
        if self._place is None:
            return self._tables[0](ids)
        place = self._place[ids]
        coarse, fine = place >= 0, place < 0
        found: Array = np.empty((len(ids), self._tables[0].columns), dtype=np.float32)
        found[coarse] = self._tables[0](place[coarse])
        found[fine] = self._tables[1](~place[fine])
        return found


class _Table:
    """Rows of one kind, with their scales."""

    def __init__(self, rows: np.ndarray, scales: np.ndarray | None, columns: int) -> None:
        self.rows, self.columns, self._scales = rows, columns, scales
        self._packed = rows.dtype == np.uint8
        self.width = rows.shape[1] * (2 if self._packed else 1)
        blocks = 1 if scales is None else max(1, scales.shape[1])
        self._block = self.width // blocks if self._packed else EMBEDDING_BLOCK

    @property
    def fits(self) -> bool:
        """Whether the rows are as wide as they should be: the last block of packed codes can reach further."""
        spare = self._block - 1 if self._packed else 0
        return bool(self.columns <= self.width <= self.columns + spare)

    def __call__(self, places: list[int] | np.ndarray) -> Array:
        rows: Array = unpack_codes(self.rows[places]) if self._packed else self.rows[places].astype(np.float32)
        if self._scales is not None:
            rows *= np.repeat(self._scales[places].astype(np.float32), self._block, axis=1)[:, : rows.shape[1]]
        return rows[:, : self.columns]


def unpack_codes(packed: np.ndarray) -> Array:
    """Bytes (…, n) of two 4-bit codes each, the lower half first: float32 (…, 2 n), from -8 to 7."""
    codes: Array = np.empty((*packed.shape[:-1], 2 * packed.shape[-1]), dtype=np.float32)
    codes[..., 0::2] = packed & 15
    codes[..., 1::2] = packed >> 4
    codes -= 8
    return codes


class Cache:
    """Keys and values of one sequence, with room for `capacity` tokens.

    Attributes:
        arrays: for each layer the keys, then the values: float32 (1, kv heads, capacity, head dim).
    """

    def __init__(self, shape: Shape, capacity: int) -> None:
        dims = (1, shape.kv_heads, capacity, shape.head_dim)
        self.arrays: list[Array] = [np.empty(dims, dtype=np.float32) for _ in range(2 * shape.layers)]
        self.capacity = capacity

    def fill(self, prefix: Array) -> None:
        """Writes a prefix (2 * layers, kv heads, tokens, head dim) to the start."""
        for array, part in zip(self.arrays, prefix, strict=True):
            array[0, :, : part.shape[1]] = part


class Decoder:
    """One ONNX Runtime session over a bundle's decoder.

    Args:
        threads: threads within an operator; 0 means every core.
    """

    def __init__(self, folder: Path, shape: Shape, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.inter_op_num_threads = 1
        # The graph is fused as it is written: looking for more only costs start-up time.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        scales = read_scales(folder / SCALES)
        # Kept, since the session reads them where they are.
        self._scales = [onnxruntime.OrtValue.ortvalue_from_numpy(values) for values in scales.values()]
        if scales:
            options.add_external_initializers(list(scales), self._scales)
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / "decoder.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises its own undocumented types
            raise BundleError(f"{folder / 'decoder.onnx'}: cannot be loaded: {error}", "Export it again.") from error
        self.shape = shape
        self._used = {value.name for value in self._session.get_inputs()}
        self._rotary: dict[str, Array] = {}

    def run(self, embeddings: Array, cache: Cache, length: int) -> Array:
        """Runs tokens that follow `length` cached ones; their keys and values are written into `cache`.

        Args:
            embeddings: float32 (tokens, hidden), scaled.
            length: tokens already in the cache. Anything beyond is overwritten, so that going back is
                a matter of passing a smaller `length`.

        Returns:
            Hidden states after the final norm, float32 (tokens, hidden).
        """
        tokens = len(embeddings)
        total = length + tokens
        if total > cache.capacity:
            raise ValueError(f"{total} tokens in a cache of {cache.capacity}")
        hidden: Array = np.empty_like(embeddings)
        binding = self._session.io_binding()
        inputs = {
            "embeddings": embeddings[None],
            "seqlens_k": np.array([total - 1], dtype=np.int32),
            "total_length": np.array(total, dtype=np.int32),
            **self._rotary_tables(cache.capacity),
        }
        for name, array in inputs.items():
            _bind(binding.bind_input, name, array)
        for i, array in enumerate(cache.arrays):
            part = "value" if i % 2 else "key"
            _bind(binding.bind_input, f"past_{part}_{i // 2}", array)
            _bind(binding.bind_output, f"present_{part}_{i // 2}", array)
        _bind(binding.bind_output, "hidden", hidden[None])
        self._session.run_with_iobinding(binding)
        return hidden

    def _rotary_tables(self, positions: int) -> dict[str, Array]:
        """cos and sin of every position's angles, (positions, head dim / 2), as far as needed yet."""
        known = self._rotary  # replaced as a whole: another thread may be reading it
        if not known or len(next(iter(known.values()))) < positions:
            known = {}
            for kind, rope in (("local", self.shape.local_rope), ("global", self.shape.global_rope)):
                angles = rotary_angles(rope, self.shape.head_dim, positions)
                for table, function in (("cos", np.cos), ("sin", np.sin)):
                    if f"{table}_{kind}" in self._used:
                        known[f"{table}_{kind}"] = function(angles).astype(np.float32)
            self._rotary = known
        return known


def read_scales(path: Path) -> dict[str, Array]:
    """The decoder's scales by initializer, float32 (out * blocks,); none where they are among the weights."""
    if not path.is_file():
        return {}
    file, found = TensorFile(path), {}
    for name in file.names:
        if name.endswith(ROW):
            continue
        scales = file[name].astype(np.float32)
        if (worth := file.get(name + ROW)) is not None:
            scales *= worth.astype(np.float32)[:, None]
        found[name] = scales.reshape(-1)
    return found


def _bind(bind: Any, name: str, array: np.ndarray) -> None:
    bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)


def rotary_angles(rope: Rope, head_dim: int, positions: int) -> np.ndarray:
    """Su et al. 2021 (RoFormer): position / factor * theta ** (-2i / head_dim)."""
    frequencies = rope.theta ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim) / rope.factor
    return np.outer(np.arange(positions), frequencies)


def available_cores() -> int:
    """Cores this process may use: a container or a runner can allow fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
