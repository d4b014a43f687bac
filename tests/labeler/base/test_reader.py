from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from tests.models import LABELS, write_bundle

ISSUES = [Issue(f"Crash number {i}", "open the file menu " * i) for i in range(5)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("reader") / "bundle")


def test_a_reading_is_what_the_labeller_says(bundle: Path) -> None:
    reading = Reader(bundle, LABELS, Store(None)).read(ISSUES)
    said, embeddings = Labeler(bundle, LABELS, threads=1).read(ISSUES)
    np.testing.assert_allclose(reading.probabilities, [list(one.probabilities.values()) for one in said], atol=1e-6)
    np.testing.assert_allclose(reading.embeddings, embeddings, atol=1e-6)
    assert [tuple(np.array(LABELS.names)[row]) for row in reading.chosen] == [one.chosen for one in said]


def test_what_was_read_is_not_read_again_in_another_run(bundle: Path, tmp_path: Path) -> None:
    first = Reader(bundle, LABELS, Store(tmp_path)).read(ISSUES)
    again = Reader(bundle, LABELS, Store(tmp_path))
    reading = again.read(ISSUES)
    assert "labeler" not in vars(again)  # the model was not even loaded
    np.testing.assert_array_equal(reading.probabilities, first.probabilities)
    np.testing.assert_array_equal(reading.chosen, first.chosen)
    assert reading.seconds == first.seconds


def test_issues_in_another_order_keep_their_own_figures(bundle: Path) -> None:
    reader = Reader(bundle, LABELS, Store(None))
    forward, backward = reader.read(ISSUES), reader.read(ISSUES[::-1])
    np.testing.assert_array_equal(forward.embeddings, backward.embeddings[::-1])


def test_no_issues_make_an_empty_reading(bundle: Path) -> None:
    reading = Reader(bundle, LABELS, Store(None)).read([])
    assert reading.probabilities.shape == (0, len(LABELS))


def test_a_torn_file_of_the_store_is_passed_over(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(["key"], {"a": np.arange(3)})
    kept = store.get(["key"])
    assert kept is not None
    assert kept["a"].tolist() == [0, 1, 2]
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:40])
    assert store.get(["key"]) is None
    assert store.get(["other"]) is None
