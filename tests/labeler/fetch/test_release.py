from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import BundleError, DownloadError
from labeler.fetch.hub import resolve
from labeler.fetch.release import plain_name, unpack
from tests.standins.bundles import archive, archive_of, files_of, write_bundle
from tests.standins.hub import Storage
from tests.standins.release import ReleaseServer

REPO = "team/models"
MODEL = f"github:{REPO}@v1/bundle.tar.gz"
TOKEN = "ghs_verysecrettoken"


class Site:
    """A GitHub with one released bundle, and a cache to fetch it into."""

    def __init__(self, server: ReleaseServer, folder: Path) -> None:
        self.server = server
        self.cache = folder / "cache"
        self.files = files_of(write_bundle(folder / "source"))
        self.body = archive_of(self.files, "labels-270m/")
        server.publish(REPO, "v1", "bundle.tar.gz", self.body)
        self.warnings: list[str] = []
        self.waits: list[float] = []

    @property
    def pin(self) -> str:
        return f"#sha256={hashlib.sha256(self.body).hexdigest()}"

    def resolve(self, model: str = MODEL, **changes: Any) -> Path:
        settings: dict[str, Any] = {
            "cache": self.cache,
            "starter": self.cache / "no-starter",
            "github_api_url": self.server.url,
            "warn": self.warnings.append,
            "wait": self.waits.append,
        }
        return resolve(model, **settings | changes)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with Storage() as storage, ReleaseServer(storage) as server:
        yield Site(server, tmp_path)


@pytest.mark.parametrize("top", ["", "./", "labels-270m/"])
def test_an_asset_with_the_bundle_in_its_root_or_one_top_folder_is_unpacked(top: str, site: Site) -> None:
    site.server.publish(REPO, "models/v2", "bundle.tgz", archive_of(site.files, top))
    folder = site.resolve(f"github:{REPO}@models/v2/bundle.tgz")
    assert files_of(folder) == site.files
    assert folder.parent == site.cache / "bundles"
    assert folder.name.startswith("gh-team--models-models--v2-bundle.tgz-")


def test_with_the_cache_filled_there_is_no_request(site: Site) -> None:
    folder = site.resolve(MODEL + site.pin)
    seen = len(site.server.requests)
    assert site.resolve(MODEL + site.pin, offline=True) == site.resolve(MODEL + site.pin) == folder
    assert len(site.server.requests) == seen
    assert site.warnings == []


@pytest.mark.parametrize("status", [500, 502, 429, 408])
@pytest.mark.parametrize("path", ["/tags/", "/assets/"])
def test_a_server_in_trouble_is_asked_four_times_with_growing_waits(path: str, status: int, site: Site) -> None:
    site.server.fault(path, "status", status=status, times=3)
    assert files_of(site.resolve()) == site.files
    assert site.waits == [1.0, 2.0, 4.0]
    site.server.publish(REPO, "v2", "bundle.tar.gz", site.body)
    site.server.fault(path, "status", status=status, times=4)
    with pytest.raises(DownloadError, match=f"in 4 tries .HTTP {status}"):
        site.resolve(f"github:{REPO}@v2/bundle.tar.gz")


def test_a_connection_cut_in_an_asset_goes_on_where_it_stopped(site: Site) -> None:
    site.server.storage.fault("", "cut", at=100_000)
    assert files_of(site.resolve()) == site.files
    requests = site.server.storage.gets()
    assert [request.headers.get("range") for request in requests] == [None, "bytes=100000-"]
    assert requests[1].headers["if-range"] == f'"{hashlib.sha256(site.body).hexdigest()}"'


def test_an_asset_replaced_between_two_calls_is_fetched_from_its_start(site: Site) -> None:
    site.server.storage.fault("", "cut", at=1000, times=4)
    with pytest.raises(DownloadError):
        site.resolve()
    site.server.publish(REPO, "v1", "bundle.tar.gz", archive_of(site.files))
    assert files_of(site.resolve()) == site.files
    assert site.server.storage.requests[-1].headers.get("range") is None


