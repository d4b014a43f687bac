from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import BundleError, DownloadError, UsageError
from labeler.fetch.download import UnreachableError
from labeler.fetch.hub import FORMS, key_of, parse, resolve
from labeler.fetch.huggingface import HubReference
from labeler.fetch.release import ReleaseReference
from tests.standins import wait_until
from tests.standins.bundles import files_of, write_bundle
from tests.standins.hub import HubServer, Storage

ROOT = Path(__file__).parents[3]
REPO = "team/labels-270m"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_verysecrettoken"


class Site:
    """A Hub with one published bundle, and a cache to fetch it into."""

    def __init__(self, server: HubServer, folder: Path) -> None:
        self.server = server
        self.cache = folder / "cache"
        self.files = files_of(write_bundle(folder / "source"))
        self.commit = server.commit(REPO, {**self.files, "model.safetensors": b"x" * 1000, ".gitattributes": b""})
        self.warnings: list[str] = []
        self.waits: list[float] = []

    @property
    def pinned(self) -> str:
        return f"{REPO}@{self.commit}"

    @property
    def entry(self) -> Path:
        return self.cache / "bundles" / f"hf-team--labels-270m-{self.commit}"

    def resolve(self, model: str, **changes: Any) -> Path:
        settings: dict[str, Any] = {
            "cache": self.cache,
            "starter": self.cache / "no-starter",
            "hub_url": self.server.url,
            "warn": self.warnings.append,
            "wait": self.waits.append,
        }
        return resolve(model, **settings | changes)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with HubServer() as server:
        yield server


@pytest.fixture
def site(hub: HubServer, tmp_path: Path) -> Site:
    return Site(hub, tmp_path)


def in_a_process(site: Site, model: str, after: str = "") -> subprocess.Popen[str]:
    """`resolve` in a fresh Python; prints the folder, then runs `after`."""
    code = (
        "import sys, pathlib; from labeler.fetch.hub import resolve\n"
        f"print(resolve({model!r}, cache=pathlib.Path({str(site.cache)!r}), starter=pathlib.Path('none'), "
        f"hub_url={site.server.url!r}, wait=lambda seconds: None))\n{after}"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], text=True, stdout=pipe, stderr=pipe, env=environment)


