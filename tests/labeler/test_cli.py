"""The command line, run in this process on a small real model."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labeler.cli import main
from labeler.console import printing
from labeler.model.bundle import read_manifest, write_manifest
from tests.models import LABELS, write_bundle
from tests.standins.github import TOKEN, GitHub, serving

REPO = "octo/hello"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("cli") / "bundle", name="tiny", version="3")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    with serving() as standin:
        standin.add_repository(REPO, ("bug", "enhancement", "ci/cd"))
        standin.add_issue(REPO, 42, "The application crashes", "when I open a file")
        monkeypatch.setenv("GITHUB_API_URL", standin.url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        yield standin


class Cli:
    """Calls the command line with the tiny bundle; keeps what it printed."""

    def __init__(self, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._bundle, self._capsys = bundle, capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str, model: bool = True) -> int:
        code = main([*arguments, *(["--model", str(self._bundle)] if model else [])])
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def cli(bundle: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(bundle, capsys)


def test_one_issue_prints_its_labels_on_one_line_and_nothing_else(cli: Cli) -> None:
    assert cli("--title", "Crash", "--threshold", "0") == 0
    assert cli.out == ", ".join(LABELS.names) + "\n"
    assert cli.err == ""
    assert cli("--title", "Crash", "--threshold", "1") == 0
    assert cli.out == "\n"


def test_a_language_is_skipped_and_no_option_is_named_that_would_not_help(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "is_terminal", lambda: True)
    text = ("--title", "Absturz", "--body", "Das Fenster ist nicht mehr da und der Knopf auch", "--threshold", "0")
    assert cli(*text, "--skip-languages", "ja,de") == 0
    assert cli.out == "\n"
    assert cli.err == "left alone: language: German is to be skipped\n"
    assert cli(*text, "--skip-languages", "ja") == 0
    assert cli.out == ", ".join(LABELS.names) + "\n"


RULES = """- name: bug
  from: [{field: Type, value: Bug}, {title: "[Bug]"}]
- name: enhancement
  from: {field: Log, pattern: '(a+)+$'}
