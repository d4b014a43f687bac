from __future__ import annotations

from labeler.labels.label_set import Label, LabelSet
from labeler.labels.part_lists import part_of
from labeler.labels.strangers import said_of, strangers

TUNED = LabelSet((Label("bug", aliases=("defect",)), Label("enhancement"), Label("documentation")))


def test_the_model_is_asked_for_what_the_repository_has() -> None:
    part = part_of(TUNED, ["Defect", "\U0001f4d6 documentation", "wontfix"])
    assert part.shown.names == ("bug", "documentation")
    assert part.missing == ("enhancement",)
    assert "labels sync o/r --labels labels.yml" in part.said("o/r", "labels.yml")
    assert part_of(TUNED, TUNED.names).said("o/r") == ""


def test_a_label_that_is_always_shown_is_asked_for_and_still_missing() -> None:
    labels = LabelSet((Label("bug"), Label("question", show="always"), Label("docs")))
    part = part_of(labels, ["bug"])
    assert part.shown.names == ("bug", "question")
    assert part.missing == ("question", "docs")


def test_of_a_repository_that_has_none_of_them_all_are_asked_for() -> None:
    assert part_of(TUNED, ["wontfix"]).shown == TUNED


def test_a_name_that_is_new_to_the_model_is_named_with_the_one_that_may_be_meant() -> None:
    given = LabelSet(tuple(map(Label, ("bgu", "enhancment", "area/web", "docs", "Defect"))))
    new = strangers(given, TUNED)
    assert new["enhancment"] == "enhancement"
    assert new["area/web"] == ""
    assert "Defect" not in new
    assert "enhancment (did you mean enhancement?)" in said_of(new)
    assert strangers(LabelSet((Label("bgu"),)), TUNED) == {"bgu": "bug"}
    assert strangers(LabelSet((Label("bugs"), Label("bug"))), TUNED) == {"bugs": ""}
    assert said_of({}) == ""
