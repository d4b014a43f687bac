from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labeler.model.tensors import TensorFile, write_stream, write_tensors

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(3, 2), "b": np.ones((), np.int8), "c": np.zeros((0, 2), bool)}
FORMS = {"a": ("F32", (3, 2)), "b": ("I8", ()), "c": ("BOOL", (0, 2))}


def test_tensors_that_come_in_slices_make_the_file_of_whole_ones(tmp_path: Path) -> None:
    write_tensors(tmp_path / "whole", TENSORS)
    write_stream(tmp_path / "stream", FORMS, [TENSORS["a"][:1], TENSORS["a"][1:], TENSORS["b"], TENSORS["c"]])
    assert (tmp_path / "stream").read_bytes() == (tmp_path / "whole").read_bytes()
    read = TensorFile(tmp_path / "stream")
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(read[name], tensor)


def test_a_stream_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    def parts() -> Iterator[np.ndarray]:
        yield TENSORS["a"]
        raise ValueError("no more")

    write_tensors(tmp_path / "file", {"old": TENSORS["b"]})
    with pytest.raises(ValueError, match="no more"):
        write_stream(tmp_path / "file", FORMS, parts())
    assert TensorFile(tmp_path / "file").names == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