- ci/cd
"""


def test_a_rule_of_the_labels_file_decides_and_every_output_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "labels.yml").write_text(RULES)
    given = (
        "--title",
        "Crash",
        "--body",
        "### Type\n\nBug\n",
        "--labels",
        str(tmp_path / "labels.yml"),
        "--threshold",
        "1",
    )
    assert cli(*given) == 0
    assert cli.out == "bug\n"
    assert cli(*given, "--json") == 0
    document = json.loads(cli.out)
    assert document["labels"] == ["bug"]
    assert document["told"] == {"bug": "form answer: Type = Bug"}
    assert cli(*given, "--explain-probabilities") == 0
    assert "✓ form answer: Type = Bug" in " ".join(cli.out.split())


def test_a_rule_that_takes_too_long_is_named_on_standard_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "labels.yml").write_text(RULES)
    body = f"### Log\n\n{'a' * 5_000}!"
    assert cli("--title", "Crash", "--body", body, "--labels", str(tmp_path / "labels.yml"), "--threshold", "1") == 0
    assert cli.out == "\n"
    assert "Crash: In the labels file the rule of enhancement (form answer: Log matches (a+)+$)" in cli.err


def test_what_stands_in_the_templates_of_a_checkout_is_not_read(cli: Cli, tmp_path: Path, github: GitHub) -> None:
    (tmp_path / "ISSUE_TEMPLATE.md").write_text("Please read all of this before you go on\n")
    plain, around = ("It fails", "It fails\n\nPlease read all of this before you go on\n")
    found = []
    for body, more in ((plain, ()), (around, ("--templates", str(tmp_path))), (around, ())):
        cli("--title", "Crash", "--body", body, "--json", *more)
        found.append(json.loads(cli.out)["probabilities"])
    assert found[0] == found[1] != found[2]
    assert cli("apply", f"{REPO}#42", "--dry-run", "--templates", str(tmp_path / "nowhere")) == 2
    assert "no folder" in cli.err
    assert cli("apply", f"{REPO}#42", "--dry-run", "--templates", str(tmp_path)) == 0


def test_json_holds_probabilities_thresholds_and_model(cli: Cli) -> None:
    assert cli("--title", "Crash", "--json", "--threshold", "0.3", "--threshold", "bug=0.9") == 0
    document = json.loads(cli.out)
    assert list(document["probabilities"]) == list(LABELS.names)
    assert document["thresholds"]["bug"] == 0.9
    assert document["thresholds"]["ci/cd"] == 0.3
    assert document["model"] == "tiny 3"
    assert document["labels"] == [n for n, p in document["probabilities"].items() if p >= document["thresholds"][n]]


def test_the_explanation_shows_every_label_with_bar_and_numbers(cli: Cli) -> None:
    assert cli("--title", "Crash\x1b[31m", "--explain-probabilities", "--threshold", "0") == 0
    assert all(name in cli.out for name in LABELS.names)
    assert cli.out.count("✓") == len(LABELS)
    assert "\x1b" not in cli.out
    assert cli.out.splitlines()[-2].endswith(" s")


def test_the_explanation_says_how_good_the_model_was_measured_to_be(cli: Cli, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "measured")
    manifest = read_manifest(bundle)
    for metrics, said in (
        ({"test": {"micro_f1": [0.765, 0.7, 0.8], "issues": 2125}}, "micro-F1 0.77 on 2,125 issues new to it"),
        ({"test": {"micro_f1": "good"}}, " s"),
    ):
        write_manifest(bundle, replace(manifest, metrics=metrics))
        assert cli("--model", str(bundle), "--title", "Crash", "--explain-probabilities", model=False) == 0
        assert cli.out.rstrip().endswith(said)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "md"])
def test_files_of_every_kind_are_labelled(cli: Cli, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"issues.{kind}"
    path.write_text(
        {
            "jsonl": '{"title": "Crash", "body": null, "number": 7}\n{"title": "Dark mode", "body": "please"}\n',
            "csv": 'number,title,body\n7,Crash,"two\nlines"\n8,Dark mode,please\n',
            "md": "# Crash\n\nwhen saving\n",
        }[kind]
    )
    assert cli("--file", str(path), "--json") == 0
    titles = [json.loads(line)["title"] for line in cli.out.splitlines()]
    assert titles == (["Crash"] if kind == "md" else ["Crash", "Dark mode"])


def test_many_issues_print_as_tab_separated_lines_where_there_is_no_terminal(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"id": "a", "title": "Crash\\twith a tab"}\n{"id": "b", "title": "Dark"}\n')
    assert cli("--file", str(tmp_path / "x.jsonl"), "--threshold", "bug=0", "--threshold", "1") == 0
    assert cli.out == "a\tbug\tCrash with a tab\nb\tbug\tDark\n"


def test_standard_input_is_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"# Crash\n\nwhen saving"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert cli("-", "--json") == 0
    assert json.loads(cli.out)["title"] == "Crash"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_results_are_written_to_a_file(cli: Cli, tmp_path: Path, kind: str) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "title": "Crash, \\"badly\\""}\n{"id": "b", "title": "Dark"}\n')
    out = tmp_path / f"out.{kind}"
    assert cli("--file", str(tmp_path / "in.jsonl"), "--out", str(out), "--threshold", "0", "--max-labels", "1") == 0
    assert cli.out == ""
    if kind == "csv":
        rows = list(csv.DictReader(out.read_text().splitlines()))
    else:
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a", "b"]
    assert rows[0]["title"] == 'Crash, "badly"'
    assert all(row["labels"] in LABELS.names or row["labels"][0] in LABELS.names for row in rows)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.jsonl", out.name]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_progress_bar_on_the_terminal_leaves_piped_results_alone(bundle: Path, tmp_path: Path) -> None:
    import os
    import pty

    (tmp_path / "x.jsonl").write_text("".join(f'{{"title": "Crash {i}"}}\n' for i in range(200)))
    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "labeler", "--model", str(bundle), "--file", str(tmp_path / "x.jsonl"), "--json"]
    shown = b""

    def watch() -> None:  # somebody must read a terminal, or its writer waits
        nonlocal shown
        with contextlib.suppress(OSError):
            while part := os.read(master, 10_000):
                shown += part

    reader = threading.Thread(target=watch, daemon=True)
    reader.start()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, text=True, check=False, timeout=60)
    os.close(terminal)
    reader.join(5)
    assert done.returncode == 0
    assert [json.loads(line)["title"] for line in done.stdout.splitlines()] == [f"Crash {i}" for i in range(200)]
    assert b"labelling" in shown
    assert b"/200" in shown


def test_the_file_that_is_read_is_not_written(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    path.write_text("title,body\nCrash,text\n")
    assert cli("--file", str(path), "--out", str(path)) == 2
    assert path.read_text() == "title,body\nCrash,text\n"


def test_titles_cannot_act_on_a_spreadsheet_or_a_terminal(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"title": "=1+1 \\u001b[31m"}\n{"title": "b"}\n')
    assert cli("--file", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.csv")) == 0
    assert (
        next(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))["title"]
        == "'=1+1 \N{REPLACEMENT CHARACTER}[31m"
    )
    assert cli("--file", str(tmp_path / "in.jsonl")) == 0
    assert "\x1b" not in cli.out


def test_github_out_of_reach_is_said_soon_and_while_waiting(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("labeler.commands.common.PATIENCE_SECONDS", 1.0)
    assert cli(f"{REPO}#42") == 1
    assert "out of reach" in cli.err
    assert cli("doctor", "--repository", REPO) == 1
    assert cli.out.count("out of reach") == 1


def test_doctor_says_which_labels_the_model_never_met(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "labels.yml").write_text("- bug\n- needs legal review\n")
    assert cli("doctor", "--labels", str(tmp_path / "labels.yml")) == 0
    assert "not tuned on: needs legal review" in cli.out
    (tmp_path / "labels.yml").write_text("- [bug\n")
    assert cli("doctor", "--labels", str(tmp_path / "labels.yml")) == 1
    assert "✗ labels" in cli.out
    assert cli.err == ""


def test_own_labels_are_chosen_from(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "labels.yml").write_text("- name: 'type: bug'\n  aliases: [bug]\n- something else\n")
    assert cli("--title", "Crash", "--json", "--labels", str(tmp_path / "labels.yml")) == 0
    assert list(json.loads(cli.out)["probabilities"]) == ["type: bug", "something else"]


MISTAKES = {
    "no issue": ([], 2, "No issue was given"),
    "two issues": (["o/r#1", "--title", "x"], 2, "More than one"),
    "a body alone": (["--body", "x"], 2, "--body without --title"),
    "an unknown option": (["--tittle", "x"], 2, "unrecognized arguments: --tittle"),
    "a target that is none": (["crash"], 2, "'crash' is no issue"),
    "a threshold over one": (["--title", "x", "--threshold", "1.5"], 2, "not a number from 0 to 1"),
    "a file that is not there": (["--file", "nowhere.jsonl"], 1, "nowhere.jsonl"),
    "a file of another kind": (["--file", "issues.xlsx"], 1, "unknown kind of file"),
    "an out of another kind": (["--title", "x", "--out", "x.xlsx"], 2, "unknown kind of file"),
    "an out nowhere": (["--title", "x", "--out", "nowhere/x.csv"], 1, "cannot be written"),
    "labels that are not there": (["--title", "x", "--labels", "no.yml"], 1, "no.yml"),
    "a threshold for a label that is none": (["--title", "x", "--threshold", "bgu=0.5"], 2, "no label bgu"),
    "an abbreviated option": (["--titl", "x"], 2, "unrecognized arguments: --titl"),
    "a language in words": (["--title", "x", "--skip-languages", "german"], 2, "two letters for each language"),
    "no threads": (["--title", "x", "--threads", "0"], 2, "number from 1 to 256"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_remedy(cli: Cli, mistake: str) -> None:
    arguments, code, message = MISTAKES[mistake]
    assert cli(*arguments) == code
    assert message in cli.err
    assert len(cli.err.strip().splitlines()) >= 2
    assert cli.out == ""


def test_an_unknown_model_lists_the_accepted_forms(cli: Cli) -> None:
    assert cli("--title", "x", "--model", "nope", model=False) == 2
    assert "owner/name@<40-digit commit>" in cli.err


def test_an_issue_on_github_is_fetched_and_labelled(cli: Cli, github: GitHub) -> None:
    assert cli(f"{REPO}#42", "--json") == 0
    document = json.loads(cli.out)
    assert (document["repository"], document["number"], document["title"]) == (REPO, 42, "The application crashes")
    assert not github.writes()


@pytest.mark.parametrize("target", [f"{REPO}#42", f"https://github.com/{REPO}/issues/42#issuecomment-1"])
def test_apply_adds_labels_that_the_repository_has(cli: Cli, github: GitHub, target: str) -> None:
    assert cli("apply", target, "--threshold", "0") == 0
    assert github.labels_of(REPO, 42) == ["bug", "enhancement", "ci/cd"]
    assert "added: bug, enhancement, ci/cd" in cli.out
    assert cli.out.count("✓") == 3
    assert f"The repository lacks {len(LABELS) - 3} of the list's labels" in cli.err
    assert f"labels sync {REPO}" in cli.err


def test_a_dry_run_writes_nothing(cli: Cli, github: GitHub) -> None:
    assert cli("apply", f"{REPO}#42", "--threshold", "0", "--dry-run") == 0
    assert not github.writes()
    assert "would add: bug, enhancement, ci/cd" in cli.out


def test_apply_without_a_token_says_which_to_set(cli: Cli) -> None:
    assert cli("apply", f"{REPO}#42") == 2
    assert "GITHUB_TOKEN" in cli.err


def test_info_shows_name_labels_and_size(cli: Cli) -> None:
    assert cli("info") == 0
    assert "tiny 3" in cli.out
    assert all(name in cli.out for name in LABELS.names)
    assert cli("info", "--json") == 0
    assert json.loads(cli.out)["name"] == "tiny"


def test_doctor_finds_nothing_to_mend_where_all_is_well(cli: Cli, github: GitHub) -> None:
    github.add_repository(REPO, LABELS.names)
    assert cli("doctor", "--repository", REPO) == 0
    assert "Nothing to mend." in cli.out
    assert "8 of 8 labels" in cli.out
    assert TOKEN not in cli.out + cli.err


def test_doctor_names_absent_labels_and_bad_tokens_and_exits_with_1(
    cli: Cli, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("doctor", "--repository", REPO) == 0
    assert "Never set: area/api" in cli.out
    monkeypatch.setenv("GITHUB_TOKEN", "wrong")
    assert cli("doctor", "--repository", REPO) == 1
    assert "✗ token" in cli.out


@pytest.mark.parametrize(
    ("facts", "said", "remedy"),
    [
        ({"archived": True}, "is archived", "Unarchive it"),
        ({"disabled": True}, "is disabled by GitHub", "GitHub's support"),
        ({"has_issues": False}, "has issues switched off", "Switch them on"),
    ],
)
def test_doctor_says_where_a_repositorys_own_state_stands_in_the_way(
    cli: Cli, github: GitHub, facts: dict[str, bool], said: str, remedy: str
) -> None:
    github.repositories[REPO].facts |= facts
    assert cli("doctor", "--repository", REPO) == 1
    assert f"✗ repository {REPO} {said}" in cli.out
    assert remedy in cli.out
    assert "1 to mend" in cli.out


def test_doctor_says_what_is_wrong_with_a_model(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("doctor", "--model", str(tmp_path / "empty"), model=False) == 1
    assert "✗ model" in cli.out
    assert "bundle.json: missing" in cli.out


def test_cache_key_prints_step_outputs(cli: Cli) -> None:
    assert cli("cache-key", "--model", "o/n@" + "a" * 40, "--system", "Linux", model=False) == 0
    assert cli.out.startswith("key=issue-labeler-Linux-aaaa")


def test_a_bug_exits_with_3_and_versions(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("labeler.decision.labelled.decide", broken)
    assert cli("--title", "x") == 3
    assert "ZeroDivisionError: on purpose" in cli.err
    assert "This is a bug" in cli.err


@pytest.mark.parametrize("command", ["", "label", "apply", "info", "doctor", "fetch", "action", "cache-key"])
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "labeler", *command.split(), "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "usage: python -m labeler" in done.stdout
    assert "example" in done.stdout or command in ("action", "")
