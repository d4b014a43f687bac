"""Whole builds against a GitHub, a Gemini and a Hub on the loopback."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from labeler.config import GeminiAccess, environment, read_machine
from labeler.data.dataset import Row, read_dataset
from synthetic import pipeline
from synthetic.cli import main
from synthetic.fetching.fetcher import Wanted as Fetching
from synthetic.llm.asking import Asker
from synthetic.llm.gemini import Gemini
from synthetic.recipe import Recipe
from synthetic.workspace.jsonl import Appender, read_lines
from synthetic.workspace.label_file import place_labels
from synthetic.workspace.records import ANSWERS, DECISIONS, Decision, to_line
from tests.standins.gemini import Asked, GeminiServer, keyword_answer
from tests.standins.github import TOKEN, Answer, serving
from tests.standins.github import GitHub as StandIn
from tests.standins.hub import HubServer
from tests.standins.network import no_network

REPO, PUBLISHED = "octo/hello", "octo/hello-issues"
MODELS = ("gemini-2.5-flash", "gemini-2.5-flash-lite")
LABELS = "- name: crash\n  description: It stops\n- name: docs\n- name: question\n  aliases: [help wanted]\n"
SUBJECTS = [
    *("anvil", "basil", "cedar", "delta", "ember", "fjord", "grove"),
    *("haven", "inlet", "jetty", "koala", "lemon", "mango", "north"),
]


def add_issues(github: StandIn, count: int, first: int = 1) -> None:
    kinds = ("crash", "docs", "question")
    for number in range(first, first + count):
        subject, other = SUBJECTS[number % 14], SUBJECTS[number // 14 % 14]
        text = f"The {subject} of {other} {number} has a {kinds[number % 3]} in part {number * 7}. Mail ann{number}"
        github.add_issue(REPO, number, f"{kinds[number % 3]}: {subject} and {other} {number}", f"{text}@mailhaus.net")


@pytest.fixture
def github() -> Iterator[StandIn]:
    with serving(StandIn()) as running:
        running.add_repository(REPO)
        add_issues(running, 40)
        yield running


@pytest.fixture
def gemini() -> Iterator[GeminiServer]:
    with GeminiServer() as running:
        yield running


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    with HubServer() as running:
        yield running


@pytest.fixture
def folder(
    github: StandIn, gemini: GeminiServer, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    environment = {
        "GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": github.url, "GEMINI_API_KEY": gemini.key, "HF_TOKEN": "hf_writer",
        "GOOGLE_GEMINI_BASE_URL": gemini.url, "HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1,localhost",
    }  # fmt: skip
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    (tmp_path / "labels.yml").write_text(LABELS)
    return tmp_path / "data"


def build(folder: Path, *more: str, models: tuple[str, ...] = MODELS) -> int:
    named = [part for model in models for part in ("--model", model)]
    return main(["build", REPO, "--out", str(folder), "--labels", str(folder.parent / "labels.yml"), *named, *more])


def steps(capsys: pytest.CaptureFixture[str]) -> dict[str, bool]:
    """Step -> whether it was done, of a run with --json."""
    return {one["step"]: not one["skipped"] for one in json.loads(capsys.readouterr().out)["steps"]}


def rows(folder: Path) -> list[Row]:
    return list(read_dataset(folder / "dataset.csv"))


def unsure(asked: Asked) -> object:
    """The second model sets nothing where the number ends in 4."""
    lonely = asked.model == MODELS[1] and "4 has a" in asked.text
    return {"labels": []} if lonely else keyword_answer(asked)


def test_one_command_makes_a_dataset_out_of_a_repository(
    folder: Path, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(folder) == 0
    found = rows(folder)
    assert len(found) == 40
    assert all(row.labels == (row.title.split(":")[0],) for row in found)
    assert {row.annotator for row in found} == {"+".join(MODELS)}
    assert {row.split for row in found} == {"train", "validation", "test"}
    assert len(gemini.asked) == 80
    assert not any("mailhaus" in asked.text for asked in gemini.asked)
    out = capsys.readouterr().out
    for step in ("fetch", "prepare", "annotate", "agreement", "split", "together"):
        assert f"\n{step} " in f"\n{out}"
    assert "next: python -m training run" in out


def test_a_second_run_asks_github_once_and_does_nothing_else(
    folder: Path, github: StandIn, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    build(folder)
    asked, before = len(gemini.seen), len(github.requests)
    capsys.readouterr()
    assert build(folder, "--json") == 0
    done = {"fetch": True, "prepare": False, "annotate": False, "agreement": False, "split": False}
    assert steps(capsys) == done
    assert len(gemini.seen) == asked
    assert len(github.requests) == before + 1


def test_a_new_issue_is_asked_about_and_the_others_are_not_paid_again(
    folder: Path, github: StandIn, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    build(folder)
    tested = {row.id for row in rows(folder) if row.split == "test"}
    add_issues(github, 2, first=41)
    capsys.readouterr()
    assert build(folder, "--json") == 0
    assert all(steps(capsys).values())
    assert len(gemini.asked) == 84
    assert len(rows(folder)) == 42
    assert {row.id for row in rows(folder) if row.split == "test"} >= tested


def test_with_other_labels_it_says_that_the_answers_do_not_count(
    folder: Path, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    build(folder, models=MODELS[:1])
    (folder.parent / "labels.yml").write_text(LABELS.replace("It stops", "It stops or hangs"))
    capsys.readouterr()
    assert build(folder, models=MODELS[:1]) == 0
    assert "40 answers are to another prompt or label list: they stay, and do not count" in capsys.readouterr().err
    assert len(gemini.asked) == 80


def test_a_fetch_that_ends_at_its_limit_says_that_there_are_more_until_there_are_none(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(folder, "--limit", "30", models=MODELS[:1]) == 0
    assert "30 new, 0 changed; there are more" in capsys.readouterr().out
    assert build(folder, models=MODELS[:1]) == 0
    said = capsys.readouterr()
    assert "10 new, 0 changed" in said.out
    assert "there are more" not in said.out + said.err


@pytest.mark.parametrize("answer", [Answer(401, {"message": "Bad credentials"}), Answer(502, b"<html>")])
def test_a_refusal_of_github_says_that_what_was_fetched_is_kept(
    folder: Path, github: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    assert build(folder, "--limit", "30", models=MODELS[:1]) == 0
    github.fail(answer, times=99)
    monkeypatch.setattr("synthetic.fetching.from_github.PATIENCE_SECONDS", 0.1)
    assert build(folder, models=MODELS[:1]) == 1
    assert "What was fetched is kept; the same command goes on from there." in capsys.readouterr().err
    github.faults.clear()
    assert build(folder, models=MODELS[:1]) == 0
    assert len(rows(folder)) == 40


def test_some_of_the_steps_are_done_alone_and_without_fetching_it_says_that_there_are_more(
    folder: Path, github: StandIn, gemini: GeminiServer
) -> None:
    recipe = Recipe(
        place_labels(folder, folder.parent / "labels.yml", print), Fetching(REPO, github.url, limit=30),
        read_machine(environment()), Asker(Gemini(GeminiAccess(gemini.key))),
    )  # fmt: skip
    said: list[str] = []
    built = pipeline.build(folder, recipe, said.append, only=("fetch",))
    assert [one.step for one in built.steps] == ["fetch"]
    assert built.steps[0].made.what == "30 new, 0 changed; there are more"
    asked = len(github.requests)
    built = pipeline.build(folder, recipe, said.append, only=("annotate", "prepare"), on_step=lambda step: None)
    assert [(one.step, one.made.rows) for one in built.steps] == [("prepare", 30)]
    assert said == ["fetch", f"{folder / 'issues.jsonl'}: not all issues are fetched; there are more"]
    assert len(github.requests) == asked
    assert not (folder / "dataset.csv").exists()


def test_a_decision_of_a_person_changes_agreement_and_split_alone(
    folder: Path, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    gemini.compose = unsure
    assert build(folder) == 0
    out = capsys.readouterr().out
    assert "next: python -m synthetic review" in out
    assert len(rows(folder)) == 36
    with Appender(folder / DECISIONS) as file:
        file.write(to_line(Decision(f"{REPO}#4", ("crash", "docs"), "ann", "2026-11-20T00:00:00Z")))
    assert build(folder, "--json") == 0
    done = {"fetch": True, "prepare": False, "annotate": False, "agreement": True, "split": True}
    assert steps(capsys) == done
    assert next(row for row in rows(folder) if row.number == 4).annotator == "person:ann"


def test_a_run_that_broke_off_goes_on_and_pays_for_nothing_twice(folder: Path, gemini: GeminiServer) -> None:
    gemini.fault("daily", text="part 140")
    assert build(folder, models=MODELS[:1]) == 1
    assert not (folder / "dataset.csv").exists()
    assert build(folder, models=MODELS[:1]) == 0
    answered = Counter(line["id"] for line in read_lines(folder / ANSWERS) if line["labels"] is not None)
    assert set(answered.values()) == {1}
    assert len(answered) == len(gemini.answered) == 40


def test_answers_that_are_gone_are_asked_for_again(folder: Path, gemini: GeminiServer) -> None:
    build(folder, models=MODELS[:1])
    lines = (folder / ANSWERS).read_text().splitlines(keepends=True)
    (folder / ANSWERS).write_text("".join(lines[:25]))
    assert build(folder, models=MODELS[:1]) == 0
    assert len(gemini.answered) == 40 + 15
    assert len(rows(folder)) == 40


def test_a_failed_answer_is_tried_again_by_the_next_run(
    folder: Path, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    gemini.fault("safety", text="part 140")
    assert build(folder, models=MODELS[:1]) == 0
    assert "1 failed" in capsys.readouterr().out
    assert build(folder, "--json", models=MODELS[:1]) == 0
    assert steps(capsys)["annotate"]
    assert len(rows(folder)) == 40


def test_a_build_whose_models_label_nothing_ends_there_and_says_so(
    folder: Path, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    gemini.fault("safety", times=40)
    assert build(folder, models=MODELS[:1]) == 1
    said = capsys.readouterr()
    assert "labelled none of 40 issues" in said.err
    assert "SAFETY" in said.err
    assert not (folder / "dataset.csv").exists()
    assert build(folder, models=MODELS[:1]) == 0


def test_the_limit_of_cost_stops_the_build_with_what_there_is(
    folder: Path, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(folder, "--max-cost", "0.012", models=MODELS[:1]) == 0
    out = capsys.readouterr().out
    assert "stopped before --max-cost 0.012" in out
    assert 0 < len(gemini.answered) < 40
    assert not (folder / "dataset.csv").exists()
    assert build(folder, models=MODELS[:1]) == 0
    assert len(rows(folder)) == 40


def test_without_a_model_the_labels_are_the_repositorys_own(
    folder: Path, github: StandIn, gemini: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY")
    for number in range(1, 13):
        github.set_label(REPO, number, "help wanted" if number % 2 else "docs", by="octocat")
    assert build(folder, models=()) == 0
    found = rows(folder)
    assert {row.number: row.labels for row in found} == {n: ("question",) if n % 2 else ("docs",) for n in range(1, 13)}
    assert {row.annotator for row in found} == {"repository"}
    assert not gemini.seen


def test_written_issues_and_publishing_are_part_of_it_where_asked(
    folder: Path, gemini: GeminiServer, hub: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 0

    def compose(asked: Asked) -> object:
        nonlocal count
        if "issues" not in asked.schema["properties"]:
            return keyword_answer(asked)
        written = []
        for _ in range(asked.schema["properties"]["issues"]["maxItems"]):
            count += 1
            body = " ".join(f"{subject}{count * k % 97}" for k, subject in enumerate(SUBJECTS))
            written.append({"title": f"Written {count}", "body": body, "labels": [asked.text.split('"')[1]]})
        return {"issues": written}

    gemini.compose = compose
    more = ("--per-label", "15", "--publish", PUBLISHED, "--private")
    assert build(folder, *more, models=MODELS[:1]) == 0
    out = capsys.readouterr().out
    found = rows(folder)
    written = [row for row in found if row.source == "synthetic"]
    assert {row.split for row in written} == {"train"}
    assert {name for row in written for name in row.labels} == {"crash", "docs", "question"}
    repository = hub.repositories[f"datasets/{PUBLISHED}"]
    assert repository.private
    assert repository.files["dataset.csv"] == (folder / "dataset.csv").read_bytes()
    assert repository.refs["main"][:12] in out
    asked, sent = len(gemini.seen), len(hub.requests)
    assert build(folder, *more, "--json", models=MODELS[:1]) == 0
    assert not any(done for step, done in steps(capsys).items() if step != "fetch")
    assert (len(gemini.seen), len(hub.requests)) == (asked, sent)


def test_a_dry_run_fetches_and_says_what_the_rest_would_cost(
    folder: Path, gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(folder, "--dry-run", "--json") == 0
    found = json.loads(capsys.readouterr().out)["estimate"]
    assert [(one["annotator"], one["requests"]) for one in found] == [(name, 40) for name in MODELS]
    assert all(one["cost"] > 0 for one in found)
    assert not gemini.seen
    assert (folder / "prepared.jsonl").is_file()


def test_a_dry_run_without_a_network_goes_by_the_issues_fetched_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as offline:
        no_network(offline)
        assert build(folder, "--dry-run") == 1
    assert "no network?" in capsys.readouterr().err
    assert build(folder, "--dry-run") == 0
    capsys.readouterr()
    no_network(monkeypatch)
    assert build(folder, "--dry-run", "--json") == 0
    said = capsys.readouterr()
    assert "Going by the issues that were fetched before." in said.err
    assert [one["requests"] for one in json.loads(said.out)["estimate"]] == [40, 40]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["octo", "--out", "x"], "does not name a repository"),
        ([REPO, "--out", "x", "--per-label", "3"], "no --model is given"),
        ([REPO, "--out", "x", "--publish", "nobody"], "no repository on the Hub"),
        ([REPO, "--out", "x"], "labels.yml: missing"),
        ([REPO, "--out", "x", "--model", "gemini-99"], "no price"),
        ([REPO, "--out", "x", "--model", "gemini-2.5-pro"], "no key"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_fetched(
    arguments: list[str], what: str, folder: Path, github: StandIn, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GEMINI_API_KEY")
    labels = [] if "labels.yml" in what else ["--labels", "labels.yml"]
    assert main(["build", *arguments, *labels]) in (1, 2)
    assert what in capsys.readouterr().err
    assert not github.requests


def test_a_damaged_build_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    (folder / "build.json").write_text('{"steps": {"split": {}}}')
    assert build(folder) == 1
    assert "build.json: damaged" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.touch()
    for command in (["build", REPO, "--out", str(folder)], ["prepare", str(folder)]):
        assert main([*command, "--labels", str(folder.parent / "labels.yml")]) == 1
        assert capsys.readouterr().err.startswith(f"error: {folder}")


def test_no_secret_is_in_any_file(folder: Path, gemini: GeminiServer) -> None:
    build(folder, "--publish", PUBLISHED)
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert texts
    for secret in (TOKEN, gemini.key, "hf_writer"):
        assert not any(secret.encode() in text for text in texts)
