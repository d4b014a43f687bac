from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.data.label_names import names_of


@pytest.mark.parametrize(
    "text",
    [
        "bug, enhancement", "bug,enhancement,", "bug;enhancement", "bug|enhancement", "bug\nenhancement",
        "['bug', 'enhancement']", '["bug","enhancement"]', "('bug', 'enhancement')", "{'bug', 'enhancement'}",
        "['bug' 'enhancement']", "[bug, enhancement]", "{bug,enhancement}", '{"bug",enhancement}',
        "\"bug\", 'enhancement'", '[{"name": "bug"}, {"name": "enhancement"}]',
    ],
)  # fmt: skip
def test_a_list_is_read_in_whatever_form_it_is_written(text: str) -> None:
    assert names_of(text) == ("bug", "enhancement")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()), ("[]", ()), (" \n", ()), ("bug", ("bug",)), ("['bug']", ("bug",)), ("('bug',)", ("bug",)),
        ("[area] ui, [area] api", ("[area] ui", "[area] api")), ("[area] ui", ("[area] ui",)),
        ('["a, b", "c;d", "[x]"]', ("a, b", "c;d", "[x]")), ("[\"it's\", 'x']", ("it's", "x")),
    ],
)  # fmt: skip
def test_names_that_look_like_lists_stay_names(text: str, names: tuple[str, ...]) -> None:
    assert names_of(text) == names


@pytest.mark.parametrize("text", ["[bug]", "['bug', 7]", '["bug"', "['a''b']", "bug, a;b", '[["bug"]]'])
def test_what_may_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"list|separates"):
        names_of(text)


@given(st.lists(st.text(min_size=1).map(str.strip).filter(bool), max_size=4))
def test_any_names_survive_json(names: list[str]) -> None:
    assert names_of(json.dumps(names)) == tuple(names)
