"""`python -m eval curve --tune` and `nlbse24 --tune`: tuning on every slice, and on every repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.cli import main
from tests.models import write_bundle
from tests.training.small import make_rows, write_base, write_folder

pytestmark = pytest.mark.training

SETTINGS = (
    "rank=4", "alpha=4", "learning_rate=0.01", "warmup=2", "batch_size=4", "epochs=1", "token_budget=32",
    "describe=false", "precision=fp32", "optimizer=adamw", "evaluations=1", "score_rows=0", "check_memory=false",
)  # fmt: skip


def test_a_base_is_tuned_on_a_slice_once_and_stands_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    data, base = write_folder(tmp_path / "data", make_rows(40)), write_base(tmp_path / "tiny")
    given = ["curve", "--data", str(data), "--out", str(tmp_path / "out"), "--systems", "majority", "--json"]
    given += ["--sizes", "12", "--seeds", "1", "--tune", str(base), *(f"--set={change}" for change in SETTINGS)]
    assert main(given) == 0
    first = json.loads(capsys.readouterr().out)["points"]
    assert [(point["system"], point["size"], point["name"]) for point in first] == [
        ("majority", 12, "most frequent labels"),
        ("lora:tiny", 12, "LoRA on tiny"),
    ]
    # Nothing is left that could be tuned again: the points are those that were kept.
    monkeypatch.setattr("sys.executable", "/nowhere")
    assert main(given) == 0
    assert json.loads(capsys.readouterr().out)["points"] == first


def test_what_training_refuses_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    data = write_folder(tmp_path / "data", make_rows(40))
    given = ["curve", "--data", str(data), "--out", str(tmp_path / "out"), "--systems", "none", "--sizes", "12"]
    assert main([*given, "--seeds", "1", "--tune", str(tmp_path)]) == 1
    assert "on 12 issues failed: " in capsys.readouterr().err
    assert main([*given, "--set", "rank=4"]) == 2
    assert "--tune BASE" in capsys.readouterr().err


def test_a_base_is_tuned_for_each_repository_and_fold_of_a_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    rows = [
        {"repo": "octo/app", "labels": [label], "title": f"{label} number {i}", "body": f"about {label}"}
        for i in range(8)
        for label in ("bug", "enhancement", "question")
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ["nlbse24", "--train", str(tmp_path / "train.jsonl"), "--folds", "2", "--baselines", "linear", "--own-only"]
    given += ["--json"]
    given += ["--model", str(write_bundle(tmp_path / "model")), "--tune", str(write_base(tmp_path / "tiny"))]
    assert main([*given, *(f"--set={change}" for change in SETTINGS)]) == 0
    scores = {score["key"]: score for score in json.loads(capsys.readouterr().out)["systems"]}
    assert scores["linear"]["repos"]["octo/app"] == 1.0  # the words give it away
    assert scores["lora:tiny"]["mean"]["n"] == len(rows)
    assert 0 < scores["lora:tiny"]["repos"]["octo/app"] < 1
    assert scores["lora:tiny"]["one_for_all"] is None
