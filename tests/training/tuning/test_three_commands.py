"""docs/tuning.md's three commands, as they are printed: without a key, from people's own labels and the starter.

The starter is a tiny one here, and GitHub is on the loopback.
"""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest

from tests.pages import ROOT
from tests.shown import commands
from tests.standins.github import serving

pytestmark = pytest.mark.training

PAGE = ROOT / "docs" / "tuning.md"
KEYS = ("GITHUB_TOKEN", "GH_TOKEN", "GEMINI_API_KEY", "GOOGLE_API_KEY", "HF_TOKEN")
KINDS = {
    "bug": "It crashes",
    "enhancement": "Please add",
    "documentation": "The page lacks",
    "question": "How do I use",
}


def test_the_three_commands_label_by_a_model_of_ones_own(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [one for one in commands(PAGE) if one.whole and one.module in ("synthetic", "training", "labeler")][:3]
    assert [one.module for one in shown] == ["synthetic", "training", "labeler"]
    shutil.copytree(taught, tmp_path / "labeler" / "starter")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    with serving() as github:
        github.public = True
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        github.add_repository("owner/name")
        for number in range(1, 25):
            label, words = list(KINDS.items())[number % 4]
            github.add_issue("owner/name", number, f"{words} part {number * 31}", f"It is about {number * number}")
            github.set_label("owner/name", number, label, by="octocat")
        for command in shown:
            program = importlib.import_module(f"{command.module}.cli")
            assert program.main(command.words[3:]) == 0, capsys.readouterr().err
        out = capsys.readouterr().out
    # What the first command says comes next is the second.
    assert f"next: {' '.join(shown[1].words)}\n" in out
    names = {"bug", "type: feature", "documentation", "question"}
    assert set(out.splitlines()[-1].split(", ")) - {""} <= names
    made = (tmp_path / "runs" / "name" / "bundle" / "bundle.json").read_text(encoding="utf-8")
    assert all(f'"{name}"' in made for name in names)
