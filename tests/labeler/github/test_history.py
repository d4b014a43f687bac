from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labeler.decision.decide import Present
from labeler.github.history import LabelEvent, standing

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
