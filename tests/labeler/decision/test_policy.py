from __future__ import annotations

import pytest

from labeler.decision.policy import Policy
from labeler.errors import UsageError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threshold": 1.5}, "threshold: 1.5 is not between 0 and 1"),
        ({"threshold": float("nan")}, "threshold: nan"),
        ({"thresholds": {"bug": -0.1}}, "threshold of bug: -0.1"),
        ({"max_labels": -1}, "max-labels: -1 is negative"),
    ],
)
def test_a_policy_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Policy(**given)  # type: ignore[arg-type]


def test_the_ends_of_the_ranges_are_allowed() -> None:
    assert Policy(threshold=0, thresholds={"bug": 1}, max_labels=0).max_labels == 0
