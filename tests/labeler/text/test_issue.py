from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.data.dataset import Row
from labeler.errors import InputError
from labeler.text.issue import Issue, from_event, from_rest, from_row

PAYLOADS = sorted((Path(__file__).parents[2] / "fixtures" / "octokit" / "issues").glob("*.json"))


def payload(name: str) -> dict[str, Any]:
    (path,) = (path for path in PAYLOADS if path.stem == name)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_all_29_payloads_are_here() -> None:
    assert len(PAYLOADS) == 29


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_a_real_payload_loads_with_its_own_data(path: Path) -> None:
    event = json.loads(path.read_text(encoding="utf-8"))
    given_issue = event["issue"]
    issue = from_event(event)
    assert issue.title == given_issue["title"] != ""
    assert issue.body == (given_issue["body"] or "")
    assert issue.number == given_issue["number"]
    assert issue.repository == event["repository"]["full_name"]
    assert issue.labels == tuple(label["name"] for label in given_issue.get("labels", []))
    assert issue.author == given_issue["user"]["login"]
    assert issue.author_kind == "user"
    assert issue.is_pull_request == ("pull_request" in given_issue)
    assert issue.state == given_issue.get("state", "")
    assert issue.id == str(given_issue["id"])


def test_four_payloads_are_pull_requests() -> None:
    events = [json.loads(path.read_text(encoding="utf-8")) for path in PAYLOADS]
    assert sum(from_event(event).is_pull_request for event in events) == 4


def test_a_null_body_is_empty() -> None:
    assert payload("17-opened")["issue"]["body"] is None
    assert from_event(payload("17-opened")).body == ""


def test_missing_labels_are_none() -> None:
    assert "labels" not in payload("20-pinned")["issue"]
    assert from_event(payload("20-pinned")).labels == ()


def test_a_transferred_issue_says_where_it_went() -> None:
    issue = from_event(payload("22-transferred"))
    assert issue.repository == "octo-org/octo-repo"
    assert issue.transferred_to == "Codertocat/Hello-World#1"


def test_an_issue_that_arrived_by_transfer_is_an_issue_like_any_other() -> None:
    issue = from_event(payload("19-opened"))
    assert issue.repository == "Codertocat/Hello-World"
    assert issue.transferred_to == ""


@pytest.mark.parametrize("event", [{}, {"issue": None}, {"issue": 7}, {"pull_request": {"title": "x"}}, {"inputs": {}}])
def test_an_event_without_an_issue_says_what_to_do(event: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="the event: issue: missing") as raised:
        from_event(event)
    assert "issue-number" in raised.value.remedy


def test_a_rest_object_says_its_repository_by_address() -> None:
    found = from_rest({"title": "t", "repository_url": "https://api.github.com/repos/octo/hello"})
    assert found.repository == "octo/hello"
    assert from_rest({"title": "t", "repository_url": "https://x/repos/octo/hello"}, "a/b").repository == "a/b"
    assert from_rest({"title": "t", "repository": {"full_name": "c/d"}}).repository == "c/d"
    assert from_rest({"title": "t", "repo": "e/f"}).repository == "e/f"
    assert from_rest({"title": "t", "repository": "nonsense"}).repository == ""


def test_labels_are_objects_names_or_an_answer_line() -> None:
    assert from_rest({"title": "t", "labels": [{"name": "bug"}, "docs", {"name": None}]}).labels == ("bug", "docs")
    assert from_rest({"title": "t", "labels": "bug, ci/cd"}).labels == ("bug", "ci/cd")
    assert from_rest({"title": "t", "labels": None}).labels == ()


@pytest.mark.parametrize(
    ("obj", "author", "kind"),
    [
        ({"user": {"login": "renovate[bot]", "type": "Bot"}}, "renovate[bot]", "bot"),
        ({"user": {"login": "renovate[bot]"}}, "renovate[bot]", "bot"),
        ({"user": {"login": "octo", "type": "Organization"}}, "octo", "user"),
        ({"user": {"login": "octo"}}, "octo", ""),
        ({"user": None}, "", ""),
        ({"author": "mona", "author_kind": "user"}, "mona", "user"),
        ({"author": "dependabot[bot]"}, "dependabot[bot]", "bot"),
    ],
)
def test_the_author_and_their_kind(obj: dict[str, Any], author: str, kind: str) -> None:
    issue = from_rest({"title": "t", **obj})
    assert (issue.author, issue.author_kind) == (author, kind)


def test_a_pull_request_is_told_by_its_key() -> None:
    assert from_rest({"title": "t", "pull_request": {"url": "https://x"}}).is_pull_request
    assert not from_rest({"title": "t", "pull_request": None}).is_pull_request
    assert from_rest({"title": "t", "is_pull_request": True}).is_pull_request
    assert not from_rest({"title": "t", "is_pull_request": "false"}).is_pull_request


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({}, "title: missing"),
        ({"title": None}, "title: missing"),
        ({"title": 7}, "title: not text"),
        ({"title": "t", "body": 7}, "body: not text"),
        ({"title": "t", "number": "seven"}, "number: no positive integer"),
        ({"title": "t", "number": 0}, "number: no positive integer"),
        ({"title": "t", "number": True}, "number: no positive integer"),
        ({"title": "t", "number": 1.0}, "number: no positive integer"),
        ({"title": "t", "number": 10**5000}, "number: no positive integer"),
        ({"title": "t", "labels": 7}, "labels: not a list"),
        ({"title": "t", "labels": ["a", 7]}, "labels: item 2 is no name"),
        ({"title": "t", "labels": {"name": "bug"}}, "labels: not a list"),
    ],
)
def test_a_fault_names_place_and_field(obj: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^here: {message}"):
        from_rest(obj, where="here")


def test_a_dataset_row_becomes_an_issue() -> None:
    row = Row("a", "o/r", 7, "t", "b", ("bug",), "train")
    assert from_row(row) == Issue("t", "b", 7, "o/r", ("bug",), id="a")


def test_half_an_emoji_becomes_a_replacement_character() -> None:
    issue = from_rest(json.loads(r'{"title": "half \ud83d", "body": "\udc00 and \ud83d\ude00", "labels": ["\ud800"]}'))
    assert issue == Issue("half \ufffd", "\ufffd and 😀", labels=("\ufffd",))


def test_a_null_byte_stays() -> None:
    assert Issue("a\0b").title == "a\0b"


texts = st.text(st.characters())


@given(texts, texts, st.lists(texts), texts)
def test_all_text_of_an_issue_encodes(title: str, body: str, labels: list[str], author: str) -> None:
    issue = Issue(title, body, labels=tuple(labels), author=author)
    assert json.dumps(vars(issue), ensure_ascii=False).encode()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = ["title", "body", "number", "labels", "user", "pull_request", "state", "id", "repository", "repository_url"]
objects = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, anything)) | st.fixed_dictionaries(
    {"title": st.text()}, optional=dict.fromkeys(keys[1:], anything)
)
events = st.fixed_dictionaries({}, optional={"issue": objects, "repository": anything, "changes": anything}) | anything
moves = st.fixed_dictionaries({"issue": objects, "changes": st.fixed_dictionaries({"new_issue": objects})})


@given(events | moves)
def test_no_payload_causes_anything_but_an_input_error(event: Any) -> None:
    message = "the event: "
    try:
        assert isinstance(from_event(event), Issue)
    except InputError as error:
        message = str(error)
    assert message.startswith("the event: ")
