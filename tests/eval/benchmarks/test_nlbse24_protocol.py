from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from eval.benchmarks.comparison import Entrant
from eval.benchmarks.nlbse24_protocol import (
    LABELS,
    Row,
    Trial,
    classes,
    folds,
    is_competition_test,
    macro_f1,
    read_rows,
    run_trials,
)
from eval.cli import main
from eval.systems.results import Result
from eval.systems.text import Linear
from labeler.base.store import Store
from labeler.errors import InputError
from labeler.labels.label_set import read_labels
from labeler.text.issue import Issue
from tests.models import write_bundle

THREE = read_labels(LABELS)
HEADER = ["repo", "created_at", "label", "title", "body"]
TEXTS = [
    ["octo/app", "2023-01-02 03:04:05", "bug", "Crash, when saving", 'It says "null"\nand stops'],
    ["octo/app", "2023-01-02 03:04:05", "feature", "Dark mode", ""],
    ["octo/lib", "2023-01-02 03:04:05", "question", "How do I set a proxy?", "I found nothing"],
]


def write_csv(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def made_rows(count: int, words: dict[str, tuple[str, str, str]]) -> list[Row]:
    """Issues whose one telling word means another class in each repository."""
    return [
        Row(repo, answer, Issue(f"Something about {telling[answer]} number {i}", repository=repo))
        for repo, telling in words.items()
        for i in range(count)
        for answer in range(3)
    ]


def result(predicted: list[list[int]], probabilities: list[list[float]] | None = None) -> Result:
    chances = None if probabilities is None else np.array(probabilities)
    return Result("x", "x", np.array(predicted, dtype=bool), chances, None, None, 0.0, 0.0)


def test_the_competitions_csv_is_read_and_its_feature_is_an_enhancement(tmp_path: Path) -> None:
    rows = read_rows(write_csv(tmp_path / "train.csv", TEXTS), THREE)
    assert [(row.repo, THREE.names[row.answer]) for row in rows] == [
        ("octo/app", "bug"), ("octo/app", "enhancement"), ("octo/lib", "question"),
    ]  # fmt: skip
    assert rows[0].issue.body == 'It says "null"\nand stops'
    assert rows[0].issue.labels == ()


def test_json_lines_gzipped_or_not_give_the_same_rows(tmp_path: Path) -> None:
    objects = [dict(zip(HEADER, texts, strict=True)) for texts in TEXTS]
    lines = "".join(json.dumps(item | {"labels": [item.pop("label")]}) + "\n" for item in objects)
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    expected = read_rows(write_csv(tmp_path / "c.csv", TEXTS), THREE)
    assert read_rows(tmp_path / "a.jsonl", THREE) == read_rows(tmp_path / "b.jsonl.gz", THREE) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "repo,title,body\na/b,t,b\n", r"x\.csv:1: no column label"),
        ("x.csv", "repo,label,title,body\na/b,bug,t,b\na/b,chore,t,b\n", r"x\.csv:3: row 3, column label: 'chore'"),
        ("x.csv", "repo,label,title,body\n,bug,t,b\n", r"x\.csv:2: row 2, column repo"),
        ("x.csv", "repo,label,title,body\n", r"x\.csv: no issues"),
        ("x.jsonl", "{}\n", r"x\.jsonl:1, column labels"),
        ("x.jsonl", '{"labels": ["bug", "question"]}\n', r"x\.jsonl:1, column labels"),
        ("x.jsonl", '{"labels": ["bug"], "repo": "a/b", "title": 3}\n', r"x\.jsonl:1, column title"),
        ("x.jsonl", "nonsense\n", r"x\.jsonl:1: not valid JSON"),
        ("x.jsonl", "[]\n", r"x\.jsonl:1: not an object"),
        ("x.jsonl.gz", "not gzip", r"x\.jsonl\.gz: cannot be read"),
    ],
)
def test_a_wrong_file_is_named_with_line_and_column(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_rows(tmp_path / name, THREE)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_macro_f1_equals_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    expected = f1_score(truth, predicted, labels=[0, 1, 2], average="macro", zero_division=0)
    assert macro_f1(truth, predicted, 3) == pytest.approx(expected)


def test_a_prediction_is_the_most_probable_class_whatever_was_set() -> None:
    found = classes(result([[1, 0, 0], [0, 0, 0]], [[0.2, 0.3, 0.1], [0.0, 0.0, 0.4]]), np.eye(3, dtype=bool))
    assert found.tolist() == [1, 2]


def test_without_probabilities_none_or_several_labels_become_the_most_frequent_of_them() -> None:
    train = np.array([[1, 0, 0]] * 2 + [[0, 1, 0]] * 3 + [[0, 0, 1]], dtype=bool)
    assert classes(result([[0, 0, 1], [0, 0, 0], [1, 0, 1], [1, 1, 1]]), train).tolist() == [2, 1, 0, 1]


def test_folds_test_every_issue_once_with_repositories_and_labels_spread_evenly() -> None:
    rows = made_rows(10, {"a/b": ("x", "y", "z"), "c/d": ("x", "y", "z")})
    trials = folds(rows, 5)
    assert sorted(np.concatenate([trial.test for trial in trials]).tolist()) == list(range(len(rows)))
    for trial in trials:
        assert not set(trial.train) & set(trial.test)
        assert len(trial.train) + len(trial.test) == len(rows)
        kinds = [(rows[i].repo, rows[i].answer) for i in trial.test]
        assert {kinds.count(kind) for kind in kinds} == {2}


def test_each_repository_gets_a_model_of_its_own_and_one_model_learns_from_all() -> None:
    words = {"a/b": ("apple", "banana", "cherry"), "c/d": ("banana", "cherry", "apple")}
    rows = made_rows(12, words)
    test = np.arange(0, len(rows), 3) + np.arange(len(rows) // 3) % 3
    trial = Trial(np.setdiff1d(np.arange(len(rows)), test), test)
    (score,) = run_trials(rows, [trial], THREE, [Entrant(Linear())], Store(None))
    assert score.repos == {"a/b": 1.0, "c/d": 1.0}
    assert (score.mean.value, score.mean.n) == (1.0, len(test))
    assert score.one_for_all is not None
    assert score.one_for_all < 0.7


def test_only_a_test_set_of_the_competitions_size_compares_with_the_published_figures() -> None:
    rows = [Row(f"o/{repo}", 0, Issue("t")) for repo in range(5) for _ in range(300)]
    assert is_competition_test(rows)
    assert not is_competition_test(rows[1:])
    assert not is_competition_test(rows[:300])


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    return str(write_bundle(tmp_path / "bundle", THREE))


def file_of(rows: list[Row], path: Path) -> str:
    return str(write_csv(path, [[r.repo, "", THREE.names[r.answer], r.issue.title, r.issue.body] for r in rows]))


def test_the_command_shows_published_figures_beside_and_says_when_they_do_not_compare(
    tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train = file_of(made_rows(6, {"a/b": ("x", "y", "z"), "c/d": ("u", "v", "w")}), tmp_path / "train.csv")
    given = ["nlbse24", "--train", train, "--folds", "3", "--model", bundle, "--baselines", "majority"]
    assert main(given) == 0
    printed = capsys.readouterr().out
    assert "n = 36 test issues" in printed
    assert "SetFit, published" in printed
    assert "0.827" in printed
    assert "Not comparable with the published figures: cross-validated inside train.csv, 3 folds" in printed
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["published"]["comparable"] is False
    assert {score["key"] for score in found["systems"]} == {"majority", "greedy"}
    assert all(score["mean"]["n"] == 36 for score in found["systems"])


def test_the_command_scores_a_test_file_of_its_own(
    tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"a/b": ("apple", "banana", "cherry"), "c/d": ("banana", "cherry", "apple")}
    train = file_of(made_rows(8, words), tmp_path / "train.csv")
    test = file_of(made_rows(2, words), tmp_path / "test.csv")
    given = ["nlbse24", "--train", train, "--test", test, "--model", bundle, "--baselines", "linear", "--json"]
    assert main(given) == 0
    found = {score["key"]: score for score in json.loads(capsys.readouterr().out)["systems"]}
    assert found["linear"]["repos"] == {"a/b": 1.0, "c/d": 1.0}
    assert found["linear"]["mean"]["n"] == 12


def test_more_folds_than_issues_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "train.csv"
    file.write_text("repo,label,title,body\na/b,bug,crash,\na/b,bug,crash again,\n", encoding="utf-8")
    assert main(["nlbse24", "--train", str(file), "--folds", "3", "--model", "starter"]) == 2
    assert "--folds 3: there are 2 issues" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--test", "x.csv", "--folds", "2"], ["--folds", "1"]])
def test_the_command_wants_a_test_file_or_folds(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nlbse24", "--train", "x.csv", "--model", "starter", *more]) == 2
    assert "--folds" in capsys.readouterr().err


def test_a_repository_that_is_tested_but_not_trained_on_is_named(
    tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train = file_of(made_rows(3, {"a/b": ("x", "y", "z")}), tmp_path / "train.csv")
    test = file_of(made_rows(3, {"c/d": ("x", "y", "z")}), tmp_path / "test.csv")
    given = ["nlbse24", "--train", train, "--test", test, "--model", bundle, "--baselines", "majority"]
    assert main(given) == 1
    assert "c/d: 0 training issues" in capsys.readouterr().err
