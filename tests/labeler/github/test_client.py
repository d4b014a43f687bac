from __future__ import annotations

import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from labeler.errors import GitHubError, UsageError
from labeler.github.client import GitHub
from labeler.github.refusals import BadToken, Forbidden, Gone, Invalid, Moved, NotFound, RateLimited, Unavailable
from tests.standins.github import ACTION, TOKEN, Answer, serving
from tests.standins.github import GitHub as StandIn

REPO = "octo/hello"


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1_790_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving() as github:
        github.add_repository(REPO)
        github.add_issue(REPO, 1, "It crashes")
        yield github


@pytest.fixture
def time() -> Time:
    return Time()


def client(standin: StandIn, time: Time, token: str = TOKEN, **more: float) -> GitHub:
    return GitHub(token, standin.url, sleep=time.sleep, clock=time.clock, jitter=lambda: 0.5, **more)


def test_labels_are_read_to_the_last_page(standin: StandIn, time: Time) -> None:
    standin.add_repository("octo/many", tuple(f"label {i}" for i in range(250)))
    assert [label.name for label in client(standin, time).labels("octo/many")] == [f"label {i}" for i in range(250)]
    assert len(standin.requests) == 3


def test_the_history_tells_who_did_what_to_the_last_page(standin: StandIn, time: Time) -> None:
    for turn in range(60):
        standin.set_label(REPO, 1, "bug", by=f"user{turn}")
        standin.take_label(REPO, 1, "bug", by=ACTION)
    history = client(standin, time).history(REPO, 1)
    assert [(one.change, one.login, one.kind) for one in history[:2]] == [
        ("labeled", "user0", "user"),
        ("unlabeled", ACTION, "bot"),
    ]
    assert len(history) == 120


def test_labels_are_added_beside_those_on_the_issue(standin: StandIn, time: Time) -> None:
    standin.set_label(REPO, 1, "documentation", by="octocat")
    client(standin, time).add_labels(REPO, 1, ("bug",))
    assert standin.labels_of(REPO, 1) == ["documentation", "bug"]
    assert [(request.method, request.body) for request in standin.writes()] == [("POST", {"labels": ["bug"]})]


@pytest.mark.parametrize("name", ["bug", "type: bug", "ci/cd", "100% sure?", "größe", "🐛 #1", "a.b..c", "%2F"])
def test_a_label_of_any_name_can_be_taken_off(standin: StandIn, time: Time, name: str) -> None:
    standin.set_label(REPO, 1, name, by=ACTION)
    client(standin, time).remove_label(REPO, 1, name)
    assert standin.labels_of(REPO, 1) == []


def test_taking_off_a_label_that_is_not_there_is_no_error(standin: StandIn, time: Time) -> None:
    client(standin, time).remove_label(REPO, 1, "bug")
    with pytest.raises(NotFound):
        client(standin, time).remove_label(REPO, 99, "bug")


def test_writes_are_a_second_apart_and_reads_are_not(standin: StandIn, time: Time) -> None:
    github = client(standin, time)
    github.issue(REPO, 1)
    github.issue(REPO, 1)
    assert time.slept == []
    github.add_labels(REPO, 1, ["bug"])
    github.remove_label(REPO, 1, "bug")
    assert time.slept == [1.0]


