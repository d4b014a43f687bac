from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from eval.metrics.measures import calibration_error
from labeler.base.thresholds import NEVER, fit_thresholds, precise_threshold
from labeler.errors import BundleError
from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import MANIFEST, read_manifest, write_manifest
from labeler.model.calibration import Calibration, Line, logit
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from tests.models import LABELS, write_bundle
from training.fitting.calibrate import choose, fit, folds, out_of_fold
from training.fitting.fitted import fit_all, measure

ISSUES = [Issue("Crash when I open a file"), Issue("Dark mode", "Please add it to the settings page.")]
NAMES = ("bug", "question", "rare")
# How far the made model is off: logit of the truth's probability = a * logit q + b.
WRONG = {"bug": Line(1.5, 0.5), "question": Line(0.8, 2.0), "rare": Line(1.0, 0.5)}


def issues(n: int, seed: int = 0, wrong: dict[str, Line] = WRONG) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, the probabilities of a model that is wrong in a known way, and which cells are known."""
    rng = np.random.default_rng(seed)
    q = 1 / (1 + np.exp(-rng.normal([-0.5, -1.5, -4.0], 1.5, (n, 3))))
    p = np.stack([1 / (1 + np.exp(-(wrong[k].a * logit(q[:, i]) + wrong[k].b))) for i, k in enumerate(NAMES)], 1)
    return rng.random((n, 3)) < p, q, rng.random((n, 3)) < 0.8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "bundle")
    return tmp_path / "bundle"


def calibrate(bundle: Path, calibration: Calibration) -> None:
    manifest = read_manifest(bundle)
    write_manifest(bundle, type(manifest)(**{**vars(manifest), "calibration": calibration}))


def test_the_runtime_gives_calibrated_probabilities_and_the_same_answer(bundle: Path) -> None:
    plain = Labeler(bundle).predict_many(ISSUES)
    calibration = Calibration(Line(0.5, -1.0), {"ci/cd": Line(2.0, 0.25)})
    calibrate(bundle, calibration)
    calibrated = Labeler(bundle).predict_many(ISSUES)
    for before, after in zip(plain, calibrated, strict=True):
        assert after.chosen == before.chosen
        for name, q in before.probabilities.items():
            a, b = (2.0, 0.25) if name == "ci/cd" else (0.5, -1.0)
            assert logit(np.array(after.probabilities[name])) == pytest.approx(a * logit(np.array(q)) + b, abs=1e-5)


def test_a_renamed_label_keeps_its_map_and_a_new_one_has_the_common_map(bundle: Path) -> None:
    labels = LabelSet((Label("kind/bug", aliases=("bug",)), Label("something new")))
    (before,) = Labeler(bundle, labels).predict_many(ISSUES[:1])
    calibrate(bundle, Calibration(Line(1.0, 1.0), {"bug": Line(1.0, -2.0)}))
    (after,) = Labeler(bundle, labels).predict_many(ISSUES[:1])
    moved = {k: logit(np.array(after.probabilities[k])) - logit(np.array(q)) for k, q in before.probabilities.items()}
    assert moved == {"kind/bug": pytest.approx(-2.0, abs=1e-5), "something new": pytest.approx(1.0, abs=1e-5)}


def test_only_a_calibrated_bundle_is_of_the_newer_format_and_the_map_survives_the_disk(bundle: Path) -> None:
    before = json.loads((bundle / MANIFEST).read_text())
    assert before["format"] == 1
    assert "calibration" not in before
    calibration = Calibration(Line(0.9, 0.1), {"bug": Line(1.25, -0.5)})
    calibrate(bundle, calibration)
    document = json.loads((bundle / MANIFEST).read_text())
    assert document["format"] == 2
    assert document["calibration"] == {"common": [0.9, 0.1], "labels": {"bug": [1.25, -0.5]}}
    assert read_manifest(bundle).calibration == calibration


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"common": [1.0, 0.0]},
        {"common": [-1.0, 0.0], "labels": {}},
        {"common": [1.0, float("nan")], "labels": {}},
        {"common": [1.0, 0.0], "labels": {"bug": 1.0}},
    ],
)
def test_a_damaged_calibration_is_refused(bundle: Path, wrong: object) -> None:
    document = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(json.dumps(document | {"format": 2, "calibration": wrong}))
    with pytest.raises(BundleError, match="not a bundle manifest"):
        read_manifest(bundle)


def test_certain_probabilities_stay_finite_and_in_order() -> None:
    p = Calibration(Line(80.0, 3.0))(["bug"], np.array([[0.0], [1e-7], [0.5], [1.0]]))[:, 0]
    assert np.isfinite(p).all()
    assert (np.diff(p) >= 0).all()
    assert p.min() > 0
    assert p.max() < NEVER


def test_the_maps_of_a_model_that_is_wrong_in_a_known_way_are_found() -> None:
    truth, q, known = issues(20_000)
    calibration = fit("labels", NAMES, truth, q, known)
    assert calibration is not None
    for name, line in WRONG.items():
        found = calibration.labels[name]
        assert (found.a, found.b) == pytest.approx((line.a, line.b), abs=0.2), name


def test_a_label_with_hardly_an_example_keeps_to_the_common_map() -> None:
    truth, q, known = issues(2_000)
    truth[:, 2] = False
    truth[:1, 2] = known[:1, 2] = True
    calibration = fit("labels", NAMES, truth, q, known)
    assert calibration is not None
    assert calibration.labels["rare"].b > calibration.common.b - 3  # by itself it would be 7 lower


def test_a_label_with_hardly_an_example_is_not_set_where_only_calibration_lifts_it_over_one_half() -> None:
    truth, q, known = issues(2_000)
    truth[:, 2] = False
    truth[np.argsort(-q[:, 2])[:5], 2] = True
    fitted = fit_all(NAMES, truth, q, known)
    assert fitted.calibration is not None
    (even,) = fitted.calibration(NAMES, np.full((1, 3), 0.5))
    assert even[2] > 0.5
    assert fitted.thresholds["rare"] >= round(float(even[2]), 4)


@pytest.mark.parametrize(
    ("wrong", "method"),
    [
        (WRONG, "labels"),
        (dict.fromkeys(NAMES, Line(1.0, 0.0)), "none"),
        (dict.fromkeys(NAMES, Line(0.4, 0.0)), "temperature"),
        (dict.fromkeys(NAMES, Line(1.0, 1.0)), "common"),
    ],
)
def test_the_simplest_method_that_helps_is_chosen(wrong: dict[str, Line], method: str) -> None:
    choice = choose(NAMES, *issues(1_500, wrong=wrong))
    assert choice.method == method
    assert (choice.calibration is None) == (method == "none")
    losses = {name: found.log_loss for name, found in choice.qualities.items()}
    assert losses[method] <= min(losses.values()) + 0.002


def test_calibration_lowers_the_calibration_error_on_issues_that_it_never_saw() -> None:
    choice = choose(NAMES, *issues(1_000))
    assert choice.calibration is not None
    truth, q, known = issues(4_000, seed=1)
    before, after = (calibration_error(truth, p, known) for p in (q, choice.calibration(NAMES, q)))
    assert before > 0.1
    assert after < 0.03


def test_no_issue_is_judged_by_a_map_that_saw_it() -> None:
    truth, q, known = issues(200)
    fold = folds(200)
    before = out_of_fold("labels", NAMES, truth, q, known, fold)
    here = fold == 2
    after = out_of_fold("labels", NAMES, np.where(here[:, None], ~truth, truth), q, known, fold)
    assert (after[here] == before[here]).all()
    assert (after[~here] != before[~here]).any()


@pytest.mark.parametrize("truth", [True, False])
def test_labels_that_are_always_or_never_true_leave_no_map_that_is_infinite(truth: bool) -> None:
    q = np.random.default_rng(0).random((60, 2))
    calibration = fit("labels", ("a", "b"), np.full((60, 2), truth), q, np.ones((60, 2), bool))
    if calibration is not None:
        assert np.isfinite(calibration(("a", "b"), q)).all()


def test_a_handful_of_issues_is_not_calibrated_on() -> None:
    choice = choose(NAMES, *issues(20))
    assert (choice.method, choice.calibration, choice.qualities) == ("none", None, {})
    fitted = fit_all(NAMES, *issues(20))
    assert fitted.figures == {}
    assert set(fitted.thresholds) == set(NAMES)


def test_a_precise_threshold_is_the_lowest_with_that_precision() -> None:
    probabilities = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    truth = np.array([1, 1, 0, 1, 0, 0], bool)
    assert precise_threshold(truth, probabilities, 0.75) == pytest.approx(0.55)
    assert precise_threshold(truth, probabilities, 1.0) == pytest.approx(0.75)
    assert precise_threshold(truth, np.full(6, 0.5), 0.5) == pytest.approx(0.25)  # equals cannot be parted
    assert precise_threshold(~truth, probabilities, 0.9) == NEVER


def test_a_target_precision_is_reached_on_issues_that_the_thresholds_never_saw() -> None:
    fitted = fit_all(NAMES, *issues(2_000), target_precision=0.9)
    assert fitted.calibration is not None
    truth, q, known = issues(4_000, seed=1)
    p = fitted.calibration(NAMES, q)
    predicted = p >= np.array([fitted.thresholds[name] for name in NAMES])
    figures = measure(NAMES, truth, predicted, p, known)
    assert figures["precision"][0] == pytest.approx(0.9, abs=0.02)
    # What validation promised, each fifth judged by the rest, was the truth.
    assert fitted.figures["precision"][0] == pytest.approx(figures["precision"][0], abs=0.03)
    assert fitted.figures["coverage"][0] == pytest.approx(figures["coverage"][0], abs=0.03)


def test_a_frequent_label_without_that_precision_is_never_set_and_a_rare_one_only_when_sure() -> None:
    rng = np.random.default_rng(0)
    truth = np.stack([rng.random(400) < 0.5, np.arange(400) < 5, rng.random(400) < 0.5], 1)
    probabilities = np.stack([rng.random(400) * 0.9, rng.random(400), np.where(truth[:, 2], 0.95, 0.05)], 1)
    noise, rare, good = fit_thresholds(truth, probabilities, np.ones_like(truth), target_precision=0.95)
    assert noise == NEVER
    assert 0.95 <= rare <= NEVER
    assert good < 0.95


def test_measured_figures_have_intervals_around_them_and_nothing_that_json_lacks() -> None:
    truth, q, known = issues(200)
    known[:, 2] = False
    figures = measure(NAMES, truth, q >= 0.5, q, known)
    assert figures["issues"] == known.any(1).sum()
    low_to_high = [figures["micro_f1"], figures["coverage"], figures["labels"]["bug"]["f1"]]
    assert all(low < value < high for value, low, high in low_to_high)
    assert figures["labels"]["rare"]["f1"] is None
    json.dumps(figures, allow_nan=False)


def test_bundles_without_a_calibration_still_load_and_say_what_they_said(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert manifest.calibration is None
    assert manifest.labels == LABELS
    assert all(0 <= p <= 1 for p in Labeler(bundle).predict(ISSUES[0]).probabilities.values())
