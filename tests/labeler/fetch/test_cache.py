from __future__ import annotations

import os
from pathlib import Path

import pytest

from labeler.errors import BundleError, DownloadError, NewerBundleError
from labeler.fetch import cache as module
from labeler.fetch.cache import Cache


def verify(folder: Path) -> None:
    """A whole bundle of these tests is a folder with a file `whole`."""
    if not (folder / "whole").is_file():
        raise BundleError(f"{folder}: not whole", "fetch it again")


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, warnings: list[str]) -> Cache:
    return Cache(tmp_path / "cache", verify, warnings.append)


def bundle_in(work: Path, text: str = "") -> Path:
    folder = work / "bundle"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "whole").write_text(text)
    return folder


def test_an_entry_is_found_only_once_filled(store: Cache) -> None:
    assert store.find("key") is None
    assert not store.folder.exists()
    entry = store.fill("key", bundle_in)
    assert store.find("key") == entry == store.folder / "bundles" / "key"
    assert store.find("other") is None


def test_a_fetch_that_fails_leaves_its_work_for_the_next_one(store: Cache) -> None:
    def fails(work: Path) -> Path:
        (work / "part").write_text("half")
        raise DownloadError("cut")

    def goes_on(work: Path) -> Path:
        return bundle_in(work, (work / "part").read_text())

    with pytest.raises(DownloadError, match="cut"):
        store.fill("key", fails)
    assert store.find("key") is None
    assert (store.fill("key", goes_on) / "whole").read_text() == "half"


def test_what_is_not_whole_is_neither_kept_nor_gone_on_from(store: Cache) -> None:
    def broken(work: Path) -> Path:
        (work / "bundle").mkdir()
        return work / "bundle"

    for _ in range(2):
        with pytest.raises(BundleError, match="not whole"):
            store.fill("key", broken)
    assert not (store.folder / "partial" / "key").exists()


def test_an_entry_that_appears_meanwhile_is_used(store: Cache, warnings: list[str]) -> None:
    def slow(work: Path) -> Path:
        bundle_in(store.folder / "bundles" / "key" / "..", "first").rename(store.folder / "bundles" / "key")
        return bundle_in(work, "second")

    (store.folder / "bundles").mkdir(parents=True)
    assert (store.fill("key", slow) / "whole").read_text() == "first"
    assert warnings == []


def test_a_damaged_entry_that_appears_meanwhile_is_replaced(store: Cache) -> None:
    def slow(work: Path) -> Path:
        (store.folder / "bundles" / "key" / "junk").mkdir(parents=True)
        return bundle_in(work, "second")

    entry = store.fill("key", slow)
    assert (entry / "whole").read_text() == "second"
    assert not (entry / "junk").exists()


def test_where_the_lock_is_held_for_too_long_the_work_goes_on_elsewhere(
    store: Cache, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_WAIT_FOR_ANOTHER", 0.3)
    places: list[Path] = []

    def outer(work: Path) -> Path:
        places.append(work)
        store.fill("key", inner)
        return bundle_in(work, "outer")

    def inner(work: Path) -> Path:
        places.append(work)
        return bundle_in(work, "inner")

    assert (store.fill("key", outer) / "whole").read_text() == "inner"
    assert places[0] != places[1]
    assert not any(place.exists() for place in places)
    assert warnings == ["Another process is fetching this bundle; waiting for it."]


def test_a_commit_is_noted_and_a_broken_note_is_no_commit(store: Cache) -> None:
    assert store.commit_of("hf-a") == ""
    store.note_commit("hf-a", "1" * 40)
    store.note_commit("hf-a", "2" * 40)
    assert store.commit_of("hf-a") == "2" * 40
    assert os.listdir(store.folder / "refs") == ["hf-a"]
    (store.folder / "refs" / "hf-a").write_bytes(b"\xff\x00")
    assert len(store.commit_of("hf-a")) < 40


def test_an_entry_of_a_newer_format_is_refused_and_stays(store: Cache, warnings: list[str]) -> None:
    entry = store.fill("key", bundle_in)

    def too_new(folder: Path) -> None:
        raise NewerBundleError("bundle format 99")

    newer = Cache(store.folder, too_new, warnings.append)
    with pytest.raises(NewerBundleError):
        newer.find("key")
    with pytest.raises(NewerBundleError):
        newer.fill("key", lambda work: pytest.fail("fetched again"))
    assert (entry / "whole").exists()
