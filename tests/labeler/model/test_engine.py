from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.labels.label_set import Label, LabelSet
from labeler.model.engine import membership
from labeler.model.predict import Labeler
from labeler.model.tensors import TensorFile
from labeler.text.issue import Issue
from tests.models import LABELS, write_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("engine") / "bundle")


@pytest.fixture(scope="module")
def labeler(bundle: Path) -> Labeler:
    return Labeler(bundle, threads=1)


@settings(max_examples=150, deadline=None)
@given(title=st.text(max_size=80), body=st.text(max_size=400))
def test_any_text_gets_a_probability_for_every_label_and_an_answer_of_the_list(
    labeler: Labeler, title: str, body: str
) -> None:
    prediction = labeler.predict(Issue(title, body))
    assert tuple(prediction.probabilities) == LABELS.names
    assert all(0 <= p <= 1 for p in prediction.probabilities.values())
    assert [name for name in LABELS.names if name in prediction.chosen] == list(prediction.chosen)


@pytest.mark.parametrize(
    "names", [["only"], ["a", "ab", "abc", "abcd"], [f"label {i}" for i in range(60)], ["🐛", "ü"]]
)
def test_any_label_list_can_be_scored(bundle: Path, names: list[str]) -> None:
    labeler = Labeler(bundle, LabelSet(tuple(map(Label, names))), threads=1)
    prediction = labeler.predict(Issue("The application crashes", "when I open a file"))
    assert list(prediction.probabilities) == names
    assert all(0 <= p <= 1 for p in prediction.probabilities.values())


def test_probabilities_do_not_depend_on_the_number_of_threads_or_workers(bundle: Path) -> None:
    issues = [Issue(f"Crash number {i}", "open the file menu " * i) for i in range(12)]
    expected = [p.probabilities for p in Labeler(bundle, threads=1).predict_many(issues)]
    for options in ({"threads": 2}, {"threads": 1, "workers": 4}):
        for got, want in zip(Labeler(bundle, **options).predict_many(issues), expected, strict=True):
            np.testing.assert_allclose(list(got.probabilities.values()), list(want.values()), atol=1e-5)


def test_the_bundles_own_prefix_is_not_computed_again(bundle: Path, tmp_path: Path) -> None:
    Labeler(bundle, cache=tmp_path).predict(Issue("Crash"))
    assert not (tmp_path / "prefixes").exists()


def test_another_lists_prefix_is_kept_on_disk_and_used(bundle: Path, tmp_path: Path) -> None:
    labels = LabelSet((Label("one"), Label("two")))
    first = Labeler(bundle, labels, cache=tmp_path).predict(Issue("Crash"))
    (kept,) = (tmp_path / "prefixes").glob("*.safetensors")
    file = TensorFile(kept)
    # Zeros in place of the cache: if the file is read, they show.
    from labeler.model.prefix import write_prefix

    write_prefix(kept, file["ids"].tolist(), np.zeros_like(file["cache"]))
    assert Labeler(bundle, labels, cache=tmp_path).predict(Issue("Crash")).probabilities != first.probabilities


def test_a_damaged_prefix_is_computed_again(bundle: Path, tmp_path: Path) -> None:
    labels = LabelSet((Label("one"), Label("two")))
    first = Labeler(bundle, labels, cache=tmp_path).predict(Issue("Crash"))
    (kept,) = (tmp_path / "prefixes").glob("*.safetensors")
    kept.write_bytes(b"broken")
    assert Labeler(bundle, labels, cache=tmp_path).predict(Issue("Crash")).probabilities == first.probabilities
    assert kept.stat().st_size > 1000


def test_two_models_do_not_share_prefixes(tmp_path: Path) -> None:
    labels = LabelSet((Label("one"), Label("two")))
    for seed in (1, 2):
        bundle = write_bundle(tmp_path / f"bundle{seed}", seed=seed)
        Labeler(bundle, labels, cache=tmp_path / "cache").predict(Issue("Crash"))
    assert len(list((tmp_path / "cache" / "prefixes").glob("*.safetensors"))) == 2


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "prefixes").write_text("a file where the folder should be")
    labels = LabelSet((Label("one"), Label("two")))
    assert Labeler(bundle, labels, cache=tmp_path).predict(Issue("Crash")).probabilities


