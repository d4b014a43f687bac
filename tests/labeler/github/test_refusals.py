"""What GitHub says decides the advice, where the status alone would mislead."""

from __future__ import annotations

import pytest

from labeler.github.refusals import Forbidden, Gone, Invalid, ReadOnly, message_of, refusal
from labeler.github.repository_state import obstacle

ADDING = "POST /repos/octo/hello/issues/1/labels"


@pytest.mark.parametrize(
    ("status", "said", "kind", "remedy", "not_said"),
    [
        (403, "Repository was archived so is read-only.", ReadOnly, "unarchive", "issues: write"),
        (403, "Resource protected by organization SAML enforcement.", Forbidden, "single sign-on", "issues: write"),
        (403, "Resource not accessible by integration", Forbidden, "issues: write", "archived"),
        (410, "Issues are disabled for this repo", Gone, "Switch issues on", "deleted"),
        (410, "This issue was deleted", Gone, "was deleted", "Switch"),
    ],
)
def test_the_remedy_fits_what_github_says(
    status: int, said: str, kind: type[Exception], remedy: str, not_said: str
) -> None:
    error = refusal(ADDING, status, said, {"x-accepted-github-permissions": "issues=write"}, 0.0)
    assert type(error) is kind
    assert remedy in error.remedy
    assert not_said not in error.remedy
    assert ("GitHub asks for" in error.what) == (said == "Resource not accessible by integration")


def test_githubs_own_reasons_are_shown() -> None:
    body = {"message": "Validation Failed", "errors": [{"message": "has too many labels"}, "name", {"code": "invalid"}]}
    assert message_of(body) == "Validation Failed: has too many labels; name; invalid"
    assert isinstance(error := refusal(ADDING, 422, message_of(body), {}, 0.0), Invalid)
    assert "has too many labels" in error.what
    assert message_of({"message": "No", "errors": 3}) == "No"


def test_a_repository_that_cannot_be_labelled_is_told() -> None:
    assert "archived" in (obstacle({"archived": True, "has_issues": True}) or ("", ""))[0]
    assert "switched off" in (obstacle({"archived": False, "has_issues": False}) or ("", ""))[0]
    assert obstacle({"archived": False, "has_issues": True}) is None