def test_the_token_does_not_follow_the_redirect(site: Site) -> None:
    site.server.token = TOKEN
    site.server.storage.fault("", "cut", at=1000)
    assert files_of(site.resolve(github_token=TOKEN)) == site.files
    assert {request.headers.get("authorization") for request in site.server.requests} == {f"Bearer {TOKEN}"}
    assert len(site.server.storage.requests) == 2
    assert not [request for request in site.server.storage.requests if TOKEN in str(request)]


def test_no_error_shows_the_token_or_a_signature(site: Site) -> None:
    site.server.storage.fault("", "cut", times=99)
    for changes in ({}, {"github_api_url": "http://127.0.0.1:9"}, {"github_api_url": "ftp://127.0.0.1"}):
        with pytest.raises(DownloadError) as caught:
            site.resolve(github_token=TOKEN, **changes)
        assert TOKEN not in str(caught.value)
        assert "signature" not in str(caught.value)


def test_a_pin_that_differs_from_githubs_digest_is_refused_before_the_download(site: Site) -> None:
    with pytest.raises(DownloadError, match="sha256 differs"):
        site.resolve(f"{MODEL}#sha256={'0' * 64}")
    assert site.server.storage.requests == []


def test_a_pin_is_checked_where_github_tells_no_digest(site: Site) -> None:
    site.server.digests = False
    with pytest.raises(DownloadError, match="sha256 differs"):
        site.resolve(f"{MODEL}#sha256={'0' * 64}")
    assert not list((site.cache / "bundles").glob("*"))
    assert files_of(site.resolve(MODEL + site.pin)) == site.files


@pytest.mark.parametrize("at", [0, 150_000])
@pytest.mark.parametrize("digests", [True, False])
def test_an_asset_damaged_on_its_way_is_refused_and_fetched_anew_by_the_next_call(
    digests: bool, at: int, site: Site
) -> None:
    site.server.digests = digests
    site.server.storage.fault("", "corrupt", at=at)
    with pytest.raises((DownloadError, BundleError)) as caught:
        site.resolve()
    assert caught.value.remedy
    assert files_of(site.resolve()) == site.files


def test_an_asset_that_is_not_there_is_named_beside_those_that_are(site: Site) -> None:
    with pytest.raises(DownloadError, match=r"no asset other\.tar\.gz") as caught:
        site.resolve(f"github:{REPO}@v1/other.tar.gz")
    assert "bundle.tar.gz" in caught.value.remedy


@pytest.mark.parametrize("model", ["github:team/none@v1/bundle.tar.gz", f"github:{REPO}@v9/bundle.tar.gz"])
def test_no_such_release_or_no_access_says_what_to_check(model: str, site: Site) -> None:
    with pytest.raises(DownloadError, match="or no access to it") as caught:
        site.resolve(model)
    assert "spelling" in caught.value.remedy
    assert "token" in caught.value.remedy


def test_the_hourly_limit_is_told_apart(site: Site) -> None:
    site.server.fault("/tags/", "status", status=403, headers={"X-RateLimit-Remaining": "0"})
    with pytest.raises(DownloadError, match="hourly limit") as caught:
        site.resolve()
    assert "token" in caught.value.remedy


@pytest.mark.parametrize(("token", "what"), [("ghp_expired", "wrong or has expired"), ("", "without a token")])
def test_a_token_that_is_not_accepted_is_no_question_of_spelling(site: Site, token: str, what: str) -> None:
    site.server.fault("/tags/", "status", status=401)
    with pytest.raises(DownloadError, match=what) as caught:
        site.resolve(github_token=token)
    assert "GITHUB_TOKEN" in caught.value.remedy
    assert "spelling" not in str(caught.value)


def test_an_answer_that_is_no_release_is_an_error(site: Site) -> None:
    site.server.fault("/tags/", "status", status=200)
    with pytest.raises(DownloadError, match="not GitHub's description of a release"):
        site.resolve()


