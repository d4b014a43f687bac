"""The study of forms: figures beside 32 bits, going on where it stopped, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from labeler.data.dataset import Row, write_dataset
from labeler.data.dataset_folder import write_labels
from labeler.errors import InputError
from labeler.model.tensors import write_tensors
from tests.models import LABELS, write_checkpoint
from training.cli import main
from training.model.checkpoint import Weights
from training.quantise.quantisation import Grid, Quantisation
from training.quantise.rounding import nearest
from training.quantise.study import Point

pytestmark = pytest.mark.training

FORM = "4/32 embeddings=4/32"


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    rows = [
        Row(
            title=f"The application crashes {n}",
            body="when I open the file menu " * (n % 4),
            labels=("bug",),
            split=split,
            id=str(n),
        )
        for split, first, last in (("train", 0, 12), ("validation", 20, 36))
        for n in range(first, last)
    ]
    write_dataset(tmp_path / "dataset.csv", rows, LABELS)
    write_labels(tmp_path, LABELS)
    write_checkpoint(tmp_path / "checkpoint")
    given = ["--checkpoint", str(tmp_path / "checkpoint"), "--data", str(tmp_path / "dataset.csv")]
    return ["quantise", *given, "--out", str(tmp_path / "out"), "--cold-runs", "0"]


def test_points_say_what_they_are() -> None:
    assert Point.read("float32") == Point("float32", None)
    assert Point.read("4/64 calibrated") == Point(
        "4/64 calibrated", Quantisation.uniform(Grid(4, 64), Grid()), "calibrated"
    )
    with pytest.raises(InputError, match="somehow"):
        Point.read("4/32 somehow")


def test_every_kind_of_point_is_measured_beside_32_bits(command: list[str], tmp_path: Path) -> None:
    weights = Weights(tmp_path / "checkpoint")
    matrix = weights("layers.0.mlp.up_proj.weight")
    blocks = nearest("0.mlp.up_proj", matrix, Grid(4))
    given = {"0.mlp.up_proj.codes": blocks.codes, "0.mlp.up_proj.scales": blocks.scales}
    write_tensors(tmp_path / "rounded", given)
    points = ["float32", "dynamic", "8/32", FORM, f"{FORM} calibrated", f"{FORM} given", f"{FORM} fine=90"]
    asked = [word for point in points for word in ("--point", point)]
    assert (
        main([*command, *asked, "--split", "validation", "--rows", "10", "--rounded", str(tmp_path / "rounded")]) == 0
    )
    table = json.loads((tmp_path / "out/table.json").read_text())
    found = {row["point"]: row for row in table}
    assert list(found) == [
        "float32",
        "dynamic",
        "8/32 nearest",
        *(f"{FORM} {r}" for r in ("nearest", "calibrated", "given", "fine=90 nearest")),
    ]
    assert (found["float32"]["same_sets"], found["float32"]["difference"]) == (1.0, 0.0)
    assert 0 < found["8/32 nearest"]["difference"] < found[f"{FORM} nearest"]["difference"]
    assert found["float32"]["bytes"] > found["8/32 nearest"]["bytes"] > found[f"{FORM} nearest"]["bytes"]
    assert found[f"{FORM} given"]["difference"] == pytest.approx(found[f"{FORM} nearest"]["difference"])
    assert found[f"{FORM} calibrated"]["difference"] != found[f"{FORM} nearest"]["difference"]
    assert found[f"{FORM} fine=90 nearest"]["difference"] < found[f"{FORM} nearest"]["difference"]
    assert all(row["issues"] == 10 and row["warm_seconds"] > 0 for row in table)
    assert f"| {FORM} calibrated |" in (tmp_path / "out/table.md").read_text()
    assert not list((tmp_path / "out").glob("bundle*"))


def test_what_was_measured_is_not_measured_again(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command += ["--point", "float32"]
    assert main([*command, "--point", "8/32"]) == 0
    before = (tmp_path / "out/results.jsonl").read_text()
    with open(tmp_path / "out/results.jsonl", "a") as file:
        file.write('{"study": "cut o')
    with monkeypatch.context() as patch:
        patch.setattr("training.quantise.study.export", lambda *args, **options: pytest.fail("exported again"))
        assert main([*command, "--point", "8/32"]) == 0
    assert main([*command, "--rows", "5"]) == 0  # other issues: another study
    text = (tmp_path / "out/results.jsonl").read_text()
    assert text.startswith(before)
    assert len({json.loads(line)["study"] for line in text.splitlines() if line.endswith("}")}) == 2


def test_a_point_rounded_as_given_needs_the_file(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--point", "4/32 given"]) != 0
    assert "Give the file" in capsys.readouterr().err


def test_codes_without_scales_are_refused(tmp_path: Path) -> None:
    from training.quantise.rounding import given

    write_tensors(tmp_path / "rounded", {"x.codes": np.zeros((2, 32), np.int8)})
    with pytest.raises(InputError, match="codes and no scales"):
        given(tmp_path / "rounded")
