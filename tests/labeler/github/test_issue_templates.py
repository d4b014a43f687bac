from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeler.errors import GitHubError, UsageError
from labeler.github.graphql import GraphQL
from labeler.github.issue_templates import fetched, in_folder, said_of, templates_from, templates_in
from labeler.github.refusals import NotFound
from tests.standins.github import TOKEN, Answer, serving
from tests.standins.github import GitHub as StandIn

REPO = "octo/hello"
FILES = {
    ".github/ISSUE_TEMPLATE/bug.yml": "body: [{type: input, attributes: {label: Version}}]",
    ".github/ISSUE_TEMPLATE/old.md": "A clear and concise description",
    ".github/ISSUE_TEMPLATE/config.yml": "blank_issues_enabled: false",
    ".github/ISSUE_TEMPLATE/picture.png": "no text",
    "docs/ISSUE_TEMPLATE.md": "What would you like to see?",
}
FOUND = {path: text for path, text in FILES.items() if not path.endswith(("config.yml", ".png"))}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving() as github:
        github.add_repository(REPO).templates = {**FILES, ".github/ISSUE_TEMPLATE/binary.md": None}
        yield github


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def api(standin: StandIn, token: str = TOKEN) -> GraphQL:
    return GraphQL(token, standin.url, timeout_seconds=2, budget_seconds=1)


def test_a_checkout_and_github_have_the_same_files(standin: StandIn, checkout: Path) -> None:
    assert in_folder(checkout) == FOUND
    assert fetched(api(standin), REPO) == FOUND
    assert [f"{one.method} {one.path}" for one in standin.requests] == ["POST /graphql"]


def test_a_repository_without_templates_has_none(standin: StandIn, tmp_path: Path) -> None:
    standin.add_repository(REPO)
    assert fetched(api(standin), REPO) == {}
    assert in_folder(tmp_path) == {}
    assert in_folder(tmp_path / "nowhere") == {}


def test_a_file_that_is_not_text_or_too_long_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "ISSUE_TEMPLATE.md").write_bytes(b"caf\xe9 " * 100_000)
    (tmp_path / ".github/ISSUE_TEMPLATE/a.md").mkdir(parents=True)
    assert {path: len(text) for path, text in in_folder(tmp_path).items()} == {"ISSUE_TEMPLATE.md": 200_000}


def test_github_is_asked_only_where_that_is_wanted_and_the_checkout_has_none(standin: StandIn, checkout: Path) -> None:
    cases = [("off", checkout, 0), ("checkout", checkout, 0), ("checkout", None, 0)]
    for source, folder, requests in [*cases, ("fetch", checkout, 0), ("fetch", None, 1)]:
        standin.requests.clear()
        found = templates_from(source, folder, api(standin))(REPO)  # type: ignore[arg-type]
        assert len(standin.requests) == requests
        assert bool(found.headings) is (source != "off" and (folder is not None or source == "fetch"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(403, {"message": "Resource not accessible by integration"}), "403 Resource not accessible"),
        (Answer(404, {"message": "Not Found"}), "404 Not Found"),
        (Answer(200, []), "something else than an object"),
        (
            Answer(200, {"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible"}]}),
            "Resource not accessible",
        ),
        (Answer(200, {"errors": ["strange"]}), "no reason given"),
    ],
)
def test_what_cannot_be_fetched_is_a_problem_and_no_error(standin: StandIn, answer: Answer, said: str) -> None:
    standin.fail(answer, "/graphql")
    (problem,) = templates_from("fetch", None, api(standin))(REPO).problems
    assert said in problem
    assert "contents: read" in problem


@pytest.mark.parametrize(
    "data", [{}, {"data": None}, {"data": {"repository": None}}, {"data": {"repository": {"folder": 1}}}]
)
def test_an_answer_with_nothing_in_it_is_no_templates(standin: StandIn, data: dict[str, object]) -> None:
    standin.fail(Answer(200, data), "/graphql")
    assert fetched(api(standin), REPO) == {}


def test_a_repository_out_of_sight_is_not_found(standin: StandIn) -> None:
    with pytest.raises(NotFound, match="Could not resolve to a Repository with the name 'octo/secret'"):
        fetched(api(standin), "octo/secret")
    with pytest.raises(GitHubError):
        fetched(api(standin, ""), REPO)


def test_an_enterprise_server_has_its_queries_beside_its_rest_api(standin: StandIn) -> None:
    github = GraphQL(TOKEN, standin.url + "/api/v3", budget_seconds=1)
    standin.fail(Answer(200, {"data": {}}), "/api/graphql")
    assert fetched(github, REPO) == {}
    standin.violations.clear()  # this address is none of github.com's


def test_a_folder_that_a_person_names_is_read_and_its_faults_are_told(checkout: Path) -> None:
    (checkout / ".github/ISSUE_TEMPLATE/bad.yml").write_text("body: [")
    told: list[str] = []
    assert "A clear and concise description" in templates_in(checkout, told.append).lines
    assert [text.partition(":")[0] for text in told] == [".github/ISSUE_TEMPLATE/bad.yml"]
    with pytest.raises(UsageError, match="--templates .*nowhere: no folder"):
        templates_in(checkout / "nowhere", told.append)


def test_what_was_stripped_is_said_in_a_sentence() -> None:
    assert said_of({}) == ""
    assert "2 template lines, 1 template heading." in said_of({"template line": 2, "template heading": 1})