def test_a_bundle_that_does_not_fit_its_manifest_is_refused_and_not_cached(site: Site) -> None:
    site.server.publish(REPO, "v2", "bundle.tar.gz", archive_of(site.files | {"weights.bin": b"other"}))
    with pytest.raises(BundleError, match=r"weights\.bin"):
        site.resolve(f"github:{REPO}@v2/bundle.tar.gz")
    assert not list((site.cache / "bundles").glob("*"))


def test_a_damaged_cache_entry_is_fetched_again_with_a_warning(site: Site) -> None:
    folder = site.resolve()
    (folder / "weights.bin").write_bytes(b"")
    assert files_of(site.resolve()) == site.files
    assert len(site.warnings) == 1


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", body: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(body)
    return info, body


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (member("/tmp/evil", body=b"x"), "leaves the folder"),
        (member("../evil", body=b"x"), "leaves the folder"),
        (member("a/../../evil", body=b"x"), "leaves the folder"),
        (member("..\\evil", body=b"x"), "leaves the folder"),
        (member("C:\\evil", body=b"x"), "leaves the folder"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "a link or no plain file"),
        (member("link", tarfile.SYMTYPE, "bundle.json"), "a link or no plain file"),
        (member("link", tarfile.LNKTYPE, "bundle.json"), "a link or no plain file"),
        (member("pipe", tarfile.FIFOTYPE), "a link or no plain file"),
        (member("null", tarfile.CHRTYPE), "a link or no plain file"),
        (member("BUNDLE.json", body=b"x"), "twice"),
    ],
)
def test_an_archive_with_a_dangerous_member_is_refused(
    bad: tuple[tarfile.TarInfo, bytes], what: str, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(archive([member("bundle.json", body=b"{}"), bad, member("after", body=b"x")]))
    with pytest.raises(DownloadError, match=what):
        unpack(path, tmp_path / "in" / "out")
    assert {found.relative_to(tmp_path).as_posix() for found in tmp_path.rglob("*") if not found.is_dir()} == {
        "bundle.tar.gz",
        "in/out/bundle.json",
    }


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(archive([member("bundle.json", body=b"{}"), member("zeros", body=bytes(1 << 20))]))
    assert path.stat().st_size < 1 << 15
    with pytest.raises(DownloadError, match="holds more than 1048576 bytes"):
        unpack(path, tmp_path / "out", most_bytes=1 << 20)
    assert not (tmp_path / "out" / "zeros").exists()
    assert unpack(path, tmp_path / "out", most_bytes=(1 << 20) + 2) == tmp_path / "out"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "not a readable"),
        (b"plain text", "not a readable"),
        (archive_of({"bundle.json": b"{}", "a": bytes(range(256)) * 99})[:-300], "not a readable"),
        (archive_of({"a/b/bundle.json": b"{}"}), "no bundle.json"),
        (archive_of({"a/bundle.json": b"{}", "b/bundle.json": b"{}"}), "2 bundle.json"),
    ],
)
def test_an_archive_of_no_bundle_is_refused(body: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(body)
    with pytest.raises(DownloadError, match=what):
        unpack(path, tmp_path / "out")


@settings(deadline=None)
@given(st.text(max_size=12) | st.text("./\\:a ", max_size=8))
def test_a_plain_name_never_leaves_its_folder(name: str) -> None:
    if plain_name(name):
        path = Path("/folder") / name
        assert path.resolve().is_relative_to("/folder")
        assert path != Path("/folder")
        assert not set(name) & set("\\:\0\n")


def test_a_member_is_not_made_executable_or_owned_by_another(tmp_path: Path) -> None:
    info, body = member("bundle.json", body=b"{}")
    info.mode, info.uid = 0o4777, 12345
    (tmp_path / "bundle.tar.gz").write_bytes(archive([(info, body)]))
    folder = unpack(tmp_path / "bundle.tar.gz", tmp_path / "out")
    facts = (folder / "bundle.json").stat()
    assert facts.st_mode & 0o7111 == 0
    assert facts.st_uid != 12345


def test_the_archive_helper_makes_what_tar_reads() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive_of({"a": b"1"}, "top/"))) as tar:
        assert tar.getnames() == ["top/a"]
