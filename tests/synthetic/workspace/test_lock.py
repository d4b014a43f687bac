"""Two runs at once in one working folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labeler.errors import InputError
from synthetic.cli import main
from synthetic.workspace.lock import alone
from tests.standins.gemini import GeminiServer
from tests.standins.github import serving
from tests.synthetic.annotating.test_annotation import ROOT, server, working_folder

__all__ = ["server"]  # a fixture

HOLDER = """
import sys
from pathlib import Path
from synthetic.workspace.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    "command",
    [
        ["fetch", "octo/hello", "--out", "{folder}", "--api-url", "{github}"],
        ["annotate", "{folder}", "--model", "gemini-2.5-flash"],
        ["annotate", "{folder}", "--model", "gemini-2.5-flash", "--batch"],
        ["generate", "{folder}", "--model", "gemini-2.5-flash", "--per-label", "5"],
        ["build", "octo/hello", "--out", "{folder}", "--model", "gemini-2.5-flash", "--api-url", "{github}"],
    ],
    ids=lambda command: f"{command[0]}{' --batch' if command[-1] == '--batch' else ''}",
)
def test_a_second_run_in_a_folder_is_refused_before_it_asks_anything(
    command: list[str], tmp_path: Path, server: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = working_folder(tmp_path / "work")
    before = sorted(folder.iterdir())
    with serving() as github, alone(folder):
        assert main([part.format(folder=folder, github=github.url) for part in command]) == 1
        assert not github.requests
    assert f"{folder}: another run is working in this folder" in capsys.readouterr().err
    assert not server.seen
    assert sorted(folder.iterdir()) == before


def test_the_lock_of_a_killed_run_is_gone(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", HOLDER, str(tmp_path)]
    run = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"held\n"
    with pytest.raises(InputError, match="another run"), alone(tmp_path):
        pass
    run.send_signal(signal.SIGKILL)
    run.communicate()
    for _ in range(2):
        with alone(tmp_path):
            assert not list(tmp_path.iterdir())


def test_a_folder_is_made_only_where_asked_for_and_one_that_cannot_be_is_named(tmp_path: Path) -> None:
    with alone(tmp_path / "missing"):
        assert not (tmp_path / "missing").exists()
    with alone(tmp_path / "new" / "one", make=True):
        assert (tmp_path / "new" / "one").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: File exists"), alone(tmp_path / "file", make=True):
        pass
