"""`build` and `generate`, killed by kill -9 at random moments; the other commands are in files of their own."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

from labeler.data.dataset import read_dataset
from synthetic.annotating.generation import REQUESTS, read_written
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.records import ANSWERS, ISSUES, SYNTHETIC
from tests.standins.gemini import Asked, GeminiServer, keyword_answer
from tests.standins.github import serving
from tests.synthetic.annotating.test_annotation import Forker, forker, server
from tests.synthetic.annotating.test_generation import MODEL, Author, folder
from tests.synthetic.test_pipeline import LABELS, REPO, add_issues

__all__ = ["folder", "forker", "server"]  # fixtures


def kill(forker: Forker, server: GeminiServer, command: tuple[str, ...], requests: int, seconds: float) -> None:
    """Starts a command, and kills it some time after so many requests to the model."""
    enough = len(server.seen) + requests
    child = forker.start(server, *command)
    end = time.monotonic() + 20
    while len(server.seen) < enough and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert forker.wait() == -signal.SIGKILL


def test_a_killed_generate_goes_on_with_what_it_wrote_and_pays_again_for_one_request_at_most(
    folder: Path, server: GeminiServer, forker: Forker
) -> None:
    server.compose = Author()
    server.fault("slow", times=1000, seconds=0.01)
    command = ("generate", str(folder), "--model", MODEL, "--per-label", "40")
    rng, kills = random.Random(4), 6
    for _ in range(kills):
        kill(forker, server, command, rng.randint(1, 3), rng.uniform(0, 0.02))
    forker.start(server, *command)
    assert forker.wait() == 0
    written = read_written(folder)
    counts = Counter(name for one in written for name in one.labels)
    assert counts == {"bug": 35, "security": 39, "docs": 40}
    assert len({one.id for one in written}) == len({one.title for one in written}) == len(written)
    for name in (SYNTHETIC, REQUESTS):
        assert (folder / name).read_bytes().endswith(b"\n")
    assert 23 <= len(server.answered) <= 23 + kills


def test_a_killed_build_comes_to_the_dataset_of_one_that_was_not(
    tmp_path: Path, server: GeminiServer, forker: Forker
) -> None:
    author = Author()

    def compose(asked: Asked) -> object:
        return author(asked) if "issues" in asked.schema["properties"] else keyword_answer(asked)

    server.compose = compose
    server.fault("slow", times=1000, seconds=0.01)
    (tmp_path / "labels.yml").write_text(LABELS)
    with serving() as github:
        github.public = True
        github.add_repository(REPO)
        add_issues(github, 60)
        labels, concurrency = str(tmp_path / "labels.yml"), 2

        def command(name: str) -> tuple[str, ...]:
            options = ("--labels", labels, "--model", MODEL, "--per-label", "25", "--concurrency", str(concurrency))
            return ("build", REPO, "--out", str(tmp_path / name), "--api-url", github.url, *options)

        forker.start(server, *command("whole"))
        assert forker.wait() == 0
        rng, kills, before = random.Random(2), 6, len(server.answered)
        for _ in range(kills):
            kill(forker, server, command("killed"), rng.randint(4, 12), rng.uniform(0, 0.03))
        forker.start(server, *command("killed"))
        assert forker.wait() == 0
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    assert (killed / ISSUES).read_bytes() == (whole / ISSUES).read_bytes()
    assert Counter(line["id"] for line in read_lines(killed / ANSWERS)) == {f"{REPO}#{n}": 1 for n in range(1, 61)}
    assert len(server.answered) - before <= before + kills * concurrency
    real = [
        {row.id: (row.labels, row.split) for row in read_dataset(one / "dataset.csv") if row.source == REPO}
        for one in (killed, whole)
    ]
    assert real[0] == real[1]
    for one in (killed, whole):
        rows = [row for row in read_dataset(one / "dataset.csv") if row.source == "synthetic"]
        assert len({row.id for row in rows}) == len(rows) == len(read_written(one)) > 0
        assert {row.split for row in rows} == {"train"}
    assert not list(killed.glob(".*"))
