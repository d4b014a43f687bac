"""The model with opinions that other tests lean on: what it knows, and that the script which made it still runs."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from labeler.base.f1 import micro_f1
from labeler.model.predict import Labeler
from tests.models import TAUGHT_LABELS
from tests.training.make_taught import made_up, make

pytestmark = pytest.mark.training


def test_the_taught_model_tells_labels_apart_on_issues_that_it_never_saw(taught: Path) -> None:
    rows = made_up(150, seed=99)
    said = Labeler(taught).predict_many([row.issue for row in rows])
    truth, chosen = (
        np.array([[name in names for name in TAUGHT_LABELS.names] for names in found])
        for found in ([row.labels for row in rows], [one.chosen for one in said])
    )
    assert micro_f1(truth, chosen) > 0.8


def test_the_script_that_made_it_lowers_the_loss(tmp_path: Path) -> None:
    losses = make(tmp_path, epochs=1, rows=640)
    assert len(losses) == 20
    assert fmean(losses[-5:]) < 0.8 * fmean(losses[:5])