def test_the_word_starter_and_a_folder_are_verified_and_returned(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "starter")
    for model in ("starter", str(folder)):
        assert resolve(model, cache=tmp_path / "cache", starter=folder) == folder
    (folder / "weights.bin").write_bytes(b"short")
    for model in ("starter", str(folder)):
        with pytest.raises(BundleError, match=r"weights\.bin"):
            resolve(model, cache=tmp_path / "cache", starter=folder)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("model", "what"),
    [
        ("", "empty"),
        ("./nowhere", "no such folder"),
        ("/nowhere/at/all", "no such folder"),
        ("bundle", "no such folder"),
        ("a/b/c", "no such folder"),
        ("owner/name@", "no such folder"),
        ("owner/name@two words", "no such folder"),
        ("owner/name@main\x00", "no such folder"),
        ("-owner/name", "no such folder"),
        ("github:owner/repo", "github:owner/repo@tag/asset.tar.gz"),
        ("github:owner/repo@v1/bundle.zip", "github:owner/repo@tag/asset.tar.gz"),
        ("github:owner/repo@v1/b.tar.gz#sha256=abc", "64 hex digits"),
        (__file__, "a file"),
    ],
)
def test_anything_else_is_refused_with_the_accepted_forms(model: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(model, cache=tmp_path, starter=tmp_path)
    assert what in caught.value.what
    assert caught.value.remedy == FORMS


@pytest.mark.parametrize(
    ("model", "reference"),
    [
        ("owner/name", HubReference("owner/name", "main")),
        ("owner/name.v2@refs/pr/1", HubReference("owner/name.v2", "refs/pr/1")),
        (f"owner/name@{COMMIT.upper()}", HubReference("owner/name", COMMIT)),
        ("github:o/r@v1/b.tar.gz", ReleaseReference("o", "r", "v1", "b.tar.gz")),
        ("github:o/.github@models/v1/b.tgz", ReleaseReference("o", ".github", "models/v1", "b.tgz")),
        (f"github:o/r@v1/b.tar.gz#sha256={'Ab' * 32}", ReleaseReference("o", "r", "v1", "b.tar.gz", "ab" * 32)),
    ],
)
def test_each_form_is_read(model: str, reference: object) -> None:
    assert parse(model) == reference


words = st.from_regex(r"[a-z]-?[a-z]?", fullmatch=True)
tags = st.text(st.characters(codec="utf-8", exclude_characters="@~^:?*[\\#", exclude_categories=["Z", "C"]), min_size=1)


@settings(deadline=None)
@given(st.lists(st.builds(ReleaseReference, words, words, tags, words), min_size=2, max_size=2, unique=True))
def test_two_release_assets_have_two_keys_that_are_plain_file_names(references: list[ReleaseReference]) -> None:
    keys = {key_of(reference) for reference in references}
    assert len(keys) == 2
    assert all(re.fullmatch(r"gh-[A-Za-z0-9._-]{1,120}", key) for key in keys)


def test_only_the_listed_files_and_the_card_are_downloaded(site: Site) -> None:
    folder = site.resolve(site.pinned)
    assert folder == site.entry
    assert files_of(folder) == site.files
    assert len(site.server.gets()) == len(site.files) == 4
    assert site.warnings == []


def test_a_bundle_without_a_card_is_whole(site: Site) -> None:
    del site.files["README.md"]
    commit = site.server.commit(REPO, site.files)
    assert files_of(site.resolve(f"{REPO}@{commit}")) == site.files


def test_with_the_cache_filled_there_is_no_request_and_no_import_of_huggingface_hub(site: Site) -> None:
    site.resolve(site.pinned)
    site.server.requests.clear()
    assert site.resolve(site.pinned, offline=True) == site.resolve(site.pinned) == site.entry
    process = in_a_process(site, site.pinned, "print(*{'huggingface_hub', 'httpx2', 'httpx'} & set(sys.modules))")
    out, err = process.communicate(timeout=60)
    assert (out, err) == (f"{site.entry}\n\n", "")
    assert site.server.requests == []


def test_nothing_of_the_download_stays_beside_the_entry(site: Site) -> None:
    site.resolve(site.pinned)
    assert [path.name for path in (site.cache / "partial").iterdir()] == [f"{site.entry.name}.lock"]


def test_a_connection_cut_in_a_file_goes_on_where_it_stopped(site: Site) -> None:
    site.server.fault("weights.bin", "cut", at=100_000)
    site.server.fault("weights.bin", "cut", at=50_000)
    assert files_of(site.resolve(site.pinned)) == site.files
    ranges = [request.headers.get("range") for request in site.server.gets("weights.bin")]
    assert ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert site.waits == [1.0, 2.0]


def test_a_download_given_up_goes_on_in_the_next_call(site: Site) -> None:
    site.server.fault("weights.bin", "cut", at=50_000, times=4)
    with pytest.raises(
        DownloadError, match=r"weights\.bin of team/labels-270m.* 4 tries(?s:.*)what has been .* kept"
    ) as caught:
        site.resolve(site.pinned)
    assert isinstance(caught.value, UnreachableError)
    assert not site.entry.exists()
    site.server.requests.clear()
    assert files_of(site.resolve(site.pinned)) == site.files
    assert [request.headers.get("range") for request in site.server.gets("weights.bin")] == ["bytes=200000-"]
    assert site.server.gets("bundle.json") == []


def test_a_process_killed_in_the_middle_of_a_download_is_gone_on_from(site: Site) -> None:
    site.server.fault("weights.bin", "stall", at=290_000)
    process = in_a_process(site, site.pinned)
    wait_until(site.server.stalled)
    parts = site.cache / "partial" / site.entry.name / "parts"
    while not any(path.stat().st_size >= 200_000 for path in parts.glob("*")):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert not site.entry.exists()
    site.server.requests.clear()
    assert files_of(site.resolve(site.pinned)) == site.files
    (request,) = site.server.gets("weights.bin")
    assert int(request.headers["range"].removeprefix("bytes=").removesuffix("-")) >= 200_000
    assert site.warnings == []


def test_a_file_that_changed_between_two_tries_is_fetched_whole(site: Site) -> None:
    site.server.fault("bundle.json", "cut", at=100, times=4)
    with pytest.raises(DownloadError):
        site.resolve(site.pinned)
    (part,) = (site.cache / "partial").glob("*/parts/manifest")
    part.write_bytes(b"other start of another file" * 3)
    part.with_name("manifest.etag").write_text('"another version"')
    assert files_of(site.resolve(site.pinned)) == site.files


def test_an_answer_that_goes_on_elsewhere_than_asked_is_not_appended(site: Site) -> None:
    site.server.fault("bundle.json", "cut", at=100)
    site.server.fault("bundle.json", "shift", at=10)
    assert files_of(site.resolve(site.pinned)) == site.files
    ranges = [request.headers.get("range") for request in site.server.gets("bundle.json")]
    assert ranges == [None, "bytes=100-", None]


def test_a_part_that_does_not_fit_is_thrown_away(site: Site) -> None:
    site.server.fault("weights.bin", "cut", at=1000, times=4)
    with pytest.raises(DownloadError):
        site.resolve(site.pinned)
    (part,) = (path for path in (site.cache / "partial").glob("*/parts/*") if path.stat().st_size == 4000)
    part.write_bytes(b"!" * 4000)
    assert files_of(site.resolve(site.pinned)) == site.files


def test_a_file_changed_at_the_source_is_refused_and_never_cached(site: Site) -> None:
    site.server.fault("weights.bin", "corrupt", at=7)
    with pytest.raises(DownloadError, match=r"weights\.bin.*sha256 differs"):
        site.resolve(site.pinned)
    assert not site.entry.exists()
    assert files_of(site.resolve(site.pinned)) == site.files


def test_a_file_shorter_at_the_source_is_refused(site: Site) -> None:
    site.server.fault("weights.bin", "truncate", at=70_000, times=9)
    with pytest.raises(DownloadError, match=r"weights\.bin"):
        site.resolve(site.pinned)
    assert not site.entry.exists()


def test_a_file_longer_than_listed_is_refused(site: Site) -> None:
    commit = site.server.commit(REPO, {**site.files, "weights.bin": site.files["weights.bin"] + b"more"})
    with pytest.raises(DownloadError, match="longer than the 300000 bytes"):
        site.resolve(f"{REPO}@{commit}")


@pytest.mark.parametrize("damage", ["flipped byte", "shorter file", "missing file", "no manifest", "broken manifest"])
def test_a_damaged_cache_entry_is_fetched_again_with_a_warning(damage: str, site: Site) -> None:
    folder = site.resolve(site.pinned)
    weights, manifest = folder / "weights.bin", folder / "bundle.json"
    if damage == "flipped byte":
        weights.write_bytes(b"\x00" + weights.read_bytes()[1:-1] + b"\x00")
    elif damage == "shorter file":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif damage == "broken manifest":
        manifest.write_bytes(manifest.read_bytes()[:-40])
    else:
        (weights if damage == "missing file" else manifest).unlink()
    assert site.resolve(site.pinned) == folder
    assert files_of(folder) == site.files
    assert len(site.warnings) == 1
    assert "damaged" in site.warnings[0]
    assert not list((site.cache / "partial").glob("discarded-*"))


def test_a_damaged_cache_entry_is_kept_and_reported_offline(site: Site) -> None:
    folder = site.resolve(site.pinned)
    (folder / "weights.bin").write_bytes(b"")
    with pytest.raises(DownloadError, match="no whole copy"):
        site.resolve(site.pinned, offline=True)
    assert (folder / "bundle.json").exists()


@pytest.mark.parametrize("model", [f"{REPO}@{COMMIT}", REPO, "github:o/r@v1/b.tar.gz"])
def test_offline_and_not_cached_says_so_and_what_to_do(model: str, site: Site) -> None:
    with pytest.raises(DownloadError, match="offline") as caught:
        site.resolve(model, offline=True)
    assert "warm-up" in caught.value.remedy
    assert "folder" in caught.value.remedy
    assert site.server.requests == []


@pytest.mark.parametrize(
    ("model", "revision"), [(REPO, "main"), (f"{REPO}@main", "main"), (f"{REPO}@release/v1", "release/v1")]
)
def test_a_branch_works_and_the_warning_names_the_pin(model: str, revision: str, site: Site) -> None:
    commit = site.server.commit(REPO, site.files, branch=revision)
    assert files_of(site.resolve(model)) == site.files
    assert len(site.warnings) == 1
    assert "not pinned" in site.warnings[0]
    assert f"{REPO}@{commit}" in site.warnings[0]


def test_a_branch_that_moved_brings_the_new_bundle(site: Site, tmp_path: Path) -> None:
    site.resolve(REPO)
    newer = files_of(write_bundle(tmp_path / "newer", seed=1))
    site.server.commit(REPO, newer)
    assert files_of(site.resolve(REPO)) == newer


@pytest.mark.parametrize("trouble", ["offline", "no connection", "HTTP 503", "HTTP 429"])
def test_a_branch_that_cannot_be_looked_up_is_what_it_last_was(trouble: str, site: Site) -> None:
    site.resolve(REPO)
    site.warnings.clear()
    changes: dict[str, Any] = {}
    if trouble == "offline":
        changes = {"offline": True}
    elif trouble == "no connection":
        changes = {"hub_url": "http://127.0.0.1:9"}
    else:
        site.server.fault("/revision/", "status", status=int(trouble[5:]), times=9)
    assert site.resolve(REPO, **changes) == site.entry
    assert len(site.warnings) == 1
    assert site.pinned in site.warnings[0]


def test_a_branch_that_is_refused_is_not_what_it_last_was(site: Site) -> None:
    site.resolve(REPO)
    site.server.fault("/revision/", "status", status=401)
    with pytest.raises(DownloadError, match="not found on the Hub, or private"):
        site.resolve(REPO)


def test_a_branch_never_seen_and_no_connection_is_an_error(site: Site) -> None:
    with pytest.raises(DownloadError, match=f"the commit of {REPO}@main: could not be fetched in 4 tries"):
        site.resolve(REPO, hub_url="http://127.0.0.1:9")
    assert site.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("path", ["/revision/", "weights.bin"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again_after_the_time_it_names(status: int, path: str, site: Site) -> None:
    site.server.fault(path, "status", status=status, headers={"Retry-After": "7"}, times=2)
    assert files_of(site.resolve(REPO)) == site.files
    assert site.waits == [7.0, 7.0]


def test_a_server_that_asks_for_an_hour_is_not_waited_for(site: Site) -> None:
    site.server.fault("bundle.json", "status", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(DownloadError, match="asks to wait 3600 s"):
        site.resolve(site.pinned)
    assert site.waits == []


@pytest.mark.parametrize(
    ("model", "what", "remedy"),
    [
        ("team/misspelt", "team/misspelt: not found on the Hub, or private", "spelling"),
        (f"team/misspelt@{COMMIT}", "team/misspelt: not found on the Hub, or private", "token"),
        (f"{REPO}@{COMMIT}", f"{REPO} has no revision {COMMIT}", "commit"),
        (f"{REPO}@nobranch", f"{REPO} has no revision nobranch", "branch"),
        ("team/other", "has no file bundle.json", "export"),
    ],
)
def test_what_the_hub_does_not_have_is_named(model: str, what: str, remedy: str, site: Site) -> None:
    site.server.commit("team/other", {"model.safetensors": b""})
    with pytest.raises(DownloadError) as caught:
        site.resolve(model)
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert site.waits == []


@pytest.mark.parametrize(
    ("status", "headers", "what"),
    [
        (401, {}, "not found on the Hub, or private"),
        (403, {"X-Error-Code": "GatedRepo"}, "restricted"),
        (418, {}, "418"),
    ],
)
def test_a_refusal_is_an_error_at_once(status: int, headers: dict[str, str], what: str, site: Site) -> None:
    site.server.fault("bundle.json", "status", status=status, headers=headers, times=9)
    with pytest.raises(DownloadError, match=what) as caught:
        site.resolve(site.pinned)
    assert caught.value.remedy
    assert len(site.server.gets()) == 1


def test_the_token_reaches_the_hub_and_nobody_else(site: Site) -> None:
    with Storage() as storage:
        site.server.token, site.server.storage = TOKEN, storage
        storage.fault("weights.bin", "cut", at=1000)
        assert files_of(site.resolve(REPO, hub_token=f" {TOKEN}\n")) == site.files
        assert {request.headers.get("authorization") for request in site.server.requests} == {f"Bearer {TOKEN}"}
        assert len(storage.requests) == len(site.files) + 1
        assert not [request for request in storage.requests if TOKEN in str(request)]


@pytest.mark.parametrize("trouble", ["refused", "cut", "no connection", "malformed"])
def test_no_error_shows_the_token_or_a_signature(trouble: str, site: Site) -> None:
    token, changes = TOKEN, {}
    with Storage() as storage:
        site.server.storage = storage
        if trouble == "refused":
            site.server.token = "another"
        elif trouble == "cut":
            storage.fault("weights.bin", "cut", times=9)
        elif trouble == "no connection":
            changes = {"hub_url": "http://127.0.0.1:9"}
        else:
            token = f"{TOKEN}\nX: y"
        for model in (REPO, site.pinned):
            with pytest.raises((DownloadError, UsageError)) as caught:
                site.resolve(model, hub_token=token, **changes)
            assert isinstance(caught.value, UsageError) == (trouble == "malformed")
            assert TOKEN not in str(caught.value)
            assert "secret-signature" not in str(caught.value)
            assert not [text for text in site.warnings if TOKEN in text]


def test_without_huggingface_hub_the_error_names_what_to_install(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for model in (REPO, site.pinned):
        with pytest.raises(DownloadError, match=r'pip install "issue-labeler\[serve\]"'):
            site.resolve(model)


def test_huggingface_hubs_own_offline_switch_is_obeyed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for model in (REPO, site.pinned):
        with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
            site.resolve(model)
    assert site.server.requests == []


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:evil", "a//b", ".", "", "evil/", "bundle.json", "a\nb"],
)
def test_a_listed_name_that_leaves_the_folder_is_refused_before_it_is_fetched(name: str, site: Site) -> None:
    manifest = json.loads(site.files["bundle.json"])
    manifest["files"][name] = {"size": 2, "sha256": "0" * 64}
    commit = site.server.commit(REPO, {**site.files, "bundle.json": json.dumps(manifest).encode()})
    with pytest.raises(BundleError, match="leaves the bundle"):
        site.resolve(f"{REPO}@{commit}")
    assert len(site.server.gets()) == 1


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"{}", b'{"files": {"a": {}}}', b'{"files": {"a": {"size": -1, "sha256": "00"}}}', b"\xff"]
)
def test_a_broken_manifest_is_an_error_and_is_not_kept(body: bytes, site: Site) -> None:
    broken = site.server.commit(REPO, {"bundle.json": body})
    for _ in range(2):
        with pytest.raises(BundleError, match=r"bundle\.json"):
            site.resolve(f"{REPO}@{broken}")
    assert len(site.server.gets("bundle.json")) == 2


def test_a_bundle_for_a_newer_version_is_refused_and_not_cached(site: Site) -> None:
    manifest = json.loads(site.files["bundle.json"]) | {"format": 99}
    commit = site.server.commit(REPO, {**site.files, "bundle.json": json.dumps(manifest).encode()})
    with pytest.raises(BundleError, match="format 99"):
        site.resolve(f"{REPO}@{commit}")
    assert not list((site.cache / "bundles").glob("*"))


def test_too_little_room_on_the_disk_is_said_before_the_download(site: Site) -> None:
    manifest = json.loads(site.files["bundle.json"])
    manifest["files"]["weights.bin"]["size"] = 10**18
    commit = site.server.commit(REPO, {**site.files, "bundle.json": json.dumps(manifest).encode()})
    with pytest.raises(DownloadError, match=r"1000000000000 MB needed"):
        site.resolve(f"{REPO}@{commit}")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's always-full device")
def test_a_disk_that_fills_up_is_said_with_the_remedy(site: Site) -> None:
    parts = site.cache / "partial" / site.entry.name / "parts"
    parts.mkdir(parents=True)
    (parts / "manifest").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="No space left on device") as caught:
        site.resolve(site.pinned)
    assert "another disk" in caught.value.remedy


def test_a_cache_that_cannot_be_made_is_said_with_the_remedy(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match="cannot be written") as caught:
        site.resolve(site.pinned, cache=tmp_path / "file" / "cache")
    assert "another cache folder" in caught.value.remedy


def test_progress_grows_to_the_size_of_the_bundle(site: Site) -> None:
    steps: list[tuple[int, int | None]] = []
    site.server.fault("weights.bin", "cut", at=100_000)
    site.resolve(site.pinned, progress=lambda done, total: steps.append((done, total)))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (300_002, 300_002)


def test_processes_and_threads_at_once_download_each_file_once(site: Site) -> None:
    site.server.fault("weights.bin", "stall", at=1000, seconds=1.0)
    processes = [in_a_process(site, site.pinned) for _ in range(3)]
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(site.resolve(site.pinned))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    outs = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [*map(str, found), *outs] == [str(site.entry)] * 6
    assert files_of(site.entry) == site.files
    assert len(site.server.gets("extra/small.json")) == 1


def test_the_stand_in_serves_huggingface_hubs_own_downloader(site: Site, tmp_path: Path) -> None:
    import huggingface_hub

    for storage in (None, Storage()):
        site.server.storage = storage
        where = {"endpoint": site.server.url, "cache_dir": tmp_path / f"own-{storage is None}", "token": False}
        if storage is not None:
            storage.__enter__()
        path = huggingface_hub.hf_hub_download(REPO, "weights.bin", revision="main", **where)  # type: ignore[arg-type]
        assert Path(path).read_bytes() == site.files["weights.bin"]
        folder = huggingface_hub.snapshot_download(REPO, revision=site.commit, **where)  # type: ignore[arg-type]
        assert files_of(Path(folder)).items() >= site.files.items()
        if storage is not None:
            storage.__exit__(None, None, None)
