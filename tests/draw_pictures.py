"""Draws what one gets, from real output: docs/terminal.svg and docs/summary.svg.

    python -m tests.draw_pictures

The terminal shows README's own commands, run on a pseudo-terminal; the job's summary is what the action's step wrote
for an issue of examples/issues.jsonl on the stand-in GitHub.
"""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.pages import README, ROOT
from tests.shown import blocks
from tests.standins.github import TOKEN, serving
from tests.standins.runner import Runner
from tests.summary_picture import picture

TERMINAL, SUMMARY = ROOT / "docs" / "terminal.svg", ROOT / "docs" / "summary.svg"
COLUMNS = 100
ISSUE = "6"  # of examples/issues.jsonl: one that gets two labels
REPOSITORY = "octocat/hello-world"
_FONT_FACES = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


def shown_commands() -> list[str]:
    """The commands of README's first block that label."""
    return [line for line in blocks(README.read_text(encoding="utf-8"), "sh")[0].splitlines() if "-m labeler" in line]


def terminal_text(command: str, folder: Path) -> str:
    """What a command that README shows prints on a terminal, colours and all. It must end well."""
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    env = {"PATH": os.defpath, "HOME": str(folder), "LABELER_CACHE": str(folder / "cache"), "COLUMNS": str(COLUMNS)}
    env |= {"TERM": "xterm-256color", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    words = [sys.executable, *shlex.split(command)[1:]]
    with subprocess.Popen(words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=None) as process:
        os.close(theirs)
        with os.fdopen(ours, "rb") as file:
            printed = b"".join(_until_closed(file))
    assert process.returncode == 0, f"{command}: {process.returncode}"
    return printed.decode("utf-8").replace("\r\n", "\n")


def _until_closed(file: io.BufferedReader) -> list[bytes]:
    parts = []
    while True:
        try:
            part = os.read(file.fileno(), 65_536)
        except OSError:  # how Linux says that the other side is closed
            return parts
        if not part:
            return parts
        parts.append(part)


def draw_terminal(folder: Path) -> str:
    """The terminal as SVG."""
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    for command in shown_commands():
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text.from_ansi(terminal_text(command, folder).rstrip("\n")))
        console.print()
    # A picture on a page may load nothing: without the fonts of others it takes the reader's own.
    form = _FONT_FACES.sub("", CONSOLE_SVG_FORMAT).replace("Fira Code, monospace", "ui-monospace, monospace")
    return console.export_svg(title="issue-labeler", code_format=form, unique_id="terminal")


def summary_markdown(folder: Path) -> str:
    """The summary of a job that labels an issue of examples/issues.jsonl."""
    lines = (ROOT / "examples" / "issues.jsonl").read_text(encoding="utf-8").splitlines()
    issue = next(issue for issue in map(json.loads, lines) if issue["id"] == ISSUE)
    labels = tuple(label["name"] for label in manifest_labels())
    with serving() as github:
        github.add_repository(REPOSITORY, labels)
        document = github.add_issue(REPOSITORY, int(ISSUE), issue["title"], issue["body"]).document
        runner = Runner(ROOT, folder, {"token": TOKEN, "api_url": github.url, "repository": REPOSITORY})
        payload = {"action": "opened", "issue": document, "repository": {"full_name": REPOSITORY}}
        step = runner.run({}, "issues", payload, only="label").steps["label"]
    assert step.outcome == "success", step.log
    return step.summary


def manifest_labels() -> list[Mapping[str, str]]:
    """The starter's labels."""
    from labeler.model.bundle import read_manifest
    from labeler.model.predict import STARTER

    return [{"name": name} for name in read_manifest(STARTER).labels.names]


def draw_summary(folder: Path) -> str:
    """The job's summary as SVG."""
    return picture(summary_markdown(folder))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        TERMINAL.write_text(draw_terminal(Path(folder)), encoding="utf-8")
        SUMMARY.write_text(draw_summary(Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
