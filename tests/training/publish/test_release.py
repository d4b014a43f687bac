"""`python -m training publish --to github:owner/repo@tag` against a loopback GitHub; uploads have their own host."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labeler.cli import main as labeler
from labeler.config import Machine
from labeler.errors import DownloadError, GitHubError, InputError, LabelerError, UsageError
from labeler.github.refusals import BadToken, Forbidden, Invalid, Moved, NotFound, Unavailable
from tests.models import write_bundle
from tests.standins.bundles import archive_of, files_of
from tests.standins.github import TOKEN, Answer, Request, serving
from tests.standins.github import GitHub as StandIn
from tests.standins.github_releases import add_asset, add_release
from training.cli import main
from training.publish import Published, ReleaseTarget, parse_target, read_content
from training.publish.content import Content
from training.publish.release import MARK, write_archive
from training.publish.release_api import upload_address

REPO = "octo/models"
ASSET = "labels-270m.tar.gz"
PLACE = f"github:{REPO}@v1"
UPLOADS = f"POST /repos/{REPO}/releases/1/assets"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("exported") / "bundle", name="labels-270m", version="3")


@pytest.fixture(scope="module")
def content(bundle: Path) -> Content:
    return read_content(bundle)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """Known as api.github.test; uploads go to uploads.github.test, as with the real one."""
    real = socket.getaddrinfo

    def loopback(host: Any, *more: Any, **options: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".github.test") else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)
    with serving() as standin:
        standin.url = standin.url.replace("127.0.0.1", "api.github.test")
        standin.add_repository(REPO)
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("GITHUB_API_URL", standin.url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
        yield standin


class Publisher:
    """Publishes without waiting, and keeps what it would have waited."""

    def __init__(self, github: StandIn, content: Content) -> None:
        self.machine = Machine(github_token=TOKEN, github_api_url=github.url)
        self.content = content
        self.waits: list[float] = []

    def __call__(self, place: str = PLACE, private: bool = False) -> Published:
        target = parse_target(place, self.content.name)
        assert isinstance(target, ReleaseTarget)
        return target.publish(self.content, self.machine, private=private, wait=self.waits.append)


@pytest.fixture
def publish(github: StandIn, content: Content) -> Publisher:
    return Publisher(github, content)


def packed(content: Content, folder: Path) -> bytes:
    return write_archive(folder / "packed.tar.gz", content).read_bytes()


def written(github: StandIn) -> list[str]:
    return [f"{request.method} {request.path}" for request in github.writes()]


def releases(github: StandIn) -> list[dict[str, Any]]:
    return github.repositories[REPO].releases.documents


def test_what_was_published_is_fetched_verified_and_labels_an_issue(
    bundle: Path, github: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", "--bundle", str(bundle), "--to", PLACE]) == 0
    found = re.search(r"^ +model: (\S+)$", capsys.readouterr().out, re.MULTILINE)
    assert found
    (release,) = releases(github)
    (asset,) = release["assets"]
    assert found[1] == f"{PLACE}/{ASSET}#{asset['digest'].replace(':', '=')}"
    issue = ["--title", "It crashes", "--json", "--model"]
    assert labeler([*issue, found[1]]) == 0
    fetched = json.loads(capsys.readouterr().out)
    assert labeler([*issue, str(bundle)]) == 0
    assert fetched["probabilities"] == json.loads(capsys.readouterr().out)["probabilities"]
    (entry,) = (tmp_path / "cache" / "bundles").iterdir()
    assert files_of(entry) == files_of(bundle)


def test_the_release_is_a_draft_until_its_asset_is_there_and_never_the_latest(
    publish: Publisher, github: StandIn
) -> None:
    done = publish()
    assert written(github) == [f"POST /repos/{REPO}/releases", UPLOADS, f"PATCH /repos/{REPO}/releases/1"]
    create, upload, release = github.writes()
    assert create.body["draft"] is True
    assert upload.headers["Host"].startswith("uploads.github.test:")
    assert release.body == {"draft": False, "make_latest": "false"}
    assert done.url == f"https://github.com/{REPO}/releases/tag/v1"


def test_a_second_run_sends_nothing_and_gives_the_same_pin(publish: Publisher, github: StandIn) -> None:
    first = publish()
    github.requests.clear()
    assert publish() == replace(first, changed=False)
    assert written(github) == []


def test_a_dry_run_tells_the_asset_its_sha256_and_size_and_writes_nothing(
    bundle: Path, content: Content, github: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = packed(content, tmp_path)
    assert main(["publish", "--bundle", str(bundle), "--to", PLACE, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert f"would make the release v1 of {REPO}" in out
    assert f"would upload {ASSET}, sha256 {hashlib.sha256(body).hexdigest()}" in out
    assert re.search(rf"^ +{len(body):,}  {ASSET}$", out, re.MULTILINE)
    assert "model:" not in out
    assert github.writes() == []


def test_equal_bundles_make_equal_archives(bundle: Path, content: Content, tmp_path: Path) -> None:
    for name, body in reversed(files_of(bundle).items()):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / name).write_bytes(body)
        (tmp_path / "copy" / name).chmod(0o600)
    first = packed(content, tmp_path)
    assert packed(read_content(tmp_path / "copy"), tmp_path) == first


def test_an_asset_is_added_to_a_release_that_is_there_under_the_name_given(publish: Publisher, github: StandIn) -> None:
    add_asset(github, REPO, add_release(github, REPO, "models/v2"), "notes.txt", b"hello")
    done = publish(f"github:{REPO}@models/v2/small.tgz")
    assert done.pin.startswith(f"github:{REPO}@models/v2/small.tgz#sha256=")
    assert written(github) == [UPLOADS]
    assert [asset["name"] for asset in releases(github)[0]["assets"]] == ["notes.txt", "small.tgz"]


def test_an_asset_of_that_name_with_other_content_is_never_replaced(publish: Publisher, github: StandIn) -> None:
    add_asset(github, REPO, add_release(github, REPO, "v1"), ASSET, b"another bundle")
    with pytest.raises(UsageError, match="name is taken"):
        publish()
    assert github.writes() == []


def test_a_draft_that_somebody_else_prepares_is_left_alone(publish: Publisher, github: StandIn) -> None:
    add_release(github, REPO, "v1", draft=True, body="Coming soon")
    with pytest.raises(UsageError, match="draft of a release v1 that this command did not make"):
        publish()
    assert github.writes() == []


@pytest.mark.parametrize("state", ["none", "open", "uploaded", "older"])
def test_a_draft_left_by_a_run_that_broke_off_is_gone_on_with(
    publish: Publisher, github: StandIn, content: Content, tmp_path: Path, state: str
) -> None:
    draft = add_release(github, REPO, "v1", draft=True, body=MARK)
    if state == "open":
        add_asset(github, REPO, draft, ASSET, b"", "open")
    elif state != "none":
        add_asset(github, REPO, draft, ASSET, packed(content, tmp_path) if state == "uploaded" else b"older bundle")
    done = publish()
    assert done.changed
    (release,) = releases(github)
    assert not release["draft"]
    assert [asset["state"] for asset in release["assets"]] == ["uploaded"]
    removed = [f"DELETE /repos/{REPO}/releases/assets/1000"] if state in ("open", "older") else []
    sent = [UPLOADS] if state != "uploaded" else []
    assert written(github) == [*removed, *sent, f"PATCH /repos/{REPO}/releases/1"]


def test_a_cut_connection_is_tried_again_and_leaves_one_asset(publish: Publisher, github: StandIn) -> None:
    github.fail(Answer(201, {"id": 1}, cut=True), UPLOADS)
    github.fail(Answer(502, {"message": "Server Error"}), UPLOADS)
    publish()
    assert len(releases(github)[0]["assets"]) == 1
    assert publish.waits[:2] == [2.0, 4.0]


def test_an_upload_whose_answer_got_lost_is_not_sent_again(content: Content, github: StandIn) -> None:
    publish = Publisher(github, content)
    keep = github.answer
    lost: list[Request] = []

    def answer(request: Request, raw: bytes) -> Answer:
        done = keep(request, raw)
        if request.path.endswith("/assets") and not lost:
            lost.append(request)
            return replace(done, cut=True)
        return done

    github.answer = answer  # type: ignore[method-assign]
    publish()
    assert written(github).count(UPLOADS) == 1


def test_uploads_that_never_get_through_leave_a_draft_and_no_pin(
    bundle: Path, publish: Publisher, github: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.fail(Answer(502, {"message": "Server Error"}), UPLOADS, times=3)
    with pytest.raises(Unavailable, match="after 3 attempts") as caught:
        publish()
    assert "same command again" in caught.value.remedy
    assert releases(github)[0]["draft"]
    publish()
    assert len(releases(github)) == 1


def test_an_asset_that_arrives_damaged_is_taken_away_and_never_published(
    content: Content, github: StandIn, tmp_path: Path
) -> None:
    publish = Publisher(github, content)
    keep = github.answer

    def damaging(request: Request, raw: bytes) -> Answer:
        if request.path.endswith("/assets"):
            request = replace(request, body=gzip.compress(b"x" * len(raw)))
        return keep(request, raw)

    github.answer = damaging  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="arrived damaged"):
        publish()
    (release,) = releases(github)
    assert release["draft"]
    assert release["assets"] == []


def test_an_asset_that_does_not_come_back_whole_is_not_pinned(
    bundle: Path, github: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    github.repositories[REPO].releases.digests = False  # as older servers, which can tell a wrong size only
    size = len(write_archive(bundle.parent / "a.tar.gz", read_content(bundle)).read_bytes())
    wrong = archive_of({"bundle.json": b"{}"})
    github.fail(Answer(200, wrong.ljust(size, b"\0")), f"GET /repos/{REPO}/releases/assets/", times=9)
    assert main(["publish", "--bundle", str(bundle), "--to", PLACE]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is not to be used" in captured.err


def test_a_release_that_shows_a_little_late_is_waited_for(publish: Publisher, github: StandIn) -> None:
    keep = github.answer
    hidden: list[Request] = []

    def late(request: Request, raw: bytes) -> Answer:
        published = any(f.startswith("PATCH") for f in written(github))
        if published and request.path.endswith("/releases/tags/v1") and len(hidden) < 2:
            hidden.append(request)
            return Answer(404, {"message": "Not Found"})
        return keep(request, raw)

    github.answer = late  # type: ignore[method-assign]
    assert publish().pin
    assert publish.waits == [1.0, 2.0]


def test_immutable_releases_are_served_and_a_published_one_is_refused_beforehand(
    publish: Publisher, github: StandIn
) -> None:
    github.repositories[REPO].releases.immutable = True
    publish()
    assert publish().changed is False
    with pytest.raises(UsageError, match="immutable"):
        publish(f"{PLACE}/another.tar.gz")


def refusals() -> list[tuple[str, type[LabelerError], str]]:
    return [
        ("rights", Forbidden, "contents: write"),
        ("token", BadToken, "GITHUB_TOKEN"),
        ("none", BadToken, "GITHUB_TOKEN"),
        ("repository", NotFound, "Check owner and name"),
        ("public", UsageError, "--private"),
        ("invalid", Invalid, "another tag"),
    ]


@pytest.mark.parametrize(("case", "kind", "remedy"), refusals())
def test_what_github_refuses_comes_with_its_remedy_and_without_the_token(
    publish: Publisher, github: StandIn, case: str, kind: type[LabelerError], remedy: str
) -> None:
    github.may_write = case != "rights"
    if case in ("token", "none"):
        publish.machine = replace(publish.machine, github_token="ghp_wrong" if case == "token" else "")
    if case == "invalid":
        github.fail(Answer(422, {"message": "Validation Failed"}), f"POST /repos/{REPO}/releases")
    place = PLACE if case != "repository" else "github:octo/none@v1"
    with pytest.raises(kind) as caught:
        publish(place, private=case == "public")
    assert remedy in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "ghp_wrong" not in str(caught.value)
    assert releases(github) == []


def test_a_private_repository_keeps_a_private_release(publish: Publisher, github: StandIn) -> None:
    github.repositories[REPO].private = True
    assert publish(private=True).pin


def test_a_bundle_larger_than_github_takes_is_refused_before_anything_is_made(
    publish: Publisher, github: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.publish.release.MOST_BYTES", 1000)
    with pytest.raises(InputError, match="GitHub takes 1,000"):
        publish()
    assert github.requests == []


def test_the_token_is_sent_to_no_host_but_those_of_the_api(publish: Publisher, github: StandIn) -> None:
    with serving() as elsewhere:
        release = add_release(github, REPO, "v1")
        release["upload_url"] = f"{elsewhere.url}/repos/{REPO}/releases/1/assets{{?name,label}}"
        with pytest.raises(Moved, match="another host"):
            publish()
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("api", "template", "good"),
    [
        ("https://api.github.com", "https://uploads.github.com/repos/o/r/releases/1/assets{?name,label}", True),
        ("https://ghe.example/api/v3", "https://ghe.example/api/uploads/repos/o/r/releases/1/assets{?name}", True),
        ("https://api.team.ghe.com", "https://uploads.team.ghe.com/repos/o/r/releases/1/assets{?name}", True),
        ("https://api.github.com", "http://uploads.github.com/repos/o/r/releases/1/assets{?name}", False),
        ("https://api.github.com", "https://uploads.github.com.evil.example/assets{?name}", False),
        ("https://api.github.com", "https://uploads.github.com@evil.example/assets{?name}", False),
        ("https://ghe.example/api/v3", "https://uploads.github.com/assets{?name}", False),
    ],
)
def test_uploads_go_to_the_host_that_belongs_to_the_api(api: str, template: str, good: bool) -> None:
    if good:
        assert upload_address(template, api) == template.partition("{")[0]
        return
    with pytest.raises(GitHubError):
        upload_address(template, api)


def test_errors_of_fetching_back_are_download_errors(publish: Publisher, github: StandIn) -> None:
    github.fail(Answer(200, b"nothing"), f"GET /repos/{REPO}/releases/assets/", times=9)
    with pytest.raises(DownloadError, match="could not be fetched back whole"):
        publish()
