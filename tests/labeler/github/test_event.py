from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeler.config import Machine, Settings
from labeler.errors import InputError, UsageError
from labeler.github.event import read_event, reason_of_event, skip_rules, subject
from labeler.text.issue import Issue, from_event

PAYLOADS = sorted((Path(__file__).parents[2] / "fixtures" / "octokit" / "issues").glob("*.json"))


def settings(**changes: object) -> Settings:
    return Settings(**{"token": "t", "repository": "octo/hello", "machine": Machine(), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("login", "pattern", "matches"),
    [
        ("dependabot[bot]", "*[bot]", True),
        ("dependabot[bot]", "dependabot[bot]", True),
        ("Renovate[bot]", "renovate*", True),
        ("bob", "*[bot]", False),
        ("o", "[bot]", False),
        ("octocat", "octoca?", True),
        ("octocat", "octo", False),
    ],
)
def test_authors_are_matched_by_wildcards_in_which_brackets_are_plain(login: str, pattern: str, matches: bool) -> None:
    reason = skip_rules(settings(skip_authors=(pattern,)))(Issue("x", author=login))
    assert bool(reason) is matches


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_every_real_payload_is_either_about_an_issue_or_left_alone(path: Path) -> None:
    payload = json.loads(path.read_bytes())
    issue = from_event(payload)
    ours = settings(repository=issue.repository)
    assert subject(payload, ours) == (issue, payload["issue"]["number"])
    alone = bool(reason_of_event(payload, issue) or skip_rules(ours)(issue))
    edited_elsewhere = payload["action"] == "edited" and not payload["changes"].keys() & {"title", "body"}
    assert alone is (
        payload["action"] in ("deleted", "transferred")
        or edited_elsewhere
        or bool(payload["issue"].get("pull_request"))
    )


def test_a_number_given_by_hand_prevails_over_another_issues_event() -> None:
    payload = {"action": "edited", "issue": {"number": 1, "title": "x"}}
    assert subject(payload, settings(issue_number=2)) == (None, 2)
    same = subject(payload, settings(issue_number=1))
    assert same[0] is not None


def test_an_event_without_an_issue_asks_for_a_number() -> None:
    with pytest.raises(InputError, match="issue"):
        subject({"schedule": "17 4 * * *"}, settings())


def test_outside_of_a_workflow_it_says_so() -> None:
    with pytest.raises(UsageError, match="GITHUB_REPOSITORY"):
        subject({}, settings(repository=""))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_an_event_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"event\.json"):
        read_event(path)
