"""A run that is killed and resumed ends as one that was never interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from labeler.errors import UsageError
from tests.training.made_up_run import made_up_record
from tests.training.small import make_rows, small_settings, write_base, write_folder
from training.tuning.run_record import begin, read_result
from training.tuning.tuning_run import run

pytestmark = pytest.mark.training

# Kills its own process after the evaluation at step 21, before that step's checkpoint: the one of step 14 is the last.
_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.training.small import small_settings
from training.tuning.tuning_run import run

def watch(step, metrics):
    if step == 21:
        os.kill(os.getpid(), signal.SIGKILL)
    return False

settings = small_settings(train_norms=True, dropout=0.1, patience=3, score_rows=4)
run(settings, Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), bundle=False, watch=watch)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, Path]:
    """(data, base, a run that was never interrupted, one that was killed)."""
    folder = tmp_path_factory.mktemp("resume")
    data, base = write_folder(folder / "data", make_rows(80)), write_base(folder / "base")
    settings = small_settings(train_norms=True, dropout=0.1, patience=3, score_rows=4)
    run(settings, data, str(base), folder / "whole", bundle=False)
    command = [sys.executable, "-c", _KILLED, str(data), str(base), str(folder / "killed")]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (folder / "killed" / "checkpoints" / "checkpoint-14" / "complete").is_file()
    return data, base, folder / "whole", folder / "killed"


def test_a_killed_run_resumes_to_the_same_losses_and_weights(folders: tuple[Path, Path, Path, Path]) -> None:
    data, base, whole, killed = folders
    # What a kill in the middle of saving leaves behind.
    (killed / "checkpoints" / "checkpoint-21").mkdir()
    (killed / "checkpoints" / "checkpoint-21" / "adapter_model.safetensors").write_bytes(b"cut short")
    settings = small_settings(train_norms=True, dropout=0.1, patience=3, score_rows=4)
    result = run(settings, data, str(base), killed, bundle=False, resume=True)
    assert lines_of(killed) == lines_of(whole)
    assert [line["step"] for line in lines_of(whole) if "loss" in line] == list(range(1, result.steps + 1))
    for name in ("adapter_model.safetensors", "whole.safetensors"):
        expected, got = (load_file(folder / "adapter" / name) for folder in (whole, killed))
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[key], got[key]) for key in expected)
    assert result.best_step == read_result(whole).best_step
    assert not (killed / "checkpoints").exists()


@pytest.mark.parametrize("patience", [0, 1])
def test_a_run_that_dies_after_its_last_checkpoint_trains_no_further(
    patience: int, folders: tuple[Path, Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, base, _, _ = folders
    settings = small_settings(epochs=1, evaluations=4, patience=patience, min_change=100.0)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("training.tuning.fit.save_trained", die)
        with pytest.raises(KeyboardInterrupt):
            run(settings, data, str(base), tmp_path / "run", bundle=False)
    before = lines_of(tmp_path / "run")
    result = run(settings, data, str(base), tmp_path / "run", bundle=False, resume=True)
    assert lines_of(tmp_path / "run") == before
    assert result.steps == before[-1]["step"]
    assert result.validation_loss == min(line["validation_loss"] for line in before if "validation_loss" in line)
    whole = run(settings, data, str(base), tmp_path / "whole", bundle=False)
    weights = [load_file(folder.adapter / "adapter_model.safetensors") for folder in (result, whole)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])


def test_a_finished_run_is_not_trained_again(folders: tuple[Path, Path, Path, Path]) -> None:
    data, base, whole, _ = folders
    before = (whole / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns
    settings = small_settings(train_norms=True, dropout=0.1, patience=3, score_rows=4)
    run(settings, data, str(base), whole, bundle=False, resume=True)
    assert (whole / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns == before


def test_a_run_that_was_killed_before_its_record_was_written_begins(tmp_path: Path) -> None:
    asked = made_up_record()
    (tmp_path / "preset.toml").write_text("rank = 4\n")
    (tmp_path / ".run.json.17.partial").write_text("{")
    assert begin(tmp_path, asked, resume=False).status == "begun"
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty and no run"):
        begin(other, asked, resume=False)


def test_a_run_is_never_resumed_with_other_settings_or_data(folders: tuple[Path, Path, Path, Path]) -> None:
    data, base, whole, _ = folders
    settings = small_settings(train_norms=True, dropout=0.1, patience=3, score_rows=4, rank=8)
    with pytest.raises(UsageError, match="rank 4 → 8"):
        run(settings, data, str(base), whole, bundle=False, resume=True)
    with pytest.raises(UsageError, match="--resume"):
        run(settings, data, str(base), whole, bundle=False)


def lines_of(folder: Path) -> list[dict[str, float]]:
    """The log without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "tokens_per_second")} for line in lines]
