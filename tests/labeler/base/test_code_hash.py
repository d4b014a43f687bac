from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeler.base import code_hash as module
from labeler.base.code_hash import code_hash
from labeler.base.reader import Reader
from labeler.base.store import Store
from tests.models import LABELS, write_bundle


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two packages in place of the real ones."""
    for name in ("labeler/model/tokenizer.py", "labeler/room/engine.py", "labeler/room/preset.toml", "eval/reader.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one = 1\n")
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    code_hash.cache_clear()
    yield tmp_path
    code_hash.cache_clear()


def hashed(*packages: str) -> str:
    """As another process would find it."""
    code_hash.cache_clear()
    return code_hash(*packages)


@pytest.mark.parametrize("name", ["tokenizer.py", "room/engine.py", "room/preset.toml"])
def test_a_changed_file_at_any_depth_changes_the_hash(root: Path, name: str) -> None:
    before = hashed("labeler")
    (root / "labeler" / name).write_text("one = 2\n")
    assert hashed("labeler") != before


def test_a_new_and_a_moved_file_change_it_and_what_is_no_code_does_not(root: Path) -> None:
    before = hashed("labeler")
    (root / "labeler" / "new.py").touch()
    with_new = hashed("labeler")
    (root / "labeler" / "new.py").rename(root / "labeler" / "room" / "new.py")
    assert len({before, with_new, hashed("labeler")}) == 3
    (root / "labeler" / "room" / "new.py").unlink()
    (root / "labeler" / "model.onnx").write_text("weights")
    (root / "eval" / "reader.py").write_text("another package")
    assert hashed("labeler") == before


def test_packages_count_together_in_any_order(root: Path) -> None:
    assert hashed("labeler", "eval") == hashed("eval", "labeler") != hashed("labeler")


def test_a_package_that_is_not_there_is_an_error(root: Path) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        hashed("labeler", "nowhere")


def test_a_reading_is_kept_under_another_key_once_the_tokenizer_has_changed(root: Path, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    before = Reader(bundle, LABELS, Store(None)).key
    assert Reader(bundle, LABELS, Store(None)).key == before
    (root / "labeler" / "tokenizer.py").write_text("one = 2\n")
    code_hash.cache_clear()
    assert Reader(bundle, LABELS, Store(None)).key != before
