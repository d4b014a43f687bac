"""docs/csv-label.md: a table of another kind is refused with the way to a dataset, and the way that it shows is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.data.dataset_folder import open_dataset
from labeler.errors import InputError
from synthetic.cli import main
from tests.pages import ROOT
from tests.shown import blocks, commands

PAGE = ROOT / "docs" / "csv-label.md"
TABLE = "Number,Title,Body,Labels\n" + "".join(
    f"{n},Issue {n} of {n * 31},It is about part {n * 7} and {n * n},{'bug' if n % 2 else 'help'}\n"
    for n in range(1, 31)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "issues.csv").write_text(TABLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("with_labels", [False, True])
def test_the_error_names_the_command_that_makes_a_dataset_of_it(folder: Path, with_labels: bool) -> None:
    if with_labels:
        (folder / "labels.yml").write_text("- bug\n", encoding="utf-8")
    with pytest.raises(InputError, match="synthetic fetch --from") as refused:
        list(open_dataset(folder / "issues.csv").rows())
    assert "the header is Number,Title,Body,Labels" in str(refused.value)


def test_the_commands_of_the_page_make_a_dataset_of_it(folder: Path) -> None:
    (folder / "labels.yml").write_text("- bug\n- name: question\n  aliases: [help]\n", encoding="utf-8")
    (block,) = blocks(PAGE.read_text(encoding="utf-8"), "console")
    shown = [command for command in commands(PAGE) if command.whole]
    assert [command.module for command in shown] == ["synthetic"] * len(block.splitlines())
    for command in shown:
        assert main(command.words[3:]) == 0
    rows = list(open_dataset(folder / "data" / "name").rows())
    assert {row.number: row.labels for row in rows} == {n: ("bug" if n % 2 else "question",) for n in range(1, 31)}
    assert {row.split for row in rows} == {"train", "validation", "test"}