def test_a_label_known_by_an_alias_is_asked_for_by_the_name_the_model_learned(bundle: Path) -> None:
    renamed = LabelSet(tuple(Label("type: " + name, aliases=(name,)) for name in LABELS.names))
    issue = Issue("The application crashes")
    theirs, own = Labeler(bundle, renamed).predict(issue), Labeler(bundle).predict(issue)
    assert list(theirs.probabilities) == ["type: " + name for name in LABELS.names]
    assert list(theirs.probabilities.values()) == list(own.probabilities.values())


def test_embeddings_are_unit_vectors_that_tell_texts_apart(labeler: Labeler) -> None:
    issues = [Issue("Crash when saving"), Issue("Crash when saving"), Issue("Please add dark mode")]
    rows = labeler.read(issues)[1]
    assert rows.dtype == np.float32
    assert rows.shape == (3, labeler.manifest.shape.hidden_size)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(rows[0], rows[1])
    assert rows[0] @ rows[2] < 0.9999


def test_a_list_of_one_label_has_that_label_or_nothing(bundle: Path) -> None:
    labeler = Labeler(bundle, LabelSet((Label("only"),)), threads=1)
    issues = [Issue("Crash when saving"), Issue("thank you"), Issue("")]
    for score in labeler.engine.score([labeler.engine.renderer.issue(issue) for issue in issues], labeler.task):
        assert 0 < score.nothing < 1
        assert score.probabilities[0] + score.nothing == pytest.approx(1)


def test_nothing_is_the_complement_of_what_the_first_state_offers(labeler: Labeler) -> None:
    (score,) = labeler.engine.score([labeler.engine.renderer.issue(Issue("Crash", "it hangs"))], labeler.task)
    assert score.probabilities.max() <= 1 - score.nothing + 1e-9 <= score.probabilities.sum() + 1e-8


def test_progress_is_told_once_an_issue(labeler: Labeler) -> None:
    told: list[int] = []
    labeler.predict_many([Issue("a"), Issue("b"), Issue("c")], lambda: told.append(1))
    assert len(told) == 3


def states_of_independent_labels(chances: list[float], chosen: list[int]) -> list[np.ndarray]:
    """p(j | s) along a path, where each label is in the set by its own chance, whatever else is."""
    states = []
    for last in [-1, *chosen]:
        state, none_yet = np.zeros(len(chances)), 1.0
        for j in range(last + 1, len(chances)):
            state[j] = none_yet * chances[j]
            none_yet *= 1 - chances[j]
        states.append(state)
    return states


CHANCES = st.lists(st.floats(0.01, 0.99), min_size=1, max_size=8)


@given(chances=CHANCES)
def test_membership_of_independent_labels_is_exact_along_a_whole_path(chances: list[float]) -> None:
    states = states_of_independent_labels(chances, list(range(len(chances))))
    np.testing.assert_allclose(membership(states), chances)


@given(chances=CHANCES, data=st.data())
def test_membership_lies_between_the_chance_to_come_next_and_the_whole_chance(
    chances: list[float], data: st.DataObject
) -> None:
    chosen = sorted(data.draw(st.sets(st.sampled_from(range(len(chances))))))
    states = states_of_independent_labels(chances, chosen)
    assert (membership(states) >= states[0] - 1e-12).all()
    assert (membership(states) <= np.array(chances) + 1e-12).all()


HEAVY = (
    "torch",
    "transformers",
    "unsloth",
    "google",
    "sklearn",
    "pandas",
    "peft",
    "trl",
    "training",
    "eval",
    "synthetic",
)


def test_what_the_action_runs_imports_nothing_heavy(bundle: Path) -> None:
    code = f"""
import importlib, pathlib, sys
for path in sorted(pathlib.Path("labeler").rglob("*.py")):
    if path.name != "__main__.py":
        importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
from labeler.cli import main
assert main(["--model", {str(bundle)!r}, "--title", "Crash"]) == 0
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_labelling_imports_neither_a_hub_client_nor_an_http_client(bundle: Path) -> None:
    code = f"""
import sys
from labeler.cli import main
assert main(["--model", {str(bundle)!r}, "--title", "Crash", "--json"]) == 0
print(sorted({{"huggingface_hub", "httpx2", "rich", "yaml", "tokenizers", "onnx"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
