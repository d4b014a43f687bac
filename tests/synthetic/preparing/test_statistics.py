from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from synthetic.cli import main
from synthetic.preparing.preparation import prepare
from synthetic.preparing.statistics import Stats, by_month, quantile, read_stats
from synthetic.preparing.stats_picture import write_picture
from synthetic.workspace.jsonl import write_lines
from synthetic.workspace.records import ISSUES, Record, to_line

RECORDS = [
    Record("o/r", 1, "Crash on start", "two words", ("bug", "P1"), state="open", created_at="2025-11-03T00:00:00Z"),
    Record("o/r", 2, "crash on START", "two words!", ("bug",), state="closed", created_at="2025-11-30T23:59:59Z"),
    Record("o/r", 3, "Dark", "", (), author_kind="bot", state="open", created_at="2026-02-01T00:00:00Z"),
    Record("o/r", 4, "A change", "x", ("bug",), is_pull_request=True, created_at="2026-03-01T00:00:00Z"),
    Record("o/r", 5, "Undated", "", ("$x_1$",), state="closed"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_lines(tmp_path / ISSUES, map(to_line, RECORDS))
    return tmp_path


def test_fetched_issues_are_counted_without_pull_requests(folder: Path) -> None:
    assert read_stats(folder) == Stats(
        prepared=False,
        fetched=5,
        open=2,
        closed=2,
        pull_requests=1,
        by_bots=1,
        issues=4,
        labels={"bug": 2, "$x_1$": 1, "P1": 1},
        labels_an_issue={0: 1, 1: 2, 2: 1},
        words=(1, 5, 5, 1),
        months={"2025-11": 2, "2025-12": 0, "2026-01": 0, "2026-02": 1},
        exact=1,
        near=0,
    )


def test_once_prepared_the_figures_are_of_what_is_left(folder: Path) -> None:
    prepare(folder, LabelSet((Label("bug"), Label("question"))))
    found = read_stats(folder)
    assert (found.prepared, found.fetched, found.issues, found.exact) == (True, 5, 2, 1)
    assert found.labels == {"bug": 1, "question": 0}
    assert found.labels_an_issue == {0: 1, 1: 1}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.05, 1), (0.25, 3), (0.3, 3), (0.31, 4), (0.5, 5), (0.95, 10), (1.0, 10)]
)
def test_a_quantile_is_the_least_count_that_the_share_does_not_exceed(share: float, expected: int) -> None:
    assert quantile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], share) == expected


def test_of_nothing_a_quantile_is_zero() -> None:
    assert quantile([], 0.5) == 0


def test_months_without_issues_are_there_over_the_turn_of_a_year() -> None:
    assert by_month(["2026-01-05T00:00:00Z", "2025-11-01", ""]) == {"2025-11": 1, "2025-12": 0, "2026-01": 1}
    assert by_month([""]) == {}


def test_the_command_prints_tables_or_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", str(folder)]) == 0
    shown = capsys.readouterr().out
    for text in ("issues and pull requests", "exact duplicates, among them", "bug", "50.0%", "2026"):
        assert text in shown
    assert main(["stats", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["words"] == {"mean": 3.0, "most": 5, "5%": 1, "25%": 1, "50%": 1, "75%": 5, "95%": 5}
    assert found["months"]["2025-12"] == 0


def test_the_picture_is_drawn_even_of_hostile_and_of_no_labels(folder: Path, tmp_path: Path) -> None:
    for name, stats in {
        "all": read_stats(folder),
        "one": Stats(True, 1, 0, 0, 0, 0, 1, {}, {0: 1}, (0,), {}, 0, 0),
        "odd": Stats(
            True, 1, 0, 0, 0, 0, 1, {"\x1b[2J$\\frac{": 1, "x" * 90: 1}, {0: 1}, (70000,), {"2026-01": 1}, 0, 0
        ),
    }.items():
        write_picture(stats, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size == (1320, 900)
            assert len(picture.convert("L").getcolors(256)) > 20
    assert not list(tmp_path.glob(".*"))


def test_a_picture_that_cannot_be_written_is_an_input_error(folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_picture(read_stats(folder), folder / "none" / "x.png")
