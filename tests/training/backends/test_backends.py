"""All backends train the same model, and several processes share the work of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from labeler.errors import InputError
from tests.training.small import make_rows, small_settings, write_base, write_folder
from training.tuning.device import Device, choose_numerics
from training.tuning.run_record import read_record, read_result
from training.tuning.tuning_run import run

pytestmark = pytest.mark.training

_RUN = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.training.small import small_settings
from training.tuning.tuning_run import run

settings = small_settings(epochs=1, train_embeddings=True, train_norms=True, score_rows=4)
run(settings, Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), backend=sys.argv[4], bundle=False)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data"), make_rows(80))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("bases") / "base")


@pytest.fixture(scope="module")
def by_peft(data: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "peft"
    settings = small_settings(epochs=1, train_embeddings=True, train_norms=True, score_rows=4)
    run(settings, data, str(base), out, backend="peft", bundle=False)
    return out


def test_unsloth_and_peft_reach_the_same_losses_and_weights(
    data: Path, base: Path, by_peft: Path, tmp_path: Path
) -> None:
    out = tmp_path / "unsloth"
    start([sys.executable, "-c", _RUN, str(data), str(base), str(out), "unsloth"], tmp_path)
    losses, expected = losses_of(out), losses_of(by_peft)
    assert len(losses) == len(expected) > 10
    assert losses == pytest.approx(expected, rel=2e-3)
    assert losses[-1] < 0.7 * losses[0]
    assert read_result(out).validation_micro_f1 == read_result(by_peft).validation_micro_f1
    for name in ("adapter_model.safetensors", "whole.safetensors"):
        got, wanted = (load_file(folder / "adapter" / name) for folder in (out, by_peft))
        assert got.keys() == wanted.keys()
        for key in wanted:
            torch.testing.assert_close(got[key], wanted[key], atol=2e-3, rtol=0.02)


def test_the_fast_layers_reach_the_same_losses_and_weights(
    data: Path, base: Path, by_peft: Path, tmp_path: Path
) -> None:
    settings = small_settings(epochs=1, train_embeddings=True, train_norms=True, score_rows=4)
    run(settings, data, str(base), tmp_path / "fast", backend="fast", bundle=False)
    assert losses_of(tmp_path / "fast") == pytest.approx(losses_of(by_peft), rel=1e-3)
    for name in ("adapter_model.safetensors", "whole.safetensors"):
        got, wanted = (load_file(folder / "adapter" / name) for folder in (tmp_path / "fast", by_peft))
        assert got.keys() == wanted.keys()
        for key in wanted:
            torch.testing.assert_close(got[key], wanted[key], atol=1e-3, rtol=0.02)


def test_two_processes_share_the_batches_of_a_step(data: Path, base: Path, tmp_path: Path) -> None:
    settings = small_settings(epochs=1, batch_size=2, accumulation=2, train_norms=True)
    alone = run(settings, data, str(base), tmp_path / "alone", backend="peft", bundle=False)
    # accelerate launch starts several processes by torch.distributed.run as well, but on GPUs alone.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*launch, "-m", "training", "run", "--data", str(data), "--base", str(base), "--out",
               str(tmp_path / "shared"), "--no-bundle", "--preset", str(tmp_path / "alone" / "preset.toml"),
               "--set", "accumulation=1"]  # fmt: skip
    start(command, tmp_path)
    shared = read_result(tmp_path / "shared")
    assert (read_record(tmp_path / "shared").processes, shared.steps) == (2, alone.steps)
    assert losses_of(tmp_path / "shared") == pytest.approx(losses_of(tmp_path / "alone"), rel=1e-3)
    assert shared.validation_loss == pytest.approx(alone.validation_loss, rel=1e-3)


def test_precision_and_optimiser_follow_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, ampere = Device("cpu", "CPU", 2**33, False), Device("cuda", "RTX 3060", 2**33, True)
    turing = Device("cuda", "T4", 2**33, False)
    settings = small_settings(precision="auto", optimizer="adamw_8bit")
    assert choose_numerics(settings, "peft", cpu).precision == "fp32"
    assert choose_numerics(settings, "peft", ampere).precision == "bf16"
    assert choose_numerics(settings, "unsloth", turing).precision == "fp16"
    assert choose_numerics(settings, "peft", turing).precision == "fp32"
    fallen_back = choose_numerics(settings, "peft", cpu)
    assert fallen_back.optimizer == "adamw_torch_fused"
    assert "bitsandbytes" in fallen_back.notes[0]
    with pytest.raises(InputError, match="bitsandbytes"):
        choose_numerics(small_settings(quantise_base="4bit"), "peft", cpu)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    quantised = choose_numerics(replace(settings, quantise_base="4bit"), "peft", ampere)
    assert (quantised.optimizer, quantised.four_bit, quantised.notes) == ("adamw_8bit", True, ())
    assert choose_numerics(settings, "peft", cpu).optimizer == "adamw_torch_fused"
    with pytest.raises(InputError, match="no CUDA device"):
        choose_numerics(small_settings(precision="fp16"), "peft", cpu)


def start(command: list[str], folder: Path) -> None:
    """Runs it in `folder`, where Unsloth may leave its compiled files."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-6000:]


def losses_of(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]
