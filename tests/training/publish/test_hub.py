"""`python -m training publish --to owner/name` against a loopback Hub, by the real huggingface_hub (tests/training runs
this with its 1.x, too)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labeler.cli import main as labeler
from tests.models import write_bundle
from tests.standins.bundles import files_of
from tests.standins.hub import HubServer
from training.cli import main

REPO = "team/labels-270m"
TOKEN = "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"
READER = "hf_standInTokenThatMayOnlyRead"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_bundle(tmp_path_factory.mktemp("exported") / "bundle", name="labels-270m", version="3")
    (folder / "README.md").write_text("---\nlanguage: en\n---\n# labels-270m 3\n", encoding="utf-8")
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with HubServer(readers=(READER,)) as server:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
        # Large files by git-lfs over HTTP; Xet, which the client prefers, is a protocol of its own.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        yield server


def publish(bundle: Path, *options: str) -> int:
    return main(["publish", "--bundle", str(bundle), "--to", REPO, *options])


def pin_in(text: str) -> str:
    found = re.search(r"^ +model: (\S+)$", text, re.MULTILINE)
    return found[1] if found else ""


def writes(hub: HubServer) -> list[str]:
    return [f"{request.method} {request.path}" for request in hub.requests if request.method not in ("GET", "HEAD")]


def test_what_was_published_is_fetched_verified_and_labels_an_issue(
    exported: Path, hub: HubServer, tmp_path: Path, capsys: Captured
) -> None:
    assert publish(exported) == 0
    pin = pin_in(capsys.readouterr().out)
    commit = hub.repositories[REPO].refs["main"]
    assert pin == f"{REPO}@{commit}"
    assert hub.repositories[REPO].messages == ["Publish labels-270m 3"]
    issue = ("--title", "It crashes", "--json")
    assert labeler([*issue, "--model", pin]) == 0
    fetched = json.loads(capsys.readouterr().out)
    assert labeler([*issue, "--model", str(exported)]) == 0
    local = json.loads(capsys.readouterr().out)
    assert fetched["probabilities"] == local["probabilities"]
    assert files_of(tmp_path / "cache" / "bundles" / f"hf-team--labels-270m-{commit}") == files_of(exported)


def test_a_second_run_sends_nothing_and_prints_the_same_pin(exported: Path, hub: HubServer, capsys: Captured) -> None:
    assert publish(exported, "--json") == 0
    first = json.loads(capsys.readouterr().out)
    hub.requests.clear()
    assert publish(exported, "--json") == 0
    second = json.loads(capsys.readouterr().out)
    assert (first["changed"], second["changed"], second["pin"]) == (True, False, first["pin"])
    assert not [one for one in writes(hub) if one.startswith("PUT") or "/commit/" in one]


def test_a_dry_run_lists_every_file_and_writes_nothing(exported: Path, hub: HubServer, capsys: Captured) -> None:
    assert publish(exported, "--dry-run", "--private") == 0
    out = capsys.readouterr().out
    assert f"would make the private model repository {REPO}" in out
    for name, body in files_of(exported).items():
        assert re.search(rf"^ +{len(body):,}  {re.escape(name)}$", out, re.MULTILINE)
    assert pin_in(out) == ""
    assert writes(hub) == []
    assert hub.repositories == {}


def test_a_new_version_becomes_a_commit_and_leaves_the_old_pin_as_it_was(
    exported: Path, hub: HubServer, tmp_path: Path, capsys: Captured
) -> None:
    assert publish(exported) == 0
    old = pin_in(capsys.readouterr().out)
    newer = write_bundle(tmp_path / "newer", seed=7, name="labels-270m", version="4")
    assert publish(newer) == 0
    assert pin_in(capsys.readouterr().out) not in ("", old)
    assert labeler(["fetch", old]) == 0
    assert "labels-270m 3" in capsys.readouterr().out


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_files_beside_the_bundle_stay_at_home_and_are_named(
    exported: Path, hub: HubServer, tmp_path: Path, capsys: Captured, options: tuple[str, ...]
) -> None:
    folder = tmp_path / "copy"
    for name, body in (files_of(exported) | {"private-notes.txt": b"!"}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    assert publish(folder, *options) == 0
    captured = capsys.readouterr()
    assert "private-notes.txt is not in the bundle's manifest" in captured.err
    assert "private-notes.txt" not in captured.out
    assert all("private-notes.txt" not in kept.files for kept in hub.repositories.values())


def test_private_makes_a_private_repository_and_refuses_a_public_one(
    exported: Path, hub: HubServer, capsys: Captured
) -> None:
    assert publish(exported, "--private") == 0
    assert hub.repositories[REPO].private
    hub.repositories[REPO].private = False
    hub.requests.clear()
    capsys.readouterr()
    assert publish(exported, "--private") == 2
    captured = capsys.readouterr()
    assert f"{REPO} exists and is public" in captured.err
    assert captured.out == ""
    assert writes(hub) == []


def test_a_token_that_may_not_write_is_told_what_it_lacks(
    exported: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("HF_TOKEN", READER)
    assert publish(exported) == 1
    captured = capsys.readouterr()
    assert "403" in captured.err
    assert "token that may write" in captured.err
    assert READER not in captured.err + captured.out
    assert captured.out == ""
    assert hub.repositories == {}


def test_a_token_that_the_hub_does_not_know_is_refused_before_anything_is_sent(
    exported: Path, hub: HubServer, capsys: Captured
) -> None:
    said = {"X-Error-Message": "Invalid credentials in Authorization header"}
    hub.fault(f"/api/models/{REPO}", "status", status=401, headers=said)
    assert publish(exported) == 1
    captured = capsys.readouterr()
    assert "does not accept the token" in captured.err
    assert TOKEN not in captured.err
    assert writes(hub) == []


def test_a_name_taken_by_something_else_than_a_bundle_is_refused(
    exported: Path, hub: HubServer, capsys: Captured
) -> None:
    hub.commit(REPO, {"README.md": b"# Ours", "pytorch_model.bin": b"weights"})
    assert publish(exported) == 2
    captured = capsys.readouterr()
    assert "name is taken" in captured.err
    assert "pytorch_model.bin" in captured.err
    assert captured.out == ""
    assert writes(hub) == []


def test_a_repository_made_by_hand_with_a_card_only_is_used(exported: Path, hub: HubServer, capsys: Captured) -> None:
    hub.commit(REPO, {"README.md": b"# Soon", ".gitattributes": b""})
    assert publish(exported) == 0
    assert pin_in(capsys.readouterr().out)


@pytest.mark.parametrize("where", ["/objects/", "/commit/main"])
def test_a_connection_lost_while_uploading_prints_no_pin_and_the_next_run_sends_only_the_rest(
    exported: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch, capsys: Captured, where: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client waits between its attempts
    hub.fault(where, "status", status=503, times=50, method="PUT" if "objects" in where else "POST")
    assert publish(exported) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "run again" in captured.err.casefold() or "run the command again" in captured.err.casefold()
    assert "bundle.json" not in hub.repositories[REPO].files
    arrived = set(hub.objects)
    hub.faults.clear()
    hub.requests.clear()
    assert publish(exported) == 0
    assert pin_in(capsys.readouterr().out)
    assert not [one for one in writes(hub) if any(f"PUT /objects/{oid}" == one for oid in arrived)]


def test_a_commit_whose_answer_got_lost_is_found_again_and_pinned(
    exported: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.fault("/commit/main", "cut", at=3, method="POST", times=1)
    assert publish(exported) == 1
    assert capsys.readouterr().out == ""
    assert publish(exported) == 0
    assert pin_in(capsys.readouterr().out) == f"{REPO}@{hub.repositories[REPO].refs['main']}"
    assert len(hub.repositories[REPO].messages) == 1


def test_a_file_that_does_not_come_back_as_it_was_sent_is_never_pinned(
    exported: Path, hub: HubServer, capsys: Captured
) -> None:
    hub.fault("/embeddings.safetensors", "corrupt", at=100, times=10)
    assert publish(exported) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "embeddings.safetensors" in captured.err


def test_a_damaged_bundle_is_refused_before_any_request(
    exported: Path, hub: HubServer, tmp_path: Path, capsys: Captured
) -> None:
    folder = write_bundle(tmp_path / "bundle")
    (folder / "decoder.bin").write_bytes(b"short")
    assert publish(folder) == 1
    assert "decoder.bin" in capsys.readouterr().err
    assert hub.requests == []


@pytest.mark.parametrize(
    ("to", "what"),
    [
        ("labels", "no repository"),
        ("team/labels@main", "a commit is what publishing makes"),
        ("team/a--b", "no repository"),
        ("github:team/models", "not github:owner/repo@tag"),
        ("github:team/models@v1/a.tar.gz#sha256=" + "0" * 64, "what publishing prints"),
        ("github:team/models@v1/ünï.tar.gz", "GitHub would rename"),
    ],
)
def test_a_place_that_is_none_is_refused_with_what_is_wanted(
    exported: Path, hub: HubServer, capsys: Captured, to: str, what: str
) -> None:
    assert main(["publish", "--bundle", str(exported), "--to", to]) == 2
    assert what in capsys.readouterr().err
    assert hub.requests == []
