from __future__ import annotations

import pytest

from labeler.cli import main
from labeler.errors import UsageError
from labeler.github.target import parse_target
from tests.standins.github import TOKEN, serving


@pytest.mark.parametrize(
    "text",
    [
        "o/r#7",
        "https://github.com/o/r/issues/7",
        "https://github.com/o/r/issues/7#issuecomment-1",
        "https://git.example.org/o/r/issues/7?x=y",
        "pull/r#7",
    ],
)
def test_an_issue_is_named_in_short_or_by_its_address(text: str) -> None:
    assert parse_target(text) == ("pull/r" if text.startswith("pull") else "o/r", 7)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("https://github.com/o/r/pull/7", "is a pull request"),
        ("https://github.com/o/r/pull/7/files#diff-1", "is a pull request"),
        ("o/r/pull/7", "is a pull request"),
        ("https://git.example.org/o/r/pull/7?x=y", "is a pull request"),
        ("https://github.com/o/r/discussions/7", "is a discussion"),
        ("https://github.com/o/r/commit/0a1b2c3", "is a commit"),
        ("https://github.com/o/r", "is no issue"),
    ],
)
def test_what_is_no_issue_is_called_what_it_is(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        parse_target(text)


def test_a_number_that_is_a_pull_requests_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as github:
        github.add_repository("o/r", ("bug",))
        addresses = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), f"{github.url}/repos/o/r/pulls/7")
        github.add_issue("o/r", 7, "Mend the crash", pull_request=addresses)
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        assert main(["o/r#7"]) == 1
    assert "o/r#7 is a pull request" in capsys.readouterr().err
