"""The warm-up of a list of one's own: what it computes is saved, and restored where an issue is labelled."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from labeler.config import CACHE_PATH
from labeler.github.cache_entry import CacheEntry, cache_entry
from tests.models import write_bundle
from tests.standins.github import TOKEN, serving
from tests.standins.github import GitHub as StandIn
from tests.standins.runner import Run, Runner

ROOT = Path(__file__).parents[3]
REPO = "octo/hello"
NAMES = ("type: crash", "type: wish")
LISTED = "".join(f"- {{name: '{name}', description: About it}}\n" for name in NAMES)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LONG_AGO = 1_000_000_000


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving() as github:
        github.add_repository(REPO, NAMES)
        github.add_issue(REPO, 1, "The application crashes when saving", "TypeError: x is undefined")
        yield github


class Workflows:
    """Two workflows of one repository, with a labels file and a tiny model in its workspace."""

    def __init__(self, standin: StandIn, folder: Path, bundle: Path) -> None:
        self.issue = standin.repositories[REPO].issues[1].document
        self.runner = Runner(ROOT, folder, {"token": TOKEN, "api_url": standin.url, "repository": REPO})
        self.runner.workspace.mkdir()
        shutil.copytree(bundle, self.runner.workspace / "model")
        self.list_is(LISTED)

    def list_is(self, text: str) -> None:
        (self.runner.workspace / "labels.yml").write_text(text, encoding="utf-8")

    def warm_up(self, **inputs: str) -> Run:
        return self._run("schedule", {}, {"warm-up": "true", "fail-on-error": "true", **inputs})

    def label(self, **inputs: str) -> Run:
        payload = {"action": "opened", "issue": self.issue, "repository": {"full_name": REPO}}
        return self._run("issues", payload, {"threshold": "0", **inputs})

    def prefixes(self) -> dict[str, int]:
        """What lies on the runner after the last run: name -> when it was written, in seconds."""
        found = (self.runner.folder / "home" / ".cache" / "issue-labeler" / "prefixes").glob("*")
        return {path.name: int(path.stat().st_mtime) for path in found}

    def _run(self, event: str, payload: Mapping[str, object], inputs: Mapping[str, str]) -> Run:
        for left in ("home", "temp with space"):  # every job gets a fresh runner
            shutil.rmtree(self.runner.folder / left, ignore_errors=True)
        return self.runner.run({"model": "model", "labels": "labels.yml", **inputs}, event, payload)


@pytest.fixture
def workflows(standin: StandIn, tmp_path: Path, bundle: Path) -> Workflows:
    return Workflows(standin, tmp_path, bundle)


def test_an_issue_is_labelled_with_what_the_warm_up_computed(workflows: Workflows) -> None:
    warm = workflows.warm_up()
    assert warm.steps["label"].outcome == warm.steps["Save the model"].outcome == "success"
    assert "is ready for 2 labels" in warm.log
    (saved,) = (workflows.runner.caches).glob("*/prefixes/*")
    os.utime(saved, (LONG_AGO, LONG_AGO))
    run = workflows.label()
    assert run.outputs["labels"] == ",".join(NAMES)
    assert run.steps["restore"].outputs["cache-hit"] == "true"
    assert run.steps["Save the model"].outcome == "skipped"
    # It was found, else it would have been computed and written again.
    assert workflows.prefixes() == {saved.name: LONG_AGO}


def test_another_list_is_another_entry_and_harms_nothing_before_its_warm_up(workflows: Workflows) -> None:
    workflows.warm_up()
    workflows.list_is(LISTED + "- bug\n")
    run = workflows.label()
    assert run.steps["restore"].outputs["cache-hit"] == ""
    assert run.green
    assert run.outputs["labels"]
    assert workflows.warm_up().steps["Save the model"].outcome == "success"
    assert len(list(workflows.runner.caches.iterdir())) == 2


def test_without_a_cache_or_a_list_there_is_no_lookup(workflows: Workflows) -> None:
    assert workflows.label(cache="false").steps["restore"].outcome == "skipped"
    run = workflows.label(labels="", model="starter")
    assert run.steps["cache"].outcome == run.steps["restore"].outcome == "skipped"


def test_a_pinned_model_is_restored_with_an_earlier_list_too(tmp_path: Path) -> None:
    labels = tmp_path / "labels.yml"
    labels.write_text(LISTED)
    pinned = f"owner/name@{COMMIT}"
    bare, first = cache_entry(pinned, "Linux", None), cache_entry(pinned, "Linux", labels)
    assert bare == CacheEntry(f"issue-labeler-Linux-{COMMIT}", CACHE_PATH)
    labels.write_text("- another\n")
    second = cache_entry(pinned, "Linux", labels)
    assert first.fallback == second.fallback == bare.key
    assert len({bare.key, first.key, second.key}) == 3
    assert all(entry.key.startswith(bare.key) and len(entry.key) <= 512 for entry in (first, second))


def test_the_entry_of_the_starter_is_that_of_its_manifest_and_the_list(tmp_path: Path, bundle: Path) -> None:
    labels = tmp_path / "labels.yml"
    labels.write_text(LISTED)
    starter, other = cache_entry("starter", "Linux", labels), cache_entry(str(bundle), "Linux", labels)
    assert starter.path == CACHE_PATH
    assert not starter.fallback
    assert len({starter.key, other.key, cache_entry("starter", "Windows", labels).key}) == 3
    for nothing in (cache_entry("starter", "Linux", None), cache_entry("starter", "Linux", tmp_path / "none.yml")):
        assert nothing == CacheEntry()
    assert cache_entry("owner/name@main", "Linux", labels) == CacheEntry()


def test_the_warm_up_of_a_pinned_model_holds_its_own_list_alone_and_saves_nothing_where_it_fails(
    workflows: Workflows,
) -> None:
    """An entry is for good: it is not to grow with every change of the list, nor to hold half a download."""
    workflows.runner.environ = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    pinned = f"owner/name@{COMMIT}"
    warm = workflows.warm_up(model=pinned, **{"fail-on-error": "false"})
    assert warm.steps["restore"].given["restore-keys"] == ""
    assert warm.green
    assert warm.steps["Save the model"].outcome == "skipped"
    restored = workflows.label(model=pinned).steps["restore"].given
    assert restored["restore-keys"] == f"issue-labeler-Linux-{COMMIT}"
    assert restored["key"].startswith(restored["restore-keys"] + "-")
