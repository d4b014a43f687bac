"""How many labels may still be added to an issue: by the policy, and by GitHub's own limit."""

from __future__ import annotations

from collections.abc import Collection

from labeler.decision.policy import Policy, Present

MOST_ON_ISSUE = 100  # GitHub refuses a request as a whole that would lead over it


def room_of(policy: Policy, present: Collection[Present]) -> int:
    """So many labels may be added. What is to be taken back still counts: it is taken back after the adding."""
    left = max(0, MOST_ON_ISSUE - len(present))
    return left if policy.max_labels is None else min(left, policy.max_labels)


def is_full(policy: Policy, present: Collection[Present]) -> bool:
    """Whether it is GitHub's limit, rather than the policy's, that `room_of` gives."""
    return policy.max_labels is None or MOST_ON_ISSUE - len(present) < policy.max_labels


def why_full(present: Collection[Present]) -> str:
    return f"GitHub takes {MOST_ON_ISSUE} labels an issue, and this one has {len(present)}"
