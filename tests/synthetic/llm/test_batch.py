"""Batch jobs over several runs of the command: half the price, nothing submitted or written twice."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from synthetic.llm.batch import BATCH, read_jobs
from synthetic.llm.cost import Price
from synthetic.llm.messages import MAX_OUTPUT_TOKENS
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
