from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.data.rows import Labelled
from labeler.model.bundle import read_manifest, verify
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from tests.models import write_bundle
from training.starter.nothing import PAIRS, Read, best_cuts, fit_nothing, fit_score

TITLES = ("crash when saving", "add dark mode", "how do I set a proxy", "typo in the guide")


def made(count: int, seed: int, junk: bool) -> Read:
    """Issues whose first label comes 0.5 below its threshold where they are thin and 3 above where real; junk passes,
    and is told by its embedding alone."""
    rng = np.random.default_rng(seed)
    real = np.arange(count) % 2 == 1 if junk else np.ones(count, dtype=bool)
    margins = np.stack([np.where(real & junk, -0.5, 3.0) + rng.normal(0, 0.1, count), np.full(count, -4.0)], 1)
    embedding = np.stack([np.where(real, 0.9, -0.9), rng.normal(0, 0.1, count)], 1)
    truth = np.stack([real, np.zeros(count, dtype=bool)], 1)
    ones = np.ones((count, 2), dtype=bool)
    return Read(np.full((count, 2), 0.5), margins, np.full(count, 0.3), np.full(count, 20), embedding, truth, ones)


def test_what_the_embedding_tells_decides_against_the_thresholds() -> None:
    near, real = made(40, 1, junk=True), made(60, 2, junk=False)
    score, figures = fit_score(near, real)
    assert (figures["junk before"], figures["thin before"]) == (0.0, 0.0)
    assert (figures["junk"], figures["thin"]) == (1.0, 1.0)
    assert figures["micro_f1"] == figures["micro_f1 before"] == 1.0
    assert score.judge(0.3, 3.0, 20, np.array([-0.9, 0.0])).reason is not None
    assert score.judge(0.3, -0.5, 20, np.array([0.9, 0.0])).is_real


def test_no_cut_may_cost_real_issues_their_labels() -> None:
    near, real = made(40, 1, junk=True), made(60, 2, junk=False)
    thin = near.truth.any(1)
    score = np.where(thin, 1.0, -1.0)
    below, above = best_cuts(near, real, score, np.full(60, 2.0))
    assert -1 < below <= above <= 1
    low, never = best_cuts(near, real, score, np.full(60, -2.0))
    assert (low, never) == (-99.0, 99.0), "it would leave real issues alone"
    wrong = replace(real, truth=np.zeros_like(real.truth), margins=np.full_like(real.margins, -1.0))
    wrong.truth[0] = True
    wrong.margins[0] = 1.0
    assert best_cuts(near, wrong, score, np.full(60, 2.0))[1] > 2, "it would set wrong labels"


def test_a_bundle_gets_score_and_figures(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    names = read_manifest(bundle).labels.names
    pairs = tmp_path / "pairs.jsonl"
    rows = [{"title": t, "body": b, "labels": labels} for t in TITLES * 3
            for b, labels in (("thanks", []), ("it fails", [names[0]]))]  # fmt: skip
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    real = [Labelled(Issue(f"{t} {i}", "always"), frozenset({names[0]}), names, "x") for i, t in enumerate(TITLES * 3)]
    said: list[str] = []
    manifest = fit_nothing(bundle, [*real, replace(real[0], labels=frozenset())], said.append, pairs)
    verify(bundle)
    assert manifest.abstain is not None
    assert len(manifest.abstain.embedding) == manifest.shape.hidden_size
    figures = manifest.metrics["left alone"]
    assert (figures["pairs"], figures["real"]) == (12, 12)
    assert "12 pairs" in said[0]
    assert Labeler(bundle).predict(Issue("thanks", "")).judgement is not None


@pytest.mark.parametrize("at", [0, 1])
def test_the_pairs_alternate_junk_and_thin_issues(at: int) -> None:
    rows = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 240
    assert {bool(row["labels"]) for row in rows[at::2]} == {bool(at)}
    assert {row["kind"] for row in rows[at::2]} == {("junk", "thin")[at]}
