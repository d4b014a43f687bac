"""Whole runs of `python -m synthetic annotate` against the loopback service: resume, money, kills, secrets."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthetic.cli import main
from synthetic.workspace.jsonl import read_lines, write_lines
from synthetic.workspace.records import ANSWERS, PREPARED, Answer, Prepared, from_line, to_line
from tests.standins.gemini import GeminiServer

ROOT = Path(__file__).parents[3]
LABELS = "- name: bug\n  description: Something is broken\n- docs\n- crash\n"
MODEL = "gemini-2.5-flash"
Run = Callable[..., int]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    with GeminiServer() as running:
        for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("GEMINI_API_KEY", running.key)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", running.url)
        yield running


def working_folder(path: Path, count: int = 6) -> Path:
    words = ("a bug here", "the docs", "a crash", "nothing of note")
    issues = [
        Prepared(f"o/n#{n}", "o/n", n, f"{words[n % 4]} {n}", f"body of issue {n}.", (), f"o/n#{n}")
        for n in range(1, count + 1)
    ]
    write_lines(path / PREPARED, map(to_line, issues))
    (path / "labels.yml").write_text(LABELS, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return working_folder(tmp_path / "work")


def annotate(folder: Path, *options: str, models: tuple[str, ...] = (MODEL,)) -> int:
    named = [part for model in models for part in ("--model", model)]
    return main(["annotate", str(folder), *named, *options])


def answers(folder: Path) -> list[Answer]:
    return [from_line(Answer, line) for line in read_lines(folder / ANSWERS)]


def test_every_issue_gets_an_answer_of_every_annotator(folder: Path, server: GeminiServer) -> None:
    assert annotate(folder, "--samples", "2", models=(MODEL, "gemini-2.5-pro")) == 0
    found = answers(folder)
    names = {MODEL, f"{MODEL}/2", "gemini-2.5-pro", "gemini-2.5-pro/2"}
    assert Counter((one.id, one.annotator) for one in found) == {
        (f"o/n#{n}", name): 1 for n in range(1, 7) for name in names
    }
    assert {one.labels for one in found if one.id == "o/n#1"} == {("docs",)}
    assert {one.labels for one in found if one.id == "o/n#3"} == {()}
    assert len({one.prompt for one in found}) == 1
    assert all(one.at and one.cost > 0 for one in found)


def test_a_second_run_asks_nothing(folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]) -> None:
    annotate(folder)
    assert annotate(folder) == 0
    assert len(server.asked) == 6
    assert "6 answers are there already" in capsys.readouterr().err


def test_other_labels_are_another_question(folder: Path, server: GeminiServer) -> None:
    annotate(folder)
    (folder / "labels.yml").write_text(LABELS + "- question\n", encoding="utf-8")
    annotate(folder)
    assert len(server.asked) == 12


def test_failures_are_recorded_and_tried_again_in_the_next_run(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fault("safety", text="issue 2.")
    server.fault("outside", times=3, text="issue 4.")
    assert annotate(folder) == 0
    failed = {one.id: one.error for one in answers(folder) if one.labels is None}
    assert failed.keys() == {"o/n#2", "o/n#4"}
    assert "4 answers, 2 failures" in capsys.readouterr().out
    assert annotate(folder) == 0
    assert "2 that failed before are tried again" in capsys.readouterr().err
    good = [one.id for one in answers(folder) if one.labels is not None]
    assert sorted(good) == [f"o/n#{n}" for n in range(1, 7)]
    assert annotate(folder) == 0
    assert len(good) == len([one for one in answers(folder) if one.labels is not None])


def test_limit_and_only_narrow_the_issues(folder: Path, server: GeminiServer, tmp_path: Path) -> None:
    annotate(folder, "--limit", "2", "--samples", "2")
    assert sorted((one.id, one.annotator) for one in answers(folder)) == [
        (f"o/n#{n}", name) for n in (1, 2) for name in (MODEL, f"{MODEL}/2")
    ]
    picked = tmp_path / "picked.json"
    picked.write_text('["o/n#5", "o/n#1"]', encoding="utf-8")
    annotate(folder, "--only", str(picked))
    assert {one.id for one in answers(folder)} == {"o/n#1", "o/n#2", "o/n#5"}
    annotate(folder, "--limit", "1")
    assert {one.id for one in answers(folder)} == {"o/n#1", "o/n#2", "o/n#3", "o/n#5"}


@pytest.mark.parametrize(
    ("text", "said"), [("{}", "not a list"), ("[1]", "not a list"), ("nonsense", "not a JSON"), ('["x"]', "None of")]
)
def test_a_wrong_list_of_issues_says_so(
    folder: Path, server: GeminiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    picked = tmp_path / "picked.json"
    picked.write_text(text, encoding="utf-8")
    assert annotate(folder, "--only", str(picked)) == 1
    assert said in capsys.readouterr().err
    assert annotate(folder, "--only", str(tmp_path / "missing")) == 1
    assert "missing: cannot be read: No such file" in capsys.readouterr().err


def test_a_dry_run_sends_nothing_and_shows_request_and_cost(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    assert (
        annotate(
            folder, "--dry-run", "--json", "--price", f"{MODEL}=1,10", "--price", "2,20", models=(MODEL, "gemini-new")
        )
        == 0
    )
    shown = json.loads(capsys.readouterr().out)
    body = shown["request"]["body"]
    assert body["generationConfig"]["responseJsonSchema"]["required"] == ["labels"]
    assert "body of issue 1." in body["contents"][0]["parts"][0]["text"]
    first, second = shown["estimate"]
    assert first["requests"] == 6
    assert first["cost"] == pytest.approx((first["prompt"] * 1 + first["made"] * 10) / 1e6)
    assert first["batched"] == pytest.approx(first["cost"] / 2)
    assert second["cost"] == pytest.approx(2 * first["cost"])
    assert not (folder / ANSWERS).exists()


def test_in_a_narrow_terminal_the_estimate_shows_names_and_figures_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    models = ("gemini-2.5-flash-lite", "gemini-3.1-pro-preview")
    assert annotate(folder, "--dry-run", models=models) == 0
    out = capsys.readouterr().out
    for name in models:
        assert re.search(rf"^{name} .* \$0\.\d\d +\$0\.\d\d$", out, re.MULTILINE)
        assert re.search(rf"^price read 2026-\d\d-\d\d; no explicit cache:\s+{name} has none", out, re.MULTILINE)


def test_an_estimate_rests_on_answers_once_there_are_enough(
    tmp_path: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = working_folder(tmp_path, 60)
    server.thoughts = 33
    annotate(folder, "--limit", "30")
    capsys.readouterr()
    annotate(folder, "--dry-run", "--json")
    (row,) = json.loads(capsys.readouterr().out)["estimate"]
    assert row["measured"]
    assert 33 * 30 < row["made"] < 43 * 30
    annotate(folder)
    spent = sum(one.cost for one in answers(folder)[30:])
    assert row["cost"] == pytest.approx(spent, rel=0.05)


def test_an_unknown_model_asks_for_its_price(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(folder, models=("gemini-new",)) == 2
    assert "--price gemini-new=IN,OUT" in capsys.readouterr().err


def test_the_limit_of_cost_is_never_passed(
    tmp_path: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = working_folder(tmp_path, 60)
    server.thoughts = 1000
    assert annotate(folder, "--max-cost", "0.06", "--price", f"{MODEL}=0.1,2.5") == 0
    spent = sum(one.cost for one in answers(folder))
    assert 0.045 < spent <= 0.06
    assert len(answers(folder)) == len(server.answered) < 60
    assert "stopped before --max-cost 0.06 is exceeded" in capsys.readouterr().out
    assert annotate(folder) == 0
    assert len(answers(folder)) == 60


def test_what_ends_a_run_is_said_and_what_was_answered_is_kept(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fault("daily", text="issue 3.")
    assert annotate(folder, "--concurrency", "1") == 1
    assert "day's quota" in capsys.readouterr().err
    assert [one.id for one in answers(folder)] == ["o/n#1", "o/n#2"]


def test_requests_run_side_by_side_up_to_the_concurrency(folder: Path, server: GeminiServer) -> None:
    server.fault("slow", times=6, seconds=0.2)
    started = time.monotonic()
    annotate(folder, "--concurrency", "3")
    assert server.most_at_once == 3
    assert time.monotonic() - started < 1.1


def test_a_long_instruction_is_cached_and_dropped_where_it_pays(
    tmp_path: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = working_folder(tmp_path, 30)
    listed = "".join(f"- name: label {n}\n  description: {'a long description of it ' * 4}\n" for n in range(120))
    (folder / "labels.yml").write_text(listed, encoding="utf-8")
    assert annotate(folder, models=("gemini-2.5-pro",)) == 0
    assert "the instruction is cached: for gemini-2.5-pro it saves about $" in capsys.readouterr().err
    assert all("systemInstruction" not in one.body and one.instruction for one in server.asked)
    assert server.caches == {}
    assert len(server.deleted_caches) == 1
    assert all(one.tokens is not None and one.tokens["cached"] > 3000 for one in answers(folder))
    server.caches.clear()
    annotate(folder, models=(MODEL,))
    assert len(server.deleted_caches) == 1


def test_a_cache_that_has_gone_is_done_without(tmp_path: Path, server: GeminiServer) -> None:
    from labeler.config import GeminiAccess
    from labeler.labels.label_set import Label, LabelSet
    from labeler.text.issue import Issue
    from synthetic.llm.annotator import Annotator
    from synthetic.llm.asking import Asker
    from synthetic.llm.cost import Price
    from synthetic.llm.gemini import Gemini

    asker = Asker(Gemini(GeminiAccess(server.key, server.url)))
    one = Annotator(MODEL, LabelSet((Label("bug"),)), Price(MODEL, 1.0, 1.0), asker)
    assert one.label(Issue("bug"), cached="cachedContents/gone").labels == ("bug",)


def test_without_prepared_issues_or_labels_the_next_step_is_named(
    tmp_path: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(tmp_path) == 1
    assert "--labels FILE" in capsys.readouterr().err
    given = tmp_path / "given.yml"
    given.write_text(LABELS, encoding="utf-8")
    assert annotate(tmp_path, "--labels", str(given)) == 1
    assert "python -m synthetic prepare" in capsys.readouterr().err
    assert (tmp_path / "labels.yml").read_text(encoding="utf-8") == LABELS


def test_the_key_is_in_no_file_and_no_output(
    folder: Path, server: GeminiServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.fault("overloaded", times=2)
    server.fault("safety")
    annotate(folder, "--dry-run")
    annotate(folder)
    annotate(folder, "--batch")
    server.fault("bad key")
    (folder / "labels.yml").write_text("- bug\n", encoding="utf-8")
    assert annotate(folder) == 1
    said = capfd.readouterr()
    assert server.key not in said.out + said.err
    for path in folder.rglob("*"):
        assert server.key.encode() not in path.read_bytes()


# A process that has imported everything and forks one command for each line it reads: killing that is killing a real
# command, without two seconds of imports each.
FORKER = """
import json, os, sys
import datasketch
from google import genai
from google.genai import types
from synthetic import pipeline
from synthetic.annotating import annotation
from synthetic.llm import batch, cost, estimate, gemini
from synthetic.cli import main
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ.update(asked["environ"])
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(main(asked["arguments"]))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Forker:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", FORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )

    def start(self, server: GeminiServer, *arguments: str) -> int:
        assert self._process.stdin is not None
        environ = {"GEMINI_API_KEY": server.key, "GOOGLE_GEMINI_BASE_URL": server.url}
        self._process.stdin.write(json.dumps({"environ": environ, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        return self._number()

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(self._number())

    def _number(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    one = Forker()
    yield one
    one.close()


def test_kills_at_random_moments_lose_nothing_and_pay_twice_only_what_was_under_way(
    tmp_path: Path, server: GeminiServer, forker: Forker
) -> None:
    folder = working_folder(tmp_path, 150)
    server.fault("slow", times=10_000, seconds=0.01)
    command = ("annotate", str(folder), "--model", MODEL, "--samples", "2", "--concurrency", "4")
    rng = random.Random(3)
    for _ in range(12):
        before = len(server.asked)
        child = forker.start(server, *command)
        end = time.monotonic() + 20
        while len(server.asked) == before and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.06))
        os.kill(child, signal.SIGKILL)
        assert forker.wait() == -signal.SIGKILL
    forker.start(server, *command)
    assert forker.wait() == 0
    assert (folder / ANSWERS).read_bytes().endswith(b"\n")
    found = Counter((one.id, one.annotator) for one in answers(folder))
    assert found == {(f"o/n#{n}", name): 1 for n in range(1, 151) for name in (MODEL, f"{MODEL}/2")}
    assert all(one.labels is not None for one in answers(folder))
    assert 300 <= len(server.answered) <= 300 + 12 * 4


def test_ctrl_c_lets_what_is_under_way_come_home(tmp_path: Path, server: GeminiServer, forker: Forker) -> None:
    folder = working_folder(tmp_path, 50)
    server.fault("slow", times=10_000, seconds=0.1)
    child = forker.start(server, "annotate", str(folder), "--model", MODEL, "--concurrency", "4")
    end = time.monotonic() + 20
    while len(server.asked) < 10 and time.monotonic() < end:
        time.sleep(0.002)
    os.kill(child, signal.SIGINT)
    assert forker.wait() == 130
    assert len(answers(folder)) == len(server.answered) < 50
