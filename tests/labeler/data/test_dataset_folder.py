from __future__ import annotations

from pathlib import Path

import pytest

from labeler.data.dataset import Row, write_dataset
from labeler.data.dataset_folder import open_dataset, write_labels, write_sources
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "labels.yml").write_text("- bug\n- name: docs\n  aliases: [documentation]\n- question\n")
    rows = [
        Row("1", title="Crash", labels=("bug",), source="a", split="train"),
        Row("2", title="How?", labels=("question",), source="b", split="test"),
    ]
    write_dataset(tmp_path / "dataset.csv", rows)
    return tmp_path


def test_a_source_without_a_list_uses_every_label(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert [dataset.space(row) for row in dataset.rows()] == [("bug", "docs", "question")] * 2


def test_a_row_knows_the_labels_of_its_source_and_its_own(folder: Path) -> None:
    (folder / "sources.yml").write_text("a: [documentation, bug]\nb: [bug]\n")
    dataset = open_dataset(folder / "dataset.csv")
    assert [dataset.space(row) for row in dataset.rows()] == [("bug", "docs"), ("bug", "question")]


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [bugs]\n", "a: bugs: not in labels.yml"), ("- a\n", "not a mapping"), ("a: bug\n", "a: not a list")],
)
def test_a_wrong_sources_file_is_named(folder: Path, text: str, says: str) -> None:
    (folder / "sources.yml").write_text(text)
    with pytest.raises(InputError, match=f"sources.yml: {says}"):
        open_dataset(folder)


def test_what_is_missing_is_named(folder: Path) -> None:
    (folder / "labels.yml").unlink()
    with pytest.raises(InputError, match="labels.yml: missing"):
        open_dataset(folder)
    with pytest.raises(InputError, match="no such dataset"):
        open_dataset(folder / "other.csv")


def test_labels_and_sources_that_were_written_are_read_back(tmp_path: Path) -> None:
    labels = LabelSet((Label("bug", "Something: broken"), Label("ux/ui"), Label("type: docs")))
    spaces = {"a: b": ("bug", "type: docs"), "one": ("ux/ui",), "none": ()}
    write_labels(tmp_path, labels)
    write_sources(tmp_path, spaces)
    write_dataset(tmp_path / "dataset.csv", [Row("1", title="Crash", split="train")], labels)
    dataset = open_dataset(tmp_path)
    assert (dataset.labels, dict(dataset.spaces)) == (labels, spaces)
