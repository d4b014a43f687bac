"""What all four programs share: a misspelt word is told what was meant, every program tells its version."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from labeler.console.command_line import CPU_TORCH

PROGRAMS = ("labeler", "synthetic", "eval", "training")


def run(program: str, *given: str) -> int:
    code: int = importlib.import_module(f"{program}.cli").main(given)
    return code


@pytest.mark.parametrize(
    ("program", "given", "meant"),
    [
        ("labeler", "labl", "label"),
        ("labeler", "aply o/r#1", "apply"),
        ("labeler", "docter", "doctor"),
        ("labeler", "labl --title Crash", "label"),
        ("labeler", "--tilte Crash", "--title"),
        ("labeler", "--tilte=Crash", "--title"),
        ("labeler", "-title Crash", "--title"),
        ("labeler", "apply o/r#1 --dryrun", "--dry-run"),
        ("synthetic", "biuld", "build"),
        ("synthetic", "build o/r --lables labels.yml", "--labels"),  # --out is missing too, and not what is wrong
        ("eval", "comapre", "compare"),
        ("eval", "few_labels", "few-labels"),
        ("eval", "score answers.jsonl --label labels.yml", "--labels"),
        ("training", "runn", "run"),
        ("training", "run --dta data", "--data"),
        ("training", "vocabulary report --tokeniser tokenizer.json", "--tokenizer"),  # a command within a command
    ],
)
def test_a_misspelt_word_is_told_what_was_meant(
    program: str, given: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(program, *given.split()) == 2
    assert f"Did you mean {meant}? " in capsys.readouterr().err


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_word_near_to_none_is_wrong_usage_without_a_guess(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("zzzzzz", "--zzzzzz"):
        assert run(program, word) == 2
        said = capsys.readouterr().err
        assert word in said
        assert "Did you mean" not in said
        assert len(said.splitlines()) == 2


@pytest.mark.parametrize("given", [["--title", "x", "--body", "-v is not known"], ["--title", "--  two dashes"]])
def test_text_that_begins_with_a_dash_is_no_option(given: list[str], taught: Path) -> None:
    assert run("labeler", *given, "--model", str(taught)) == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_tells_the_version_that_pyproject_names(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(program, "--version")
    assert left.value.code == 0
    pyproject = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'(?m)^version = "(.+)"$', pyproject)
    assert version
    assert capsys.readouterr().out == f"issue-labeler {version[1]}\n"


@pytest.mark.parametrize(
    ("program", "given", "module", "remedy"),
    [
        ("labeler", "--title Crash", "onnxruntime", "pip install -e ."),
        ("training", "starter --data {} --base {} --out {}/run", "torch", CPU_TORCH),
    ],
)
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    program: str, given: str, module: str, remedy: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    command = importlib.import_module(f"{program}.commands.{'label' if program == 'labeler' else 'starter'}")

    def without(*_: object) -> int:
        raise ModuleNotFoundError(f"No module named '{module}'", name=module)

    monkeypatch.setattr(command, "run", without)
    assert run(program, *given.format(*[tmp_path] * 3).split()) == 1
    said = capsys.readouterr().err
    assert f"needs {module}, which is not installed" in said
    assert remedy in said


def write_two_files(folder: Path) -> tuple[str, str]:
    first, second = folder / "first.jsonl", folder / "second.csv"
    first.write_text('{"title": "Crash"}\n{"title": "Dark mode"}\n', encoding="utf-8")
    second.write_text("number,title,body\n7,A question,How?\n", encoding="utf-8")
    return str(first), str(second)


def test_several_files_are_read_in_turn_and_every_result_says_which(
    taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = write_two_files(tmp_path)
    given = ["--model", str(taught), "--file", first, "--file", second]
    assert run("labeler", *given, "--json") == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = [(first, "Crash"), (first, "Dark mode"), (second, "A question")]
    assert [(one["file"], one["title"]) for one in documents] == expected
    assert run("labeler", *given) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(row[0], row[-1]) for row in rows] == expected
    assert run("labeler", *given, "--explain-probabilities") == 0
    shown = capsys.readouterr().out
    assert shown.index(Path(second).name) > shown.index("Dark mode")


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl"])
def test_the_file_that_is_written_says_of_several_files_which(taught: Path, tmp_path: Path, out: str) -> None:
    import csv

    first, second = write_two_files(tmp_path)
    written = tmp_path / out
    given = ["--model", str(taught), "--out", str(written)]
    assert run("labeler", *given, "--file", first, "--file", second) == 0
    lines = written.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines)) if out.endswith("csv") else [json.loads(line) for line in lines]
    assert [row["file"] for row in rows] == [first, first, second]
    assert run("labeler", *given, "--file", first) == 0
    assert "file" not in written.read_text(encoding="utf-8").splitlines()[0]


def test_none_of_several_files_is_written(taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = write_two_files(tmp_path)
    assert run("labeler", "--file", first, "--file", second, "--out", second, "--model", str(taught)) == 2
    assert "the file that is read" in capsys.readouterr().err
