from __future__ import annotations

import pytest

from labeler.labels.counterparts import counterparts
from labeler.labels.label_set import Label, LabelSet
from labeler.labels.look_alikes import undecorated

BUG, DOCS = Label("bug", aliases=("defect",)), Label("docs")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bug", "bug"), ("\U0001f41b bug", ":bug: Bug"), (":bug:", "\U0001f41b"), ("bug\U0001f41e", "bug"),
        ("cafe\u0301", "caf\u00e9"), ("\u2764\ufe0f", "\u2764"), ("\u2699\ufe0f build", "build"),
    ],
)  # fmt: skip
def test_names_that_differ_in_decoration_alone_are_one(one: str, other: str) -> None:
    assert undecorated(one) == undecorated(other)


@pytest.mark.parametrize("name", ["c++", "c#", "p1", "\u4e2d\u6587", "bug: confirmed", "ux/ui", "\U0001f41b"])
def test_what_a_name_consists_of_stays(name: str) -> None:
    assert undecorated(name) == name


def test_what_looks_like_a_label_is_it_only_where_nothing_else_can_be() -> None:
    labels = LabelSet((BUG, DOCS))
    assert counterparts(labels, ["\U0001f41b bug", "Docs"]) == {BUG: ("\U0001f41b bug",), DOCS: ("Docs",)}
    assert counterparts(labels, ["\U0001f41b bug", "defect"]) == {BUG: ("defect",)}
    assert counterparts(labels, ["\U0001f41b bug", ":fire: bug"]) == {}
    apart = LabelSet((BUG, Label("\U0001f41b bug")))
    assert [label.name for label in counterparts(apart, ["BUG", "\U0001f41b bug"])] == ["bug", "\U0001f41b bug"]
    assert apart.find(":fire: bug") is None
