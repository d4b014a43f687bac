from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.decision.decide import Present
from labeler.github.history import LabelEvent, label_event, label_events, standing

ACTION = "github-actions[bot]"


def test_the_last_event_of_a_label_tells_who_put_it_there() -> None:
    history = [
        LabelEvent("Bug", "labeled", ACTION),
        LabelEvent("docs", "labeled", "octocat"),
        LabelEvent("ux/ui", "labeled", ACTION),
        LabelEvent("ux/ui", "unlabeled", "octocat"),
        LabelEvent("testing", "labeled", "octocat"),
        LabelEvent("testing", "unlabeled", ACTION),
        LabelEvent("security", "labeled", "another[bot]"),
    ]
    present, removed = standing(("bug", "docs", "security", "renamed"), history, ACTION)
    assert present == (
        Present("bug", "action"),
        Present("docs", "person"),
        Present("security", "person"),
        Present("renamed", "unknown"),
    )
    assert removed == {"ux/ui"}


changes = st.builds(
    LabelEvent,
    st.sampled_from(["a", "A", "b"]),
    st.sampled_from(["labeled", "unlabeled"]),
    st.sampled_from(["x", ACTION]),
)


@given(st.lists(changes), st.sets(st.sampled_from(["a", "b"])))
def test_no_label_is_both_on_an_issue_and_removed_from_it(history: list[LabelEvent], names: set[str]) -> None:
    present, removed = standing(tuple(names), history, ACTION)
    assert {one.name for one in present} == names
    assert not names & {name.lower() for name in removed}


AT, BUG, ANN = "2026-11-20T09:30:00Z", {"name": "bug", "color": "ededed"}, {"login": "ann", "type": "User"}


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"event": "labeled", "actor": ANN, "label": BUG}, LabelEvent("bug", "labeled", "ann", "user", AT)),
        ({"event": "unlabeled", "actor": None, "label": BUG}, LabelEvent("bug", "unlabeled", "", "", AT)),
        (
            {"event": "labeled", "actor": {"login": "ci[bot]"}, "label": BUG},
            LabelEvent("bug", "labeled", "ci[bot]", "bot", AT),
        ),
        (
            {"event": "labeled", "actor": ANN | {"type": "Bot"}, "label": BUG},
            LabelEvent("bug", "labeled", "ann", "bot", AT),
        ),
        ({"event": "closed", "actor": ANN, "label": BUG}, None),
        ({"event": "labeled", "actor": ANN, "label": None}, None),
        ({"event": "labeled", "actor": ANN, "label": {"color": "ededed"}}, None),
    ],
)
def test_of_events_only_those_of_labels_count_and_a_deleted_account_has_no_name(
    event: dict[str, Any], found: LabelEvent | None
) -> None:
    event = event | {"created_at": AT}
    assert label_event(event) == found
    assert label_events([event, event]) == ((found, found) if found else ())
