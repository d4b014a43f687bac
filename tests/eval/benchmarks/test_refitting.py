"""Thresholds fitted on one's own issues promise more there than elsewhere; the model is judged as it ships."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.benchmarks.comparison import compare, entrants
from eval.benchmarks.refitting import FOLDS, crossed, refit
from eval.cli import main
from eval.metrics.intervals import interval
from eval.reports.figures import rows
from eval.reports.markdown import markdown
from eval.reports.snippet import document, snippet, told
from labeler.base.examples import Examples, Splits
from labeler.base.f1 import micro_f1
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.base.thresholds import fit_thresholds
from labeler.data.dataset import Row, write_dataset
from labeler.decision.decide import decide
from labeler.decision.policy import Policy
from labeler.labels.label_set import Label, LabelSet, read_labels
from labeler.model.bundle import read_manifest, write_manifest
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from tests.shown import blocks

LABELS = LabelSet((Label("bug", family="kind"), Label("enhancement", family="kind"), Label("question")))
THRESHOLDS = {"bug": 0.05, "enhancement": 0.9}
SAID = ("The application crashes", "Please add dark mode", "How do I configure this")


def part(name: str, count: int) -> Examples:
    issues = tuple(Issue(f"{SAID[i % 3]} {name}", f"Number {i * 17}") for i in range(count))
    truth = np.arange(count)[:, None] % 3 == np.arange(3)
    return Examples(tuple(f"{name}{i}" for i in range(count)), issues, truth, np.ones_like(truth))


SPLITS = Splits("mine", LABELS, part("train", 12), part("validation", 12), part("test", 12), "")


@pytest.fixture(scope="module")
def shipped(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with thresholds of its own."""
    folder = tmp_path_factory.mktemp("shipped") / "bundle"
    shutil.copytree(taught, folder)
    write_manifest(folder, replace(read_manifest(folder), thresholds=THRESHOLDS))
    return folder


@pytest.fixture
def reader(shipped: Path) -> Reader:
    return Reader(shipped, LABELS, Store(None))


def test_the_first_row_is_the_bundle_as_it_ships_and_says_what_the_labeller_says(reader: Reader, shipped: Path) -> None:
    comparison = compare(SPLITS, entrants("majority", {"mine": reader}, None), Store(None), cold_runs=0)
    first = rows(comparison)[0].worth.result
    assert (first.key, first.name, comparison.main) == ("shipped", "model, as it ships", "shipped")
    assert first.thresholds == (0.05, 0.9, 0.5)
    labeler = Labeler(shipped, LABELS)
    for issue, row in zip(SPLITS.test.issues, first.predicted, strict=True):
        added = decide(labeler.predict(issue).probabilities, LABELS, labeler.thresholds, Policy()).add
        assert [name for name, is_set in zip(LABELS.names, row, strict=True) if is_set] == list(added)
    assert (first.predicted[:, :2].sum(1) <= 1).all()  # at most one of a family


def test_a_threshold_of_ones_own_list_is_one_that_ships(taught: Path) -> None:
    labels = LabelSet((replace(LABELS.labels[0], threshold=0.99), *LABELS.labels[1:]))
    reader = Reader(taught, labels, Store(None))
    splits = replace(SPLITS, labels=labels)
    comparison = compare(splits, entrants("none", {"mine": reader}, None), Store(None), cold_runs=0)
    shipped = comparison.result("shipped")
    assert shipped.thresholds is not None
    assert shipped.thresholds[0] == 0.99


def test_what_cross_validation_keeps_is_less_than_what_the_fit_promises_where_there_is_nothing_to_learn() -> None:
    random = np.random.default_rng(1)
    truth, chances = random.random((200, 4)) < 0.3, random.random((200, 4))
    known = np.ones_like(truth)
    within = chances >= np.array(fit_thresholds(truth, chances, known))
    assert micro_f1(truth, crossed(truth, chances, known), known) < micro_f1(truth, within, known)


def test_no_issue_is_judged_by_thresholds_that_have_seen_it() -> None:
    """Each fold's thresholds stay as they are whatever the truth of its own issues is."""
    random = np.random.default_rng(2)
    truth, chances = random.random((50, 3)) < 0.4, random.random((50, 3))
    known = np.ones_like(truth)
    before = crossed(truth, chances, known)
    fold = np.random.default_rng(0).permutation(50) % FOLDS
    for number in range(FOLDS):
        changed = truth.copy()
        changed[fold == number] ^= True
        after = crossed(changed, chances, known)
        np.testing.assert_array_equal(before[fold == number], after[fold == number])


def test_refitting_uses_what_the_model_was_not_trained_on_and_says_what_to_expect(
    reader: Reader, tmp_path: Path
) -> None:
    found = refit(SPLITS, reader)
    assert found is not None
    assert found.shipped.n == found.within.n == found.beyond.n == 24
    assert found.labels.names == LABELS.names
    (tmp_path / "labels.yml").write_text(snippet(found), encoding="utf-8")
    assert read_labels(tmp_path / "labels.yml") == found.labels
    said = told(found)
    assert "fitted on these very 24 validation and test issues" in said
    assert found.beyond.cell in said
    assert found.shipped.cell in said
    assert ("no clear gain" in said) is not found.helps
    truth = np.concatenate([SPLITS.validation.truth, SPLITS.test.truth])
    chances = reader.read((*SPLITS.validation.issues, *SPLITS.test.issues)).probabilities
    pasted = chances >= np.array([label.threshold for label in found.labels])
    assert found.within == interval("micro_f1", truth, pasted, np.ones_like(truth))
    assert document(found)["folds"] == FOLDS


def test_too_few_rows_are_not_fitted_on(reader: Reader) -> None:
    assert refit(replace(SPLITS, validation=part("validation", 2), test=part("test", 2)), reader) is None


def test_the_command_ends_with_the_snippet_and_begins_with_what_ships(
    taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.yml").write_text("- bug\n- enhancement\n- question\n", encoding="utf-8")
    parts = {"train": SPLITS.train, "validation": SPLITS.validation, "test": SPLITS.test}
    write_dataset(
        tmp_path / "dataset.csv",
        [
            Row(key, title=issue.title, body=issue.body, labels=(LABELS.names[i % 3],), split=split)
            for split, one in parts.items()
            for i, (key, issue) in enumerate(zip(one.ids, one.issues, strict=True))
        ],
    )
    given = ["compare", "--data", str(tmp_path), "--model", str(taught), "--baselines", "majority", "--cold-runs", "0"]
    assert main(given) == 0
    out = capsys.readouterr().out
    assert out.index("model, as it ships") < out.index("model, its answer")
    assert out.index("as it ships") < out.index("cross-validation") < out.index("- name: bug\n  threshold: 0.")
    assert main([*given, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["systems"][0]["key"] == made["main"] == "shipped"
    assert set(made["refitted"]["thresholds"]) == set(LABELS.names)
    assert main([*given, "--markdown", "-"]) == 0
    (yaml,) = blocks(capsys.readouterr().out, "yaml")
    assert yaml.startswith("- name: bug\n  threshold: 0.")


def test_a_report_without_a_fit_is_one(reader: Reader) -> None:
    comparison = compare(SPLITS, entrants("none", {"mine": reader}, None), Store(None), cold_runs=0)
    assert "yaml" not in markdown(comparison)
