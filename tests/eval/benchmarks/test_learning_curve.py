"""The learning curve: what is fitted on what, what is kept, and the files and tables it ends in."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from eval.benchmarks.learning_curve import CurvePoint, charts, drawing, measure, read_curve, summaries
from eval.cli import main
from eval.systems.models import Answer
from eval.systems.system import Fitted, Task
from eval.systems.text import Bayes, Linear
from labeler.base.examples import Splits, read_splits
from labeler.base.f1 import micro_f1
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.data.dataset import Row, write_dataset
from labeler.errors import InputError
from tests.eval.systems.test_systems import LABELS, examples
from tests.models import write_bundle

SPLITS = Splits("made up", LABELS, examples(200), examples(60, seed=1), examples(80, seed=2), "0" * 64)


@dataclass(frozen=True)
class Noting:
    """Naive Bayes that writes down every task it is fitted on."""

    seen: list[Task]
    key: str = "noting"
    name: str = "noting"
    needs: str = ""

    def __repr__(self) -> str:
        return "Noting"

    def fit(self, task: Task) -> Fitted:
        self.seen.append(task)
        return Bayes().fit(task)


def test_more_issues_teach_more_and_every_size_is_drawn_for_every_seed() -> None:
    points = measure(SPLITS, [Bayes(), Linear()], [4, 32, 200], 3, Store(None))
    drawn = [(point.system, point.size, point.seed) for point in points]
    for key in ("bayes", "linear"):
        # All issues are the same ones for every seed.
        assert sorted(drawn_of for drawn_of in drawn if drawn_of[0] == key) == [
            *((key, 4, seed) for seed in range(3)),
            *((key, 32, seed) for seed in range(3)),
            (key, 200, 0),
        ]
        by_size = summaries(points, "micro_f1")[key]
        assert by_size[4].mean < by_size[32].mean < by_size[200].mean


def test_slices_are_nested_differ_by_seed_and_choose_on_all_validation_issues() -> None:
    noting = Noting([])
    measure(SPLITS, [noting], [8, 32], 2, Store(None))
    ids = {(len(task.train), place % 2): set(task.train.ids) for place, task in enumerate(_by_size(noting.seen))}
    assert ids[8, 0] < ids[32, 0]
    assert ids[8, 1] < ids[32, 1]
    assert ids[32, 0] != ids[32, 1]
    assert all(task.validation.ids == SPLITS.validation.ids for task in noting.seen)


def _by_size(tasks: list[Task]) -> list[Task]:
    """The tasks of the smaller size first; of each size in the order of the seeds."""
    return sorted(tasks, key=lambda task: len(task.train))


def test_a_point_is_the_quality_of_the_system_fitted_on_all_issues_on_the_test_issues() -> None:
    (point,) = measure(SPLITS, [Linear()], [1000], 3, Store(None))
    said = Linear().fit(Task(SPLITS.train, SPLITS.validation, LABELS))(SPLITS.test.issues)
    assert point.size == 200
    assert point.micro_f1 == pytest.approx(micro_f1(SPLITS.test.truth, said.predicted), abs=0.02)


def test_what_is_in_the_store_is_not_fitted_again(tmp_path: Path) -> None:
    first, again, more = Noting([]), Noting([]), Noting([])
    points = measure(SPLITS, [first], [8, 32], 2, Store(tmp_path))
    assert measure(SPLITS, [again], [8, 32], 2, Store(tmp_path)) == points
    assert len(first.seen) == 4
    assert not again.seen
    measure(SPLITS, [more], [8, 32], 3, Store(tmp_path))
    assert len(more.seen) == 2
    measure(replace(SPLITS, sha256="1" * 64), [more], [8], 1, Store(tmp_path))
    assert len(more.seen) == 3


def test_a_model_that_learns_nothing_is_measured_once(tmp_path: Path) -> None:
    reader = Reader(write_bundle(tmp_path / "bundle", LABELS), LABELS, Store(None))
    points = measure(SPLITS, [Bayes()], [8, 16], 2, Store(None), reader, [Answer.greedy()])
    (level,) = (point for point in points if point.system == "greedy")
    chosen = reader.read(SPLITS.test.issues).chosen
    assert (level.size, level.micro_f1) == (0, pytest.approx(micro_f1(SPLITS.test.truth, chosen)))
    assert "line dash" in charts(points)[0]


def test_a_summary_is_over_the_seeds_of_one_size() -> None:
    points = [CurvePoint("a", 8, seed, micro, micro / 2) for seed, micro in enumerate((0.2, 0.4, 0.6))]
    summary = summaries([*points, CurvePoint("a", 4, 0, 0.1, 0.1)], "macro_f1")["a"]
    assert list(summary) == [4, 8]
    assert (summary[8].low, summary[8].high, summary[8].seeds) == (0.1, 0.3, 3)
    assert summary[8].mean == pytest.approx(0.2)
    assert summary[8].deviation == pytest.approx(0.1)
    assert np.isnan(summary[4].deviation)


def test_the_drawing_is_one_file_with_both_metrics_and_every_system() -> None:
    points = [
        CurvePoint("a", size, seed, size / 100 + seed / 50, size / 200, "a <system>")
        for size in (8, 64)
        for seed in (0, 1)
    ]
    text = drawing(points, "n & m")
    root = ElementTree.fromstring(text)
    said = " ".join(root.itertext())
    assert len(charts(points)) == 2
    assert all(part in said for part in ("micro-F1", "macro-F1", "n & m", "64", "a <system>"))
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert text.count('class="band"') == 2


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "labels.yml").write_text("".join(f"- {name}\n" for name in LABELS.names), encoding="utf-8")
    rows = []
    for split, part in (
        ("train", SPLITS.train.take(range(40))),
        ("validation", SPLITS.validation),
        ("test", SPLITS.test),
    ):
        for key, issue, truth in zip(part.ids, part.issues, part.truth, strict=True):
            named = tuple(name for name, is_true in zip(LABELS.names, truth, strict=True) if is_true)
            rows.append(Row(f"{split}-{key}", title=issue.title, body=issue.body, labels=named, split=split))
    write_dataset(folder / "dataset.csv", rows, LABELS)
    return folder


def test_the_command_writes_points_and_drawing_and_prints_a_table(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = tmp_path / "new" / "curve"
    arguments = ["curve", "--data", str(dataset), "--sizes", "4,16,all", "--seeds", "2", "--out", str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "n = 80 test issues; thresholds chosen on 60" in printed.out
    assert next(line.split()[:4] for line in printed.out.splitlines() if line.startswith("m")) == [
        "micro-F1",
        "4",
        "16",
        "40",
    ]
    assert "left out without --model: neighbours, head" in printed.err
    points = read_curve(out / "curve.json", read_splits(dataset))
    assert {point.system for point in points} == {"majority", "keywords", "bayes", "linear"}
    assert len(points) == 4 * (2 + 2 + 1)
    ElementTree.parse(out / "curve.svg")
    assert main([*arguments, "--systems", "bayes", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["points"]) == 5
    assert main([*arguments, "--sizes", "16,500", "--systems", "bayes"]) == 0
    assert "larger sizes mean all 40 training issues" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sizes", "8,x"], "'x' is no number of issues"),
        (["--sizes", "0"], "'0' is no number of issues"),
        (["--sizes", ","], "none given"),
        (["--seeds", "0"], "less than one"),
        (["--systems", "head"], "needs a model"),
        (["--systems", "svm"], "no such system"),
    ],
)
def test_a_wrong_option_is_named(
    options: list[str], said: str, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["curve", "--data", str(dataset), "--out", str(tmp_path / "out"), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_and_a_file_that_is_no_curve_are_named(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("{}", encoding="utf-8")
    assert main(["curve", "--data", str(dataset), "--out", str(file / "x")]) == 1
    assert "cannot be made" in capsys.readouterr().err
    with pytest.raises(InputError, match="not the points of a curve"):
        read_curve(file, SPLITS)
