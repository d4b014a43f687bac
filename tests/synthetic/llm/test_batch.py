"""Batch jobs over several runs of the command: half the price, nothing submitted or written twice."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from synthetic.llm.batch import BATCH, read_jobs
from synthetic.llm.cost import Price
from synthetic.llm.messages import MAX_OUTPUT_TOKENS
from synthetic.pipeline import spent
from synthetic.workspace.jsonl import read_lines, write_lines
from synthetic.workspace.records import PREPARED, UNMATCHED_ANSWERS, Prepared, to_line
from tests.standins.gemini import GeminiServer
from tests.synthetic.annotating.test_annotation import (
    MODEL,
    Forker,
    annotate,
    answers,
    folder,
    forker,
    server,
    working_folder,
)

__all__ = ["folder", "forker", "server"]  # fixtures


def batch(folder: Path, *options: str, models: tuple[str, ...] = (MODEL,)) -> int:
    return annotate(folder, "--batch", *options, models=models)


def test_a_batch_is_submitted_waited_for_and_collected_over_runs_at_half_the_price(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch(folder, "--samples", "2") == 0
    said = capsys.readouterr()
    assert "12 requests wait with the service" in said.err
    assert "0 answers, 0 failures, 12 left" in said.out
    assert batch(folder, "--samples", "2") == 0
    assert answers(folder) == []
    assert len(server.jobs) == 2
    server.finish()
    assert batch(folder, "--samples", "2") == 0
    assert len(server.jobs) == 2
    found = answers(folder)
    assert Counter((one.id, one.annotator) for one in found) == {
        (f"o/n#{n}", name): 1 for n in range(1, 7) for name in (MODEL, f"{MODEL}/2")
    }
    assert {one.labels for one in found if one.id == "o/n#1"} == {("docs",)}
    assert batch(folder, "--samples", "2") == 0
    assert len(answers(folder)) == 12
    for one in found:
        assert one.tokens is not None
        assert one.cost == pytest.approx(Price(MODEL, 0.3, 2.5).of(one.tokens) / 2)


def test_a_batched_request_is_the_one_that_would_be_sent_alone(folder: Path, server: GeminiServer) -> None:
    batch(folder, "--limit", "1")
    server.finish()
    (job,) = server.jobs.values()
    (one,) = job.requests
    assert one["metadata"] == {"key": "o/n#1"}
    batch(folder)
    (folder / "answers.jsonl").unlink()
    annotate(folder, "--limit", "1")
    alone = dict(server.asked[-1].body)
    assert {key: value for key, value in one["request"].items() if key != "model"} == alone


def test_issues_in_a_batch_are_not_asked_about_one_by_one(folder: Path, server: GeminiServer) -> None:
    batch(folder, "--limit", "2")
    annotate(folder)
    assert {one.id for one in answers(folder)} == {f"o/n#{n}" for n in (3, 4, 5, 6)}


def test_what_failed_in_a_batch_is_recorded_and_submitted_again(folder: Path, server: GeminiServer) -> None:
    server.fault("outside", text="issue 5.")
    batch(folder)
    server.finish(failing="issue 2.")
    batch(folder)
    failed = {one.id: one.error for one in answers(folder) if one.labels is None}
    assert failed.keys() == {"o/n#2", "o/n#5"}
    assert "Internal error" in failed["o/n#2"]
    assert [sorted(job.issues) for job in read_jobs(folder)][1:] == [["o/n#2", "o/n#5"]]
    server.finish()
    batch(folder)
    good = Counter(one.id for one in answers(folder) if one.labels is not None)
    assert good == {f"o/n#{n}": 1 for n in range(1, 7)}


@pytest.mark.parametrize("state", ["BATCH_STATE_EXPIRED", "BATCH_STATE_FAILED", "BATCH_STATE_CANCELLED"])
def test_a_job_that_came_to_nothing_is_submitted_again(folder: Path, server: GeminiServer, state: str) -> None:
    batch(folder)
    server.finish(state)
    batch(folder)
    assert len(server.jobs) == 2
    assert answers(folder) == []
    server.finish()
    batch(folder)
    assert len(answers(folder)) == 6


def test_a_job_that_the_service_no_longer_knows_is_submitted_again(folder: Path, server: GeminiServer) -> None:
    batch(folder)
    server.jobs.clear()
    batch(folder)
    assert len(server.jobs) == 1
    assert [job.state for job in read_jobs(folder)] == ["ended", "waiting"]


def test_a_batch_takes_no_more_than_could_be_paid(
    tmp_path: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = working_folder(tmp_path, 20)
    each = MAX_OUTPUT_TOKENS * 2.5 / 1e6 / 2
    batch(folder, "--max-cost", str(10.9 * each))
    (job,) = server.jobs.values()
    assert len(job.requests) == 10
    assert "10 requests are left out" in capsys.readouterr().err


def test_large_batches_are_split_by_size(tmp_path: Path, server: GeminiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthetic.llm.batch.MOST_BYTES", 5000)
    batch(working_folder(tmp_path, 20))
    sizes = [len(json.dumps(job.requests)) for job in server.jobs.values()]
    assert len(sizes) > 3
    assert max(sizes) < 10_000
    assert sum(len(job.requests) for job in server.jobs.values()) == 20


def test_answers_are_read_by_the_labels_of_their_job_even_if_the_list_has_changed(
    folder: Path, server: GeminiServer
) -> None:
    batch(folder)
    server.finish()
    (folder / "labels.yml").write_text("- other\n", encoding="utf-8")
    batch(folder)
    assert answers(folder)[0].labels == ("docs",)
    assert len(server.jobs) == 2


def test_an_orphan_is_found_by_its_name_and_not_submitted_again(folder: Path, server: GeminiServer) -> None:
    batch(folder)
    saved = json.loads((folder / BATCH).read_text(encoding="utf-8"))
    saved["jobs"][0] |= {"state": "creating", "name": ""}
    (folder / BATCH).write_text(json.dumps(saved), encoding="utf-8")
    batch(folder)
    assert len(server.jobs) == 1
    server.finish()
    batch(folder)
    assert len(answers(folder)) == 6


def test_a_job_that_never_was_created_is_submitted_anew(folder: Path, server: GeminiServer) -> None:
    batch(folder)
    saved = json.loads((folder / BATCH).read_text(encoding="utf-8"))
    saved["jobs"][0] |= {"state": "creating", "name": "", "display_name": "never heard of"}
    (folder / BATCH).write_text(json.dumps(saved), encoding="utf-8")
    server.jobs.clear()
    batch(folder)
    assert len(server.jobs) == 1
    assert [job.detail for job in read_jobs(folder)] == ["never created", ""]


def test_answers_that_a_kill_left_are_not_written_again(folder: Path, server: GeminiServer) -> None:
    batch(folder)
    server.finish()
    before = (folder / BATCH).read_bytes()
    batch(folder)
    lines = (folder / "answers.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "answers.jsonl").write_bytes(b"".join(lines[:4]) + lines[4][:30])
    (folder / BATCH).write_bytes(before)
    batch(folder)
    assert Counter(one.id for one in answers(folder)) == {f"o/n#{n}": 1 for n in range(1, 7)}
    assert len(server.jobs) == 1


Responses = list[dict[str, Any]]


def nameless(responses: Responses) -> Responses:
    return [{key: value for key, value in one.items() if key != "metadata"} for one in responses]


def unmatched(folder: Path) -> list[dict[str, Any]]:
    return list(read_lines(folder / UNMATCHED_ANSWERS))


def of_many_lengths(path: Path, count: int = 12) -> Path:
    issues = [
        Prepared(
            f"o/n#{n}", "o/n", n, f"{('a bug', 'the docs')[n % 2]} {n}", "word " * (n * 7 % 12) * 40, (), f"o/n#{n}"
        )
        for n in range(1, count + 1)
    ]
    write_lines(path / PREPARED, map(to_line, issues))
    (path / "labels.yml").write_text("- bug\n- docs\n", encoding="utf-8")
    return path


def submitted(server: GeminiServer) -> int:
    return sum(len(job.requests) for job in server.jobs.values())


@pytest.mark.parametrize("metadata", [{}, {"metadata": None}, {"metadata": {}}, {"metadata": {"key": "another"}}])
def test_answers_that_come_back_without_keys_are_matched_by_their_order_and_booked(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str], metadata: dict[str, Any]
) -> None:
    batch(folder)
    capsys.readouterr()
    server.edit = lambda responses: [one | metadata for one in nameless(responses)]
    server.fault("silent", text="issue 5.")
    server.finish()
    assert batch(folder, "--json") == 0
    said = capsys.readouterr()
    assert "6 answers came back without a key: matched by their order" in said.err
    good = {one.id: one.labels for one in answers(folder) if one.labels is not None}
    assert good == {"o/n#1": ("docs",), "o/n#2": ("crash",), "o/n#3": (), "o/n#4": ("bug",), "o/n#6": ("crash",)}
    assert all(one.cost > 0 for one in answers(folder))
    assert spent(folder) == pytest.approx(json.loads(said.out)["cost"])
    assert submitted(server) == 6 + 1  # issue 5 alone is asked about again
    assert unmatched(folder) == []


def test_keys_that_came_back_decide_whatever_the_order_and_one_without_is_the_one_that_is_left(
    folder: Path, server: GeminiServer
) -> None:
    batch(folder)
    server.edit = lambda responses: [*nameless(responses[2:3]), *responses[3:], *responses[:2]]
    server.finish()
    assert batch(folder) == 0
    assert {one.id: one.labels for one in answers(folder)} == {
        "o/n#1": ("docs",), "o/n#2": ("crash",), "o/n#3": (), "o/n#4": ("bug",), "o/n#5": ("docs",), "o/n#6": ("crash",)
    }  # fmt: skip
    assert submitted(server) == 6


def test_paid_answers_that_cannot_be_matched_are_kept_booked_and_never_paid_again_unasked(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    batch(folder)
    server.edit = lambda responses: [responses[0], *nameless(responses[2:])]  # one has got lost on the way
    server.finish()
    assert batch(folder) == 1
    said = capsys.readouterr()
    assert "1 answers, 0 failures, 5 left" in said.out
    assert "4 more, of unknown issues, are paid and kept in unmatched.jsonl" in said.out
    assert "--pay-again" in said.err
    assert [(line["place"], line["text"]) for line in unmatched(folder)][-1] == (4, '{"labels": ["crash"]}')
    assert all(line["cost"] > 0 for line in unmatched(folder))
    assert spent(folder) == pytest.approx(answers(folder)[0].cost + sum(line["cost"] for line in unmatched(folder)))
    for _ in range(2):
        assert batch(folder) == 1
        assert (submitted(server), len(answers(folder)), len(unmatched(folder))) == (6, 1, 4)
        assert "Nothing was submitted" in capsys.readouterr().err
    assert annotate(folder) == 0
    assert server.asked == []
    assert "5 are answered in unmatched.jsonl" in capsys.readouterr().err
    server.edit = None
    assert batch(folder, "--pay-again") == 0
    server.finish()
    assert batch(folder) == 0
    assert submitted(server) == 6 + 5
    assert Counter(one.id for one in answers(folder)) == {f"o/n#{n}": 1 for n in range(1, 7)}


def test_what_could_not_be_matched_can_be_asked_about_one_by_one(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    batch(folder)
    server.edit = lambda responses: nameless(responses[1:])
    server.finish()
    batch(folder)
    capsys.readouterr()
    assert annotate(folder, "--pay-again", "--dry-run", "--json") == 0
    assert [one["requests"] for one in json.loads(capsys.readouterr().out)["estimate"]] == [6]
    assert [job.state for job in read_jobs(folder)] == ["unmatched"]
    assert annotate(folder, "--pay-again") == 0
    assert Counter(one.id for one in answers(folder)) == {f"o/n#{n}": 1 for n in range(1, 7)}


def test_a_kill_among_unmatched_answers_leaves_each_once(folder: Path, server: GeminiServer) -> None:
    batch(folder)
    before = (folder / BATCH).read_bytes()
    server.edit = lambda responses: nameless(responses[1:])
    server.finish()
    batch(folder)
    lines = (folder / UNMATCHED_ANSWERS).read_bytes().splitlines(keepends=True)
    (folder / UNMATCHED_ANSWERS).write_bytes(b"".join(lines[:2]) + lines[2][:9])
    (folder / BATCH).write_bytes(before)
    assert batch(folder) == 1
    assert [line["place"] for line in unmatched(folder)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("shuffled", [False, True])
def test_an_order_that_the_prompts_lengths_speak_against_is_not_believed(
    tmp_path: Path, server: GeminiServer, shuffled: bool
) -> None:
    folder = of_many_lengths(tmp_path / "work")
    batch(folder)
    server.edit = lambda responses: nameless(responses[::-1] if shuffled else responses)
    server.finish()
    assert batch(folder) == shuffled
    assert (len(answers(folder)), len(unmatched(folder))) == ((0, 12) if shuffled else (12, 0))
    for one in answers(folder):
        assert one.labels == (("docs",) if int(one.id.removeprefix("o/n#")) % 2 else ("bug",))


def test_a_batch_that_succeeded_and_brings_nothing_is_not_submitted_again(folder: Path, server: GeminiServer) -> None:
    batch(folder)
    server.edit = lambda responses: []
    server.finish()
    assert [batch(folder), batch(folder)] == [1, 1]
    assert submitted(server) == 6
    assert [job.state for job in read_jobs(folder)] == ["unmatched"]


def test_what_the_service_failed_on_for_nothing_is_asked_again_with_or_without_keys(
    folder: Path, server: GeminiServer
) -> None:
    batch(folder)
    server.edit = lambda responses: nameless(responses)[:4]
    server.finish(failing="issue")
    assert batch(folder) == 1  # all failed
    assert (submitted(server), spent(folder), unmatched(folder)) == (12, 0.0, [])


@pytest.mark.parametrize("late", [False, True])
def test_a_schema_that_a_batch_is_refused_for_becomes_plain_strings(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str], late: bool
) -> None:
    server.longest_enum, server.late_refusals = 2, late
    server.compose = lambda asked: {"labels": ["no such" if "issue 2." in asked.text else "docs"]}
    batch(folder)
    server.finish()
    assert batch(folder) == 0
    assert "asked for plain strings" in capsys.readouterr().err
    server.finish()
    batch(folder)
    assert {one.id: one.labels for one in answers(folder)} == {
        f"o/n#{n}": None if n == 2 else ("docs",) for n in range(1, 7)
    }
    assert "not in the list" in next(one.error for one in answers(folder) if one.labels is None)
    assert submitted(server) == 6 + (6 if late else 1) + 1  # issue 2 is asked about again at each look
    assert b'"enum"' not in server.seen[-1][3]


def test_where_a_batch_is_refused_plain_strings_too_fewer_labels_are_the_advice(
    folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.longest_enum, server.late_refusals = -1, True
    for expected in (0, 0, 1):
        assert batch(folder) == expected
        server.finish()
    assert "fewer labels" in capsys.readouterr().err
    assert submitted(server) == 12


def test_a_batch_is_given_up_on_only_where_the_service_does_not_know_it(folder: Path, server: GeminiServer) -> None:
    batch(folder)
    server.trouble = (400, "User location is not supported for the API use.", "")
    assert batch(folder) == 1
    server.trouble = None
    assert [job.state for job in read_jobs(folder)] == ["waiting"]


def test_a_damaged_batch_file_is_named(folder: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / BATCH).write_text('{"jobs": [{}]}', encoding="utf-8")
    assert batch(folder) == 1
    assert "batch.json: damaged" in capsys.readouterr().err


def test_kills_at_random_moments_submit_and_write_nothing_twice(
    tmp_path: Path, server: GeminiServer, forker: Forker
) -> None:
    folder = working_folder(tmp_path, 60)
    rng = random.Random(5)
    command = ("annotate", str(folder), "--model", MODEL, "--samples", "3", "--batch")
    for kill in range(12):
        seen = len(server.seen)
        child = forker.start(server, *command)
        end = time.monotonic() + 20
        while len(server.seen) == seen and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        forker.wait()
        if kill == 6:  # from now on there are jobs to collect
            server.finish()
        if len(answers(folder)) == 180:
            break
    for _ in range(3):
        forker.start(server, *command)
        assert forker.wait() == 0
        server.finish()
    submitted = Counter(one["metadata"]["key"] for job in server.jobs.values() for one in job.requests)
    assert submitted == {f"o/n#{n}": 3 for n in range(1, 61)}
    found = Counter((one.id, one.annotator) for one in answers(folder))
    assert found == {(f"o/n#{n}", f"{MODEL}{suffix}"): 1 for n in range(1, 61) for suffix in ("", "/2", "/3")}
    assert kill >= 9
