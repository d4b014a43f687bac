"""The licence that a GGUF file is under."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf import GGUFWriter

from labeler.errors import InputError
from training.licence import licence_of


@pytest.mark.parametrize(
    ("architecture", "licence", "expected"),
    [("gemma3", "", "gemma"), ("gemma3", "apache-2.0", "apache-2.0"), ("llama", "", ""), ("gemma4", "", "")],
)
def test_a_gguf_file_is_under_what_it_says_or_gemmas_terms_by_its_architecture(
    tmp_path: Path, architecture: str, licence: str, expected: str
) -> None:
    path = tmp_path / "model.gguf"
    writer = GGUFWriter(path, architecture)
    if licence:
        writer.add_license(licence)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert licence_of(str(path)) == expected


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"not a model, and long enough to be looked at")
    with pytest.raises(InputError, match="not a GGUF file"):
        licence_of(str(tmp_path / "model.gguf"))
