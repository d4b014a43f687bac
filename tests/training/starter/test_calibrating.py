"""Calibration of the starter on its own bytes: which rows, under which lists, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.reports.sections import CARD
from eval.starter.files import ISSUES
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet, read_labels
from labeler.model.bundle import read_manifest, sha256, verify
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from tests.models import write_bundle
from tests.training.starter_material import RECIPE, small_recipe, write_material, write_recipe
from training.cli import main as train
from training.starter.calibrating import probabilities, validation_views
from training.starter.material import Example, ListExamples, Material
from training.starter.new_labels import best_threshold, new_cells
from training.starter.rows_record import read_used, write_rows
from training.starter.selection import LARGE_MODEL, PEOPLE, held_out_rows, select

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_material(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return read_labels(RECIPE.with_name("starter-labels.yml"))


def test_no_row_that_was_seen_or_is_the_scoreboards_calibrates(data: Path, labels: LabelSet, tmp_path: Path) -> None:
    material, recipe = Material(data), small_recipe(tmp_path)
    read = sorted(material.large | material.large_more)
    used = set(read[: len(read) // 2])
    views = validation_views(material, labels, recipe.data, used, people=30, large=20, seed=1)
    rows = {view: {int(row.issue.id) for row in found} for view, found in views.rows.items()}
    assert {view: len(found) for view, found in rows.items()} == {PEOPLE: 30, LARGE_MODEL: 20}
    assert not rows[PEOPLE] & rows[LARGE_MODEL]
    apart = used | held_out_rows(material, recipe.data.held_out_step)
    assert set(range(100, 112)) < apart, "issues of a list for validation are the scoreboard's"
    for found in rows.values():
        assert not found & apart
        assert all(material.issues[row].is_train for row in found)
    assert all(row.space == labels.names for row in views.rows[LARGE_MODEL])
    assert {row.space for row in views.rows[PEOPLE]} == {("bug", "enhancement", "documentation", "question")}


def test_every_row_is_asked_under_its_own_list(data: Path, labels: LabelSet, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", labels, token_budget=32)
    recipe = small_recipe(tmp_path)
    views = validation_views(Material(data), labels, recipe.data, set(), people=2, large=1, seed=1)
    q = probabilities(bundle, views.all, labels)
    few = Labeler(bundle, labels.only(views.rows[PEOPLE][0].space))
    wanted = few.predict(views.rows[PEOPLE][0].issue).probabilities
    assert q[0, :4] == pytest.approx(list(wanted.values()))
    assert (q[:2, 4:] == 0.5).all()
    assert q[2] == pytest.approx(list(Labeler(bundle).predict(views.all[2].issue).probabilities.values()))


def test_the_command_calibrates_a_bundle_and_leaves_its_weights(
    data: Path, labels: LabelSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, recipe = write_bundle(tmp_path / "bundle", labels, token_budget=32), write_recipe(tmp_path)
    selection = select(Material(data), labels.names, small_recipe(tmp_path).data, 0)
    write_rows(tmp_path / "rows.json", data, selection, {"large model": [0, 2]})
    weights = {name: sha256(bundle / name) for name in ("decoder.bin", "embeddings.safetensors")}
    command = ["starter", "--recipe", str(recipe), "--data", str(data), "--calibrate-only", str(bundle), "--lists", "5"]
    assert train([*command, "--rows-seen", str(tmp_path / "rows.json"), "--people", "40", "--large", "30"]) == 0
    verify(bundle)
    manifest = read_manifest(bundle)
    assert set(manifest.thresholds) == set(labels.names)
    assert manifest.metrics["calibration rows"] == {PEOPLE: 40, LARGE_MODEL: 30}
    assert manifest.metrics["validation"]["issues"] == 70
    # A random model knows nothing: its log loss can only be mended by a map.
    assert manifest.metrics["calibration"]["method"] != "none"
    assert manifest.calibration is not None
    assert "## Labels and thresholds" in (bundle / CARD).read_text()
    assert {name: sha256(bundle / name) for name in weights} == weights
    new = manifest.metrics["new labels"]
    assert (new["lists"], new["issues"], new["cells"], new["true"]) == (2, 10, 50, 10)
    assert manifest.new_label_threshold == new["threshold"] >= 0.3
    assert new["micro_f1"] >= 0
    again = manifest.calibration
    assert train([*command, "--rows-seen", str(tmp_path / "rows.json"), "--people", "40", "--large", "30"]) == 0
    assert read_manifest(bundle).calibration == again, "fitted on the model's own probabilities, not on calibrated ones"
    assert "large model: 30 rows" in capsys.readouterr().err


def test_a_record_tells_what_was_dealt_else_the_piles(data: Path, labels: LabelSet, tmp_path: Path) -> None:
    selection = select(Material(data), labels.names, small_recipe(tmp_path).data, 0)
    write_rows(tmp_path / "rows.json", data, selection, None)
    piles = {row for rows in selection.rows().values() for row in rows}
    assert read_used([tmp_path / "rows.json"], data) == piles
    assert not piles & (selection.held_out | {example.row for example in selection.validation})
    write_rows(tmp_path / "rows.json", data, selection, {"people": [3, 5, 3]})
    assert read_used([tmp_path / "rows.json"], data) == {3, 5}
    record = json.loads((tmp_path / "rows.json").read_text())
    (tmp_path / "rows.json").write_text(json.dumps(record | {"issues sha256": "0"}))
    with pytest.raises(InputError, match=f"those of another {ISSUES}"):
        read_used([tmp_path / "rows.json"], data)


def test_unknown_cells_do_not_count(data: Path, labels: LabelSet, tmp_path: Path) -> None:
    from eval.data.rows import truth_and_known

    views = validation_views(Material(data), labels, small_recipe(tmp_path).data, set(), people=8, large=0, seed=1)
    truth, known = truth_and_known(views.all, labels.names)
    assert known.sum() == 8 * 4
    assert np.array_equal(truth, truth & known)


def test_the_threshold_of_new_labels_is_the_best_hundredth_and_not_below_the_least() -> None:
    p = np.array([0.9, 0.55, 0.42, 0.41, 0.35, 0.1])[:, None]
    truth = np.array([True, False, True, True, False, False])[:, None]
    assert best_threshold(truth, p) == 0.41
    assert best_threshold(p > 0.3, np.where(p > 0.3, 0.21, 0.1)) == 0.3
    assert best_threshold(p > 0.5, p) == 0.55, "the highest of equals"


def test_only_labels_that_are_none_of_the_models_own_count(labels: LabelSet, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", labels, token_budget=32)
    asked = LabelSet((Label("kind/bug"), Label("area/disk"), Label("wish", "what to add")))
    examples = tuple(Example(f"disk {i}", "it is full", frozenset({"kind/bug", "wish"})) for i in range(3))
    truth, p = new_cells(bundle, read_manifest(bundle), [ListExamples(asked, examples, False)])
    assert truth[:, 0].tolist() == [False, True] * 3
    said = Labeler(bundle, asked).predict(Issue("disk 1", "it is full")).probabilities
    assert p[2:4, 0] == pytest.approx([said["area/disk"], said["wish"]])
