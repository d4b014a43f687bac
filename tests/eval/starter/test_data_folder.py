"""The data folder: whatever reads it, a line that is not as it should be is named, with what a line of that file is."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from eval.starter.files import ISSUES, LARGE, Files
from eval.starter.source import Folder
from labeler.errors import InputError
from tests.scoreboard_data import public_row, write_folder, write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path)


def write_table(path: Path, *lines: str) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_a_row_of_another_kind_is_named_with_what_it_should_be(folder: Path) -> None:
    write_lines(folder / ISSUES, [public_row(0), public_row(1) | {"labels": 3}])
    for reader in (Files, Folder):
        with pytest.raises(InputError, match=r"labelled_issues.jsonl.gz:2: not such a line[\s\S]*label_space"):
            _ = reader(folder).issues


def test_a_table_may_do_without_a_heading_but_not_without_tabs(folder: Path) -> None:
    write_table(folder / LARGE, "2\tbug, question", "3\t")
    found = [(issue.row, sorted(labels)) for _, issue, labels in Files(folder).labels_by_row(LARGE)]
    assert found == [(2, ["bug", "question"]), (3, [])]
    write_table(folder / LARGE, "row\tlabels", "2 bug")
    with pytest.raises(InputError, match="large_model_labels.tsv.gz:2: not a row number, a tab and labels"):
        list(Files(folder).labels_by_row(LARGE))


def test_a_label_that_is_none_of_the_ten_is_refused_where_the_ten_are_judged(folder: Path) -> None:
    write_table(folder / LARGE, "row\tlabels", "2\tbug, wish")
    with pytest.raises(InputError, match="large_model_labels.tsv.gz:2: 'wish' is none of the ten labels"):
        Folder(folder).large(LARGE)


def test_a_missing_file_is_described_to_whoever_makes_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labelled_issues.jsonl.gz: missing[\s\S]*label_space"):
        _ = Files(tmp_path).issues
