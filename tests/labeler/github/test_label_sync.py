from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeler.cli import main
from tests.standins.github import TOKEN, Answer, serving
from tests.standins.github import GitHub as StandIn

REPO = "octo/hello"
LISTED = """
- {name: bug, aliases: ["type: bug"]}
- {name: docs, color: "0075ca", description: Words}
- question
"""


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    with serving() as github:
        github.add_repository(REPO, ("type: bug", "Question", "stale"))
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setattr("labeler.github.client.SECONDS_BETWEEN_WRITES", 0.0)
        (tmp_path / "labels.yml").write_text(LISTED)
        monkeypatch.chdir(tmp_path)
        yield github


def sync(*more: str) -> int:
    return main(["labels", "sync", REPO, "--labels", "labels.yml", *more])


def names(github: StandIn) -> list[str]:
    return [label["name"] for label in github.repositories[REPO].labels]


def test_what_is_missing_is_created_and_the_rest_stays(standin: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert sync("--dry-run") == 0
    assert not standin.writes()
    assert "1 would be created" in capsys.readouterr().out
    assert sync() == 0
    assert names(standin) == ["type: bug", "Question", "stale", "docs"]
    made = standin.repositories[REPO].labels[-1]
    assert (made["color"], made["description"]) == ("0075ca", "Words")
    assert "1 created, 0 renamed, 2 there" in capsys.readouterr().out
    assert sync() == 0
    assert len(standin.writes()) == 1


def test_a_label_is_renamed_where_that_is_asked_for(standin: StandIn) -> None:
    assert sync("--rename") == 0
    assert names(standin) == ["bug", "Question", "stale", "docs"]


def test_a_label_whose_answer_was_lost_is_there(standin: StandIn) -> None:
    standin.fail(Answer(422, {"message": "Validation Failed"}), "POST")
    assert sync() == 1  # it is not there, so the refusal stands
    standin._label(REPO, "docs")
    from labeler.github.label_sync import LabelsApi
    from labeler.labels.label_set import Label

    LabelsApi(TOKEN, standin.url).create_label(REPO, Label("docs"))
    assert names(standin).count("docs") == 1


def test_the_list_without_a_file_is_the_models(standin: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "sync", REPO, "--dry-run"]) == 0
    assert "type: bug" in (said := capsys.readouterr().out)
    assert "8 would be created" in said
