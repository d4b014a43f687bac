"""The classical systems: what each learns, what it must not learn from, and that it survives odd data and a pickle."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.systems.catalogue import baselines, choose
from eval.systems.embedded import Head, Neighbours, votes
from eval.systems.simple import Keywords, Majority
from eval.systems.system import Fitted, System, Task
from eval.systems.text import bayes_weights
from labeler.base.examples import Examples
from labeler.base.f1 import micro_f1
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.errors import UsageError
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue
from synthetic.annotating.linear import best_on_validation, logistic_weights
from tests.models import write_bundle

LABELS = LabelSet((Label("bug"), Label("documentation", aliases=("docs",)), Label("ci/cd")))
WORDS = ("crash error broken", "readme typo chapter", "pipeline workflow runner")
FILLER = ("today", "again", "since", "version", "machine", "please", "thanks", "somebody")
SYSTEMS = list(baselines().values())
LEARNING = [system for system in SYSTEMS if system.key not in ("majority", "keywords")]


def examples(count: int, seed: int = 0) -> Examples:
    """Issues whose words say their labels: one of three, or two, or none."""
    rng = np.random.default_rng(seed)
    truth = rng.random((count, 3)) < (0.5, 0.3, 0.3)
    issues = []
    for row in truth:
        words = [word for label in np.flatnonzero(row) for word in rng.permutation(WORDS[label].split())[:2]]
        issues.append(Issue(" ".join(words), " ".join(rng.choice(FILLER, 6))))
    return Examples(tuple(map(str, range(count))), tuple(issues), truth, np.ones_like(truth))


def of_texts(texts: Sequence[str], truth: Sequence[Sequence[int]]) -> Examples:
    cells = np.array(truth, dtype=bool)
    return Examples(
        tuple(map(str, range(len(texts)))), tuple(Issue(text) for text in texts), cells, np.ones_like(cells)
    )


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(write_bundle(tmp_path_factory.mktemp("model") / "bundle", LABELS), LABELS, Store(None))


@pytest.fixture(scope="module")
def task(reader: Reader) -> Task:
    return Task(examples(60), examples(40, seed=1), LABELS, reader)


@pytest.fixture(scope="module")
def all_fitted(task: Task) -> dict[str, Fitted]:
    return {system.key: system.fit(task) for system in SYSTEMS}


@pytest.mark.parametrize("key", list(baselines()))
def test_a_system_answers_every_issue_by_its_thresholds(key: str, all_fitted: dict[str, Fitted]) -> None:
    issues = examples(20, seed=2).issues
    fitted = all_fitted[key]
    said = fitted(issues)
    assert said.predicted.shape == (20, 3)
    assert said.predicted.dtype == bool
    if said.probabilities is not None:
        assert said.probabilities.min() >= 0
        assert said.probabilities.max() <= 1
        assert fitted.thresholds is not None
        assert (said.predicted == (said.probabilities >= np.array(fitted.thresholds))).all()
    np.testing.assert_array_equal(fitted(issues[3:4]).predicted, said.predicted[3:4])
    assert fitted(()).predicted.shape == (0, 3)


@pytest.mark.parametrize("key", ["bayes", "linear"])
def test_words_that_say_the_label_are_learned(key: str, all_fitted: dict[str, Fitted]) -> None:
    test = examples(60, seed=3)
    assert micro_f1(test.truth, all_fitted[key](test.issues).predicted) > 0.9


@pytest.mark.parametrize("system", LEARNING, ids=lambda system: system.key)
def test_truth_that_is_not_known_teaches_nothing(system: System, task: Task) -> None:
    known = np.random.default_rng(5).random(task.train.truth.shape) < 0.7
    honest = replace(task.train, known=known)
    swapped = replace(honest, truth=task.train.truth ^ ~known)
    issues = examples(20, seed=2).issues
    first, second = (system.fit(replace(task, train=train))(issues) for train in (honest, swapped))
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


@pytest.mark.parametrize("system", LEARNING, ids=lambda system: system.key)
def test_a_label_that_training_never_has_or_always_has_is_never_or_always_set(system: System, task: Task) -> None:
    truth = task.train.truth.copy()
    truth[:, 0], truth[:, 2] = True, False
    always_there = replace(task.validation, truth=np.ones_like(task.validation.truth))
    fitted = system.fit(replace(task, train=replace(task.train, truth=truth), validation=always_there))
    predicted = fitted(examples(20, seed=2).issues).predicted
    assert predicted[:, 0].all()
    assert not predicted[:, 2].any()


@pytest.mark.parametrize("system", LEARNING, ids=lambda system: system.key)
def test_a_label_known_on_no_training_row_is_not_set(system: System, task: Task) -> None:
    known = task.train.known.copy()
    known[:, 1] = False
    fitted = system.fit(replace(task, train=replace(task.train, known=known)))
    assert not fitted(examples(20, seed=2).issues).predicted[:, 1].any()


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.key)
@pytest.mark.parametrize("text", ["", "🐛", "one"], ids=["empty", "no word", "one word"])
def test_one_issue_without_words_is_enough_to_fit(system: System, text: str, task: Task) -> None:
    lone = of_texts([text], [[1, 0, 0]])
    predicted = system.fit(replace(task, train=lone, validation=lone))([Issue("A crash", "in the pipeline")]).predicted
    assert predicted.shape == (1, 3)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.key)
def test_fitting_again_gives_the_same_answers(system: System, task: Task, all_fitted: dict[str, Fitted]) -> None:
    issues = examples(20, seed=2).issues
    first, second = all_fitted[system.key](issues), system.fit(task)(issues)
    np.testing.assert_array_equal(first.predicted, second.predicted)
    if first.probabilities is not None:
        np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_pickled_systems_answer_alike_in_a_process_of_their_own(all_fitted: dict[str, Fitted], tmp_path: Path) -> None:
    issues = examples(8, seed=2).issues
    (tmp_path / "fitted").write_bytes(pickle.dumps((all_fitted, issues)))
    program = (
        "import pickle, sys, json\n"
        "fitted, issues = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(json.dumps({key: one(issues).predicted.tolist() for key, one in fitted.items()}))"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "fitted"], capture_output=True, check=True)
    assert json.loads(done.stdout) == {key: one(issues).predicted.tolist() for key, one in all_fitted.items()}


def test_majority_sets_as_many_of_the_most_frequent_labels_as_suit_validation() -> None:
    train = of_texts(["a"] * 4, [[1, 0, 1], [1, 0, 1], [1, 0, 0], [0, 1, 0]])
    one = of_texts(["a"] * 3, [[1, 0, 0], [1, 0, 0], [1, 1, 0]])
    two = of_texts(["a"] * 3, [[1, 0, 1], [1, 0, 1], [1, 0, 0]])
    assert Majority().fit(Task(train, one, LABELS))([Issue("b")]).predicted.tolist() == [[True, False, False]]
    assert Majority().fit(Task(train, two, LABELS))([Issue("b")]).predicted.tolist() == [[True, False, True]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Two BUGS at once", ["bug"]),
        ("debugging the debugger", []),
        ("A test fails", ["testing"]),
        ("Please document it: docs are missing", ["documentation"]),
        ("CI / CD is red", ["ci/cd"]),
        ("cd into the folder, then CI", []),
        ("the API is slow", ["area/api"]),
        ("this area", []),
        ("good first issue, for anybody", ["good first issue"]),
    ],
)
def test_keywords_are_whole_words_of_names_and_aliases(text: str, found: list[str]) -> None:
    names = ("bug", "testing", "ci/cd", "area/api", "area/web", "good first issue", "🐛")
    labels = LabelSet((*map(Label, names), Label("documentation", aliases=("docs",))))
    nothing = of_texts(["a"], [[0] * len(labels)])
    predicted = Keywords().fit(Task(nothing, nothing, labels))([Issue(text)]).predicted[0]
    assert [name for name, is_set in zip(labels.names, predicted, strict=True) if is_set] == found


def test_keywords_read_the_body_where_that_is_better_on_validation() -> None:
    told = replace(of_texts(["a"], [[1, 0, 0]]), issues=(Issue("It fails", "a bug"),))
    misled = replace(told, truth=np.array([[False, False, False]]), issues=(Issue("It fails", "no bug, but docs"),))
    asked = [Issue("Help", "It is a bug")]
    assert Keywords().fit(Task(told, told, LABELS))(asked).predicted[0, 0]
    assert not Keywords().fit(Task(told, misled, LABELS))(asked).predicted[0, 0]


def test_naive_bayes_agrees_with_scikit_learn() -> None:
    from scipy.special import expit
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    train = examples(50)
    counts = CountVectorizer().fit_transform(f"{issue.title} {issue.body}" for issue in train.issues)
    weights, biases = bayes_weights(counts, train, 0.5)
    for label in range(3):
        theirs = MultinomialNB(alpha=0.5).fit(counts, train.truth[:, label]).predict_proba(counts)[:, 1]
        np.testing.assert_allclose(expit(counts @ weights[:, label] + biases[label]), theirs, atol=1e-4)


def test_votes_agree_with_scikit_learn() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(0)
    train, given = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.normal(size=(2, 30, 5)))
    said = examples(30)
    three, seven = votes(given, train, said, [3, 7])
    for found, count in ((three, 3), (seven, 7)):
        theirs = KNeighborsClassifier(count, metric="cosine").fit(train, said.truth).predict_proba(given)
        np.testing.assert_allclose(found, np.column_stack([share[:, 1] for share in theirs]))


def test_neighbours_that_do_not_know_a_label_have_no_vote_on_it() -> None:
    around = np.array([[1, 0], [0.9, 0.1], [0.8, 0.2], [-1, 0]]) / [[1], [0.82**0.5], [0.68**0.5], [1]]
    said = of_texts(["a"] * 4, [[1, 1, 1], [0, 1, 1], [1, 0, 1], [0, 0, 0]])
    some = replace(said, known=np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]], dtype=bool))
    (found,) = votes(around[:1], around, some, [3])
    np.testing.assert_allclose(found, [[1 / 2, 1 / 2, 0]])


def test_the_head_agrees_with_scikit_learn_on_standardised_embeddings(task: Task) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    issues = examples(20, seed=2).issues
    found = Head(strengths=(0.1,)).fit(task)(issues).probabilities
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    theirs.fit(task.reader.read(task.train.issues).embeddings, task.train.truth[:, 0])
    expected = theirs.predict_proba(task.reader.read(issues).embeddings)[:, 1]
    np.testing.assert_allclose(found[:, 0], expected, atol=0.01)


def test_neighbours_count_is_chosen_on_validation(task: Task) -> None:
    fitted = Neighbours(counts=(1, 3)).fit(task)
    found = votes(fitted.embeddings(task.validation.issues), fitted.train, task.train, [1, 3])
    assert fitted.count == (1, 3)[best_on_validation(found, task)[0]]
    assert Neighbours().fit(replace(task, train=task.train.take(range(4)))).count <= 4


def test_the_probabilities_with_the_best_f1_on_validation_win() -> None:
    kept = examples(40)
    right, wrong = kept.truth * 0.8 + 0.1, ~kept.truth * 0.8 + 0.1
    best, thresholds = best_on_validation([wrong, right, right], Task(kept, kept, LABELS))
    assert best == 1
    assert ((right >= np.array(thresholds)) == kept.truth).all()


def test_stronger_regularisation_shrinks_the_weights() -> None:
    train = examples(50)
    features = np.random.default_rng(0).normal(size=(50, 4)) + train.truth[:, :1]
    weak, strong = (np.abs(logistic_weights(features, train, strength)[0]).sum() for strength in (10.0, 0.01))
    assert strong < weak / 2


def test_a_system_on_embeddings_says_that_it_needs_a_model(task: Task, all_fitted: dict[str, Fitted]) -> None:
    for key in ("neighbours", "head"):
        with pytest.raises(UsageError, match="needs a model"):
            baselines()[key].fit(replace(task, reader=None))
        assert all_fitted[key].size_bytes == sum(file.stat().st_size for file in task.reader.folder.iterdir())


def test_systems_are_chosen_by_name() -> None:
    assert [system.key for system in choose("linear, bayes")] == ["bayes", "linear"]
    assert [system.key for system in choose("all")] == list(baselines())
    assert choose("none") == []
    for names in ("linear,svm", "", "all,linear"):
        with pytest.raises(UsageError, match="no such system"):
            choose(names)
