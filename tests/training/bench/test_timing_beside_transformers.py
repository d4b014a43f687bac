from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eval.cli import main

pytestmark = pytest.mark.training


def test_speed_measures_both_programs_on_the_same_weights(tmp_path: Path) -> None:
    # In a process of its own: a child's peak memory is at least its parent's, and this one holds torch.
    few = ["--shape", "tiny", "--runs", "1", "--many", "4", "--no-action", "--work", str(tmp_path), "--json"]
    done = subprocess.run([sys.executable, "-m", "eval", "speed", *few], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    assert figures["transformers_times"] == pytest.approx(
        figures["transformers_seconds"] / figures["cold_issue_seconds"], rel=1e-6
    )
    assert 0 < figures["decode_step_seconds"] < figures["warm_seconds"] < figures["cold_seconds"]
    assert 20 < figures["peak_megabytes"] < figures["transformers_peak_megabytes"]
    assert figures["issues_a_second"] > 0
    assert figures["export_seconds"] > 0
    assert figures["skipped"] == {"transformers_trimmed": "no checkpoint was named"}


def test_an_unknown_shape_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed", "--shape", "huge"]) == 2
    assert "gemma-3-270m, tiny" in capsys.readouterr().err


def test_no_run_and_a_folder_that_cannot_be_made_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["speed", "--runs", "0"]) == main(["speed", "--many", "0"]) == 2
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["speed", "--work", str(tmp_path / "file" / "x")]) == 1
    assert "cannot be made" in capsys.readouterr().err
