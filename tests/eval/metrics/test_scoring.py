from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score

from eval.cli import main

NAMES = ("bug", "enhancement", "documentation", "question", "aws", "ci/cd", "testing", "release")
NAMES += ("gcp", "azure", "security", "performance", "ux/ui", "maintenance", "configuration", "dependency-update")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = "\n".join(f"- {name}" for name in NAMES[:-1])
    (tmp_path / "labels.yml").write_text(f"{lines}\n- name: {NAMES[-1]}\n  aliases: [deps]\n")
    return tmp_path


def write(folder: Path, rows: Sequence[Any], name: str = "answers.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def run(folder: Path, rows: Sequence[Any], *options: str) -> int:
    return main(["score", str(write(folder, rows)), "--labels", str(folder / "labels.yml"), *options])


def figures(folder: Path, rows: Sequence[Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    assert run(folder, rows, "--json") == 0
    return json.loads(capsys.readouterr().out, parse_constant=refuse)


def row(labels: Sequence[str], prediction: str, **more: Any) -> dict[str, Any]:
    return {"labels": list(labels), "prediction": prediction, **more}


def answers(n: int, true: int, hits: int, predicted: int) -> list[dict[str, Any]]:
    """n well-formed answers with those totals, spread as evenly as they go."""

    def share(total: int, issue: int) -> int:
        return total * (issue + 1) // n - total * issue // n

    rows = []
    for issue in range(n):
        labels = NAMES[: share(true, issue)]
        hit = min(share(hits, issue), len(labels))
        extra = NAMES[len(labels) :][: share(predicted - hits, issue)]
        rows.append(row(labels, ", ".join([*labels[:hit], *extra])))
    return rows


@pytest.mark.parametrize(
    ("n", "hits", "predicted", "true", "published"),
    [(137, 218, 1047, 370, (18.18, 20.82, 58.92, 30.77)), (157, 280, 429, 431, (48.28, 65.27, 64.97, 65.12))],
)
def test_the_reference_projects_published_figures_follow_from_its_counts(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    n: int,
    hits: int,
    predicted: int,
    true: int,
    published: tuple[float, ...],
) -> None:
    broken = [row(["bug"], "```json\n[]\n```")] * 20
    (system,) = figures(folder, [*answers(n, true, hits, predicted), *broken], capsys)["systems"]
    well = system["well_formed"]
    found = [well[name] for name in ("jaccard_pooled", "micro_precision", "micro_recall", "micro_f1")]
    assert tuple(round(100 * figure["value"], 2) for figure in found) == published
    assert {figure["n"] for figure in found} == {n}
    assert system["malformed"] | {"outside": 0} == {
        "n": n + 20,
        "format": 20,
        "strict": 20,
        "empty": 0,
        "empty_unlabelled": 0,
        "outside": 0,
    }
    assert system["all_rows"]["micro_recall"]["value"] == pytest.approx(hits / (true + 20))


def test_names_outside_the_list_count_as_wrong_and_beside_that_for_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference's published table passes over such names: its counts give its figures however many there are."""
    rows = answers(157, 431, 280, 429)
    for i, one in enumerate(rows[:60]):
        one["prediction"] = ", ".join(filter(None, [one["prediction"], "moon", *["wontfix"] * (i < 13)]))
    (system,) = figures(folder, [*rows, *[row(["bug"], "{}")] * 20], capsys)["systems"]
    published = {"micro_precision": 65.27, "micro_recall": 64.97, "micro_f1": 65.12, "jaccard_pooled": 48.28}
    ignored, wrong = system["well_formed_listed"], system["well_formed"]
    assert {name: round(100 * figure["value"], 2) for name, figure in ignored.items()} == published
    assert wrong["micro_precision"]["value"] == pytest.approx(280 / (429 + 73))
    assert wrong["micro_recall"] == ignored["micro_recall"]
    assert ignored["micro_f1"]["low"] < ignored["micro_f1"]["value"] < ignored["micro_f1"]["high"]
    assert system["all_rows_listed"]["micro_precision"]["value"] == pytest.approx(280 / 429)
    assert system["all_rows_listed"]["micro_recall"]["value"] == pytest.approx(280 / 451)
    assert system["all_rows"]["micro_precision"]["value"] == pytest.approx(280 / 502)
    assert system["malformed"]["outside"] == 73
    assert run(folder, [*rows, *[row(["bug"], "{}")] * 20]) == 0
    out = capsys.readouterr().out
    blocks = re.findall(r"names outside: (wrong|ignored) *\nmicro-precision +(\S+)", out)
    assert blocks == [("wrong", "0.558"), ("ignored", "0.653")] * 2
    assert "Compare figures that are by the same rule." in " ".join(out.split())
    assert run(folder, [row(["bug"], "bug, aws")], "--markdown", "-") == 0
    assert "ignored" not in capsys.readouterr().out  # where both rules say the same


def test_every_figure_of_a_small_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        row(["bug", "aws"], "bug, AWS"),
        row(["bug"], "bug, wontfix, moon"),
        row([], ""),
        row(["deps"], ""),
        row(["question"], "```question```"),
    ]
    (system,) = figures(folder, rows, capsys)["systems"]
    everywhere = {name: figure["value"] for name, figure in system["all_rows"].items()}
    assert system["system"] == "answers"
    assert everywhere == {
        "micro_precision": pytest.approx(4 / 6),
        "micro_recall": pytest.approx(4 / 5),
        "micro_f1": pytest.approx(8 / 11),
        "jaccard_pooled": pytest.approx(4 / 7),
        "jaccard_mean": pytest.approx((1 + 1 / 3 + 1 + 0 + 1) / 5),
        "exact_match": pytest.approx(3 / 5),
        "macro_f1": pytest.approx(3 / 16),
    }
    assert system["well_formed"]["micro_precision"]["value"] == pytest.approx(3 / 5)
    assert system["well_formed"]["micro_precision"]["n"] == 2
    listed = {name: figure["value"] for name, figure in system["all_rows_listed"].items()}
    assert listed == {
        "micro_precision": 1.0,
        "micro_recall": pytest.approx(4 / 5),
        "micro_f1": pytest.approx(8 / 9),
        "jaccard_pooled": pytest.approx(4 / 5),
        "jaccard_mean": pytest.approx(4 / 5),
        "exact_match": pytest.approx(4 / 5),
    }
    assert system["well_formed_listed"]["micro_precision"]["value"] == 1.0
    malformed = {"n": 5, "format": 3, "strict": 4, "empty": 2, "empty_unlabelled": 1, "outside": 2}
    assert system["malformed"] == malformed
    means = [system[f"{name}_an_issue"] for name in ("true", "labels", "extra", "missing")]
    assert means == pytest.approx([1.0, 6 / 5, 2 / 5, 1 / 5])
    assert [(f["name"], f["support"], f["predicted"]) for f in system["labels"] if f["support"]] == [
        ("bug", 2, 2),
        ("question", 1, 1),
        ("aws", 1, 1),
        ("dependency-update", 1, 0),
    ]
    assert system["probabilities"] is None


def test_probabilities_are_a_list_or_an_object_and_may_be_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sure = [0.9] + [0.0] * 15
    rows = [
        row(["bug"], "bug", probabilities=sure),
        row([], "bug", probabilities=dict(zip((name.upper() for name in NAMES), sure, strict=True))),
        row(["aws"], "bug", probabilities=[0] * 4 + [1] + [0] * 11),
        row(["bug"], "bug"),
    ]
    (system,) = figures(folder, rows, capsys)["systems"]
    found = system["probabilities"]
    assert found["n"] == found["mean_average_precision"]["n"] == 3
    assert found["mean_average_precision"]["value"] == pytest.approx((0.5 + 1) / 2)
    assert found["brier"] == pytest.approx((0.1**2 + 0.9**2) / 48)
    assert found["calibration_error"] == pytest.approx((0.9 + 0.9 + 1 - 2) / 48)


def test_a_probability_of_a_label_that_the_source_does_not_use_is_null_and_counts_nowhere(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(["bug"], "bug", probabilities=[0.5] + [None] * 15), row([], "", probabilities=[0.1] * 16)]
    (system,) = figures(folder, rows, capsys)["systems"]
    assert system["probabilities"]["brier"] == pytest.approx((0.5**2 + 16 * 0.1**2) / 17)


def test_where_no_label_is_true_there_is_no_mean_average_precision(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (system,) = figures(folder, [row([], "bug", probabilities=[0.5] * 16)], capsys)["systems"]
    assert system["probabilities"]["mean_average_precision"]["value"] is None


def test_systems_are_tested_in_pairs_on_the_issues_they_share(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(["bug"], "aws" if i % 2 else "bug", system="base", id=i) for i in range(60)]
    rows += [row(["bug"], "bug, moon" if i % 4 == 1 else "bug", system="tuned", id=str(i)) for i in range(20, 80)]
    rows += [row(["bug"], "bug", system="alone")]
    assert run(folder, rows, "--json") == 0
    captured = capsys.readouterr()
    (pair,) = json.loads(captured.out)["paired"]
    assert (pair["system"], pair["against"], pair["n"]) == ("tuned", "base", 40)
    found = pair["differences"]["micro_f1"]
    assert found["value"] == pytest.approx(2 * 40 / (40 + 50) - 0.5)
    assert 0 < found["low"] < found["value"] < found["high"]
    assert found["p"] < 0.01
    assert captured.err == "note: no paired test where no id is shared with base\n"


def test_the_reference_projects_own_file_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"index": 0, "title": "t", "actual_labels": ["bug"], "predicted_labels": said, "model_name": name}
        for name, said in (("base", "bug, aws"), ("fine_tuned", "bug"))
    ]
    path = folder / "model_evaluation_results.json"
    path.write_text(json.dumps(rows, indent=2))
    assert main(["score", str(path), "--labels", str(folder / "labels.yml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(s["system"], s["all_rows"]["micro_precision"]["value"]) for s in found["systems"]] == [
        ("base", 0.5),
        ("fine_tuned", 1.0),
    ]
    assert found["paired"][0]["n"] == 1


@pytest.mark.parametrize(
    ("rows", "place", "what"),
    [
        ([row([], "bug"), "{"], ":2: not valid JSON", "one JSON object a line"),
        (['[{"labels": [],\n "prediction": }]'], ":2: not valid JSON", "one JSON object a line"),
        (["[" * 100_000], ":1: not valid JSON", ""),
        (["\n7"], ":2: not an object", '{"labels"'),
        ([{"prediction": "bug"}], ":1: labels: missing", "true labels"),
        ([{"labels": []}], ":1: prediction: missing", '""'),
        ([row([], ""), row(["bug"], None)], ":2: prediction: missing", '""'),
        ([row([], ["bug"])], ":1: prediction: of type list", "as text"),
        ([{"labels": "bug", "prediction": ""}], ":1: labels: of type str", '["bug"]'),
        ([row([7], "")], ":1: labels: not all of them text", '["bug"]'),
        ([row(["bug", "mo\x1bon"], "")], ":1: labels: 'mo�on' is not in the labels file", "bug, enhancement"),
        ([row([], "", system=7)], ":1: system: of type int", "as text"),
        ([row([], "", id=True)], ":1: id: of type bool", "whole number"),
        ([row([], "", id=1), row([], "", id="1")], ":2: id: '1' is answered at", ":1 already"),
        ([row([], "", id=1), row(["bug"], "", id=1, system="b")], ":2: labels: not those of the same issue", ":1"),
        ([row([], "", probabilities=0.5)], ":1: probabilities: of type float", "from 0 to 1"),
        ([row([], "", probabilities=[0.5])], ":1: probabilities: 1 of them for 16 labels", "in its order"),
        ([row([], "", probabilities={"bug": 1})], ":1: probabilities: none for enhancement", "each label"),
        ([row([], "", probabilities=[0.5] * 15 + [1.5])], ":1: probabilities: 1.5 for dependency-update", "0 to 1"),
        ([row([], "", probabilities=[float("nan")] * 16)], ":1: probabilities: nan for bug", "from 0 to 1"),
        ([row([], "", probabilities=[True] * 16)], ":1: probabilities: True for bug", "from 0 to 1"),
        (["", " "], ": no answers", "one JSON object a line"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_field(
    folder: Path, capsys: pytest.CaptureFixture[str], rows: Sequence[Any], place: str, what: str
) -> None:
    assert run(folder, rows) == 1
    captured = capsys.readouterr()
    assert f"answers.jsonl{place}" in captured.err
    assert what in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_the_table_fits_a_terminal_and_states_every_n(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    systems = ("base", "tuned", "[bold]other", "a fourth")
    rows = [row(["bug"], "bug" if i > 3 else "", system=s, id=i) for s in systems for i in range(1000)]
    assert run(folder, rows, "--per-label") == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert len(re.findall(r"all answers, n +1,000 +1,000$", out, re.MULTILINE)) == 2
    assert "well-formed only, n" in out
    assert "shared issues, n" in out
    assert "[bold]other: labels, n = 1,000" in out
    assert re.search(r"^format +4 \(0\.4%\) +4 \(0\.4%\)$", out, re.MULTILINE)


def test_markdown_goes_to_a_file_or_to_stdout_and_shows_names_literally(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(["bug"], "bug", system="a|b <img> @octocat `x`\n# y", id=1), row([], "", system="second", id=1)]
    rows[1]["labels"] = ["bug"]
    target = folder / "report.md"
    assert run(folder, rows, "--markdown", str(target)) == 0
    assert "micro-F1" in capsys.readouterr().out
    assert run(folder, rows, "--markdown", "-", "--per-label") == 0
    out = capsys.readouterr().out
    assert out.startswith(target.read_text(encoding="utf-8").split("\n\nIn brackets")[0])
    for mark in ("<img>", "@octocat", "`x`", "\n# y"):
        assert mark not in out
    tables = [block for block in out.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert list(folder.glob(".*partial")) == []


def test_stdout_has_room_for_one_form_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, [row([], "")], "--json", "--markdown", "-") == 2
    assert "both want stdout" in capsys.readouterr().err
    assert run(folder, [row([], "")], "--markdown", str(folder / "no" / "such.md")) == 1
    assert "such.md: cannot be written" in capsys.readouterr().err


def test_pooled_f1_over_listed_names_equals_scikit_learns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [(NAMES[i % 7 : i % 7 + i % 3], NAMES[i % 5 : i % 5 + 2]) for i in range(50)]
    found = figures(folder, [row(true, ", ".join(said)) for true, said in sets], capsys)
    arrays = [[[name in names for name in NAMES] for names in side] for side in zip(*sets, strict=True)]
    everywhere = found["systems"][0]["all_rows"]
    for average in ("micro", "macro"):
        expected = f1_score(*arrays, average=average, zero_division=0)
        assert everywhere[f"{average}_f1"]["value"] == pytest.approx(expected)
        assert everywhere[f"{average}_f1"]["low"] < expected < everywhere[f"{average}_f1"]["high"]