@pytest.mark.parametrize(
    ("answer", "slept"),
    [
        (Answer(429, {"message": "Too many"}, {"Retry-After": "7"}), [7]),
        (Answer(403, {"message": "secondary rate limit"}, {"Retry-After": "30", "X-RateLimit-Remaining": "0"}), [30]),
        (Answer(403, {"message": "x"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1790000040"}), [41]),
        (Answer(403, {"message": "x"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1789999000"}), [1]),
        (Answer(403, {"message": "You have exceeded a secondary rate limit."}), [60]),
        (Answer(429, {"message": "slow down"}, {"Retry-After": "soon"}), [60]),
        (Answer(500, {"message": "Server Error"}), [1]),
        (Answer(502, b"<html>Unicorn!</html>", {"Content-Type": "text/html"}), [1]),
        (Answer(503, b""), [1]),
        (Answer(200, b'{"title": "cut of'), [1]),
        (Answer(200, {"title": "x" * 100}, cut=True), [1]),
    ],
)
@pytest.mark.parametrize("writing", [False, True])
def test_a_passing_refusal_is_waited_out_as_github_asks(
    standin: StandIn, time: Time, answer: Answer, slept: list[float], writing: bool
) -> None:
    standin.fail(answer)
    github = client(standin, time)
    if writing:
        github.add_labels(REPO, 1, ["bug"])
        assert standin.labels_of(REPO, 1) == ["bug"]
    else:
        assert github.issue(REPO, 1)["title"] == "It crashes"
    assert time.slept == slept
    assert len(standin.requests) == 2


def test_a_silent_github_is_asked_again(standin: StandIn, time: Time) -> None:
    standin.fail(Answer(hang=5))
    assert client(standin, time, timeout_seconds=0.2).issue(REPO, 1)["number"] == 1


def test_waits_grow_until_the_budget_is_spent_and_the_error_tells_how_long(standin: StandIn, time: Time) -> None:
    standin.fail(Answer(500, {"message": "Server Error"}), times=99)
    with pytest.raises(Unavailable, match=r"Gave up after 6 attempts and 31 s") as caught:
        client(standin, time, budget_seconds=40).issue(REPO, 1)
    assert time.slept == [1, 2, 4, 8, 16]
    assert "githubstatus" in caught.value.remedy


def test_secondary_limits_without_a_time_wait_a_minute_and_then_longer(standin: StandIn, time: Time) -> None:
    standin.fail(Answer(403, {"message": "You have exceeded a secondary rate limit"}), times=2)
    client(standin, time, budget_seconds=600).issue(REPO, 1)
    assert time.slept == [60, 120]


def test_the_budget_holds_for_all_requests_together(standin: StandIn, time: Time) -> None:
    github = client(standin, time, budget_seconds=50)
    standin.fail(Answer(429, {}, {"Retry-After": "30"}))
    github.issue(REPO, 1)
    standin.fail(Answer(429, {}, {"Retry-After": "30"}))
    with pytest.raises(RateLimited):
        github.issue(REPO, 1)
    assert time.slept == [30]


def test_a_limit_that_resets_after_the_budget_is_not_waited_for(standin: StandIn, time: Time) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1790002400"}
    standin.fail(Answer(403, {"message": "API rate limit exceeded for installation"}, headers))
    with pytest.raises(RateLimited, match="2401 s later"):
        client(standin, time).issue(REPO, 1)
    assert time.slept == []


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (401, BadToken, "expired"),
        (403, Forbidden, "permissions:\n  issues: write\n  contents: read"),
        (404, NotFound, "private"),
        (410, Gone, "switched off"),
        (422, Invalid, "report"),
        (451, Invalid, ""),
    ],
)
def test_a_lasting_refusal_is_an_error_of_its_own_with_a_remedy(
    standin: StandIn, time: Time, status: int, kind: type[GitHubError], remedy: str
) -> None:
    standin.fail(Answer(status, {"message": "No, because of that"}))
    with pytest.raises(kind, match=f"{status} No, because of that") as caught:
        client(standin, time).issue(REPO, 1)
    assert remedy in caught.value.remedy
    assert time.slept == []
    assert len(standin.requests) == 1


def test_a_token_without_the_permission_learns_which_one_github_asks_for(standin: StandIn, time: Time) -> None:
    standin.may_write = False
    with pytest.raises(Forbidden, match="issues=write"):
        client(standin, time).add_labels(REPO, 1, ["bug"])


@pytest.mark.parametrize("answer", [Answer(200, []), Answer(200, "text"), Answer(200, b"")])
def test_an_answer_of_the_wrong_kind_is_an_error(standin: StandIn, time: Time, answer: Answer) -> None:
    standin.fail(answer, times=9)
    with pytest.raises(Unavailable):
        client(standin, time).issue(REPO, 1)


def test_a_transferred_issue_is_followed_to_its_new_place(standin: StandIn, time: Time) -> None:
    standin.add_repository("octo/other")
    standin.add_issue("octo/other", 7, "It crashes")
    standin.fail(Answer(301, {"message": "Moved"}, {"Location": f"{standin.url}/repos/octo/other/issues/7"}))
    found = client(standin, time).issue(REPO, 1)
    assert (found["number"], found["repository_url"]) == (7, f"{standin.url}/repos/octo/other")


def test_the_token_follows_no_redirect_to_another_host(standin: StandIn, time: Time) -> None:
    with serving() as other:
        standin.fail(Answer(302, {}, {"Location": f"{other.url}/repos/octo/hello/issues/1"}))
        with pytest.raises(Moved, match="another host"):
            client(standin, time).issue(REPO, 1)
        standin.fail(Answer(200, [], {"Link": f'<{other.url}/repos/octo/hello/labels?page=2>; rel="next"'}))
        with pytest.raises(Moved, match="another host"):
            client(standin, time).labels(REPO)
        assert other.requests == []


def test_a_write_is_never_redirected(standin: StandIn, time: Time) -> None:
    standin.fail(Answer(307, {}, {"Location": f"{standin.url}/repos/octo/other/issues/7/labels"}))
    with pytest.raises(Moved, match="moved"):
        client(standin, time).add_labels(REPO, 1, ["bug"])
    assert len(standin.requests) == 1


def test_redirects_in_a_circle_end(standin: StandIn, time: Time) -> None:
    standin.fail(Answer(301, {}, {"Location": "/repos/octo/hello/issues/1"}), times=99)
    with pytest.raises(Moved, match="circle"):
        client(standin, time).issue(REPO, 1)


def test_pages_without_an_end_are_given_up(standin: StandIn, time: Time) -> None:
    link = {"Link": f'<{standin.url}/repos/octo/hello/labels?per_page=100&page=2>; rel="next"'}
    standin.fail(Answer(200, [], link), times=999)
    with pytest.raises(Unavailable, match="did not end"):
        client(standin, time).labels(REPO)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401, {"message": f"Bad credentials: {TOKEN}"}),
        Answer(403, {"message": f"{TOKEN} may not"}, {"X-Accepted-GitHub-Permissions": TOKEN}),
        Answer(500, {"message": TOKEN}),
        Answer(200, f"not json {TOKEN}".encode()),
        Answer(hang=3),
        Answer(301, {}, {"Location": f"https://elsewhere.example/{TOKEN}"}),
    ],
)
def test_the_token_is_in_no_error_and_no_traceback(standin: StandIn, time: Time, answer: Answer) -> None:
    standin.fail(answer, times=99)
    github = client(standin, time, timeout_seconds=0.1, budget_seconds=0.5)
    with pytest.raises(GitHubError) as caught:
        github.issue(REPO, 1)
    shown = "".join(traceback.format_exception(caught.value)) + repr(github) + repr(vars(caught.value))
    assert TOKEN not in shown


@pytest.mark.parametrize("token", [" ", "ghs_abc\n", "ghs_abc def", "ghs_äbc", "ghs_abc\x00"])
def test_a_token_that_cannot_be_sent_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(BadToken) as caught:
        GitHub(token)
    assert "ghs_" not in str(caught.value)


def test_without_a_token_what_is_public_can_be_read_and_nothing_written(standin: StandIn, time: Time) -> None:
    github = client(standin, time, token="")
    standin.fail(Answer(200, {"title": "public"}), "GET")
    assert github.issue(REPO, 1) == {"title": "public"}
    assert "Authorization" not in standin.requests[0].headers
    with pytest.raises(BadToken, match="needs a token"):
        github.add_labels(REPO, 1, ["bug"])
    assert standin.writes() == []


@pytest.mark.parametrize("name", ["", "octo", "octo/", "/hello", "octo/hello/x", "octo/..", "octo/hel lo", "o/h?x=1"])
def test_a_repository_is_owner_and_name(name: str) -> None:
    with pytest.raises(UsageError, match="does not name a repository"):
        GitHub(TOKEN).issue(name, 1)


def test_a_workflow_token_does_not_ask_for_its_own_name(standin: StandIn, time: Time) -> None:
    assert client(standin, time).login() == "github-actions[bot]"
    assert standin.requests == []


def test_a_personal_token_asks_for_its_name_once(standin: StandIn, time: Time) -> None:
    standin.fail(Answer(200, {"login": "octocat"}), "GET /user")
    github = client(standin, time, token="ghp_personal")
    assert (github.login(), github.login()) == ("octocat", "octocat")
    assert len(standin.requests) == 1


def test_the_rate_limit_is_read(standin: StandIn, time: Time) -> None:
    assert client(standin, time).rate_limit().remaining == 990


@pytest.mark.parametrize(
    ("method", "target", "body", "complaint"),
    [
        ("GET", "/repos/o/h/labels?per_page=101", None, "per_page 101"),
        ("GET", "/repos/o/h/labels?per-page=100", None, "unknown query parameter per-page"),
        ("GET", "/repos/o/h/issues/one", None, "issue_number"),
        ("PUT", "/repos/o/h/issues/1/labels", b'{"labels":[]}', "not an operation"),
        ("POST", "/repos/o/h/issues/1/labels", b'{"label":["bug"]}', "not valid under any"),
        ("POST", "/repos/o/h/issues/1/labels", b'{"labels":[]}', "not valid under any"),
        ("POST", "/repos/o/h/issues/1/labels", b"{", "not JSON"),
        ("GET", "/repos/o/h/issues/1", b"{}", "a body where none is read"),
    ],
)
def test_the_standin_notices_requests_that_break_githubs_description(
    method: str, target: str, body: bytes | None, complaint: str
) -> None:
    headers = {
        "Authorization": "Bearer x",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "test",
        "Content-Type": "application/json",
    }
    with pytest.raises(AssertionError, match=complaint):
        ask_a_standin(urllib.request.Request("http://x" + target, body, headers, method=method))


def ask_a_standin(request: urllib.request.Request) -> None:
    with serving() as github:
        request.full_url = request.full_url.replace("http://x", github.url)
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=5)
