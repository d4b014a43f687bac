"""Whatever list is given can be asked for: every label by itself, each with a probability."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.labels.label_set import Label, LabelSet, fold
from labeler.model.predict import Labeler, as_tuned
from labeler.text.issue import Issue
from tests.models import write_bundle

TUNED = LabelSet(
    (
        Label("bug", aliases=("defect", "type: bug")),
        Label("enhancement", "New", aliases=("feature", "feature request")),
        Label("question", aliases=("support",)),
        Label("performance", aliases=("perf",)),
    )
)
WORDS = [spelling for label in TUNED for spelling in label.spellings]
WORDS += [
    "bug: confirmed",
    "\U0001f41b bug",
    ":bug:",
    "\U0001f41b",
    "\u4e0d\u5177\u5408",
    "\u043e\u0448\u0438\u0431\u043a\u0430",
    "a" * 50,
]
NAMES = st.one_of(
    st.sampled_from(WORDS),
    st.text("abugf: /\u00e9\u4e2d\U0001f41b", min_size=1).map(str.strip).filter(bool),
)
LISTS = st.lists(NAMES, min_size=3, max_size=60, unique_by=fold)


@pytest.fixture(scope="module")
def labeler(tmp_path_factory: pytest.TempPathFactory) -> Labeler:
    return Labeler(write_bundle(tmp_path_factory.mktemp("lists") / "bundle", TUNED))


@settings(max_examples=25, deadline=None)
@given(names=LISTS)
def test_every_list_is_answered_with_each_label_by_itself(labeler: Labeler, names: list[str]) -> None:
    shown = labeler.showing(LabelSet(tuple(map(Label, names))))
    said = shown.predict(Issue("A bug", "It fails"))
    assert list(said.probabilities) == names
    assert all(0 <= p <= 1 for p in said.probabilities.values())
    assert len({fold(label.name) for label in as_tuned(shown.labels, TUNED)}) == len(names)


def test_an_alias_joins_no_two_labels_of_a_list() -> None:
    pairs = LabelSet(tuple(Label(name, "Mine") for name in ("feature", "feature request", "support", "question")))
    assert [(one.name, one.description) for one in as_tuned(pairs, TUNED)] == [(name, "Mine") for name in pairs.names]
    alone = as_tuned(LabelSet((Label("feature"),)), TUNED)
    assert [(label.name, label.description) for label in alone] == [("enhancement", "New")]


def test_another_list_shares_the_engine_and_leaves_the_first_alone(labeler: Labeler) -> None:
    issue = Issue("A bug", "It fails")
    before = labeler.predict(issue).probabilities
    part = labeler.showing(LabelSet(labeler.labels.labels[:2]))
    assert part.engine is labeler.engine
    assert list(part.predict(issue).probabilities) == ["bug", "enhancement"]
    assert labeler.predict(issue).probabilities == before
