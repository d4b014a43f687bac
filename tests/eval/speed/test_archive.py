"""What GitHub hands to every run of the action: `git archive` of the commit, without what only developers need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from eval.speed.archive import write_archive

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of HEAD, unpacked."""
    folder = tmp_path_factory.mktemp("archive")
    written = write_archive(ROOT, folder / "action.tar")
    if written is None:
        pytest.skip("not a git repository: there is no commit to make an archive of")
    with tarfile.open(written) as tar:
        tar.extractall(folder / "action", filter="data")
    return folder / "action"


def test_the_action_labels_an_issue_from_the_archive_alone(archive: Path, tmp_path: Path) -> None:
    """With the shipped starter, since that its files are in the archive is what is asked."""
    done = subprocess.run(
        [sys.executable, "-m", "labeler", "--json", "--title", "The application crashes when saving a file"],
        cwd=archive,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "bug" in json.loads(done.stdout)["labels"]


def test_what_the_steps_of_the_action_read_is_in_it(archive: Path) -> None:
    steps = yaml.safe_load((archive / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    assert any("-r requirements.lock" in step.get("run", "") for step in steps)
    for name in (
        "requirements.lock",
        "README.md",
        "LICENSE",
        "NOTICE",
        "labeler/starter/NOTICE",
        "examples/issues.jsonl",
    ):
        assert (archive / name).is_file()
    # All four programs run from it, installed by -e or not.
    assert all((archive / name / "__init__.py").is_file() for name in ("labeler", "training", "synthetic", "eval"))


def test_tests_docs_and_training_data_are_not(archive: Path) -> None:
    there = {path.relative_to(archive).as_posix() for path in archive.rglob("*")}
    for name in ("tests", "docs", ".github", ".ci", "Makefile", "requirements-dev.lock", "training/LOG.md"):
        assert (ROOT / name).exists()  # or a renamed folder would pass for one left out
        assert name not in there
    heavy = {path for path in there if (archive / path).is_file() and (archive / path).stat().st_size > 200_000}
    assert {path for path in heavy if not path.startswith("labeler/starter/")} == set()
