from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import yaml
from pyarrow import parquet

from labeler.config import Machine
from labeler.data.dataset import Row, write_dataset
from labeler.errors import InputError, UsageError
from labeler.fetch.hub_upload import HubError, check_name, upload
from labeler.labels.label_set import read_labels
from synthetic.annotating.generation import REQUESTS
from synthetic.annotating.instruction import prompt_for
from synthetic.cli import main
from synthetic.dataset.publication import package, send
from synthetic.preparing.preparation import Wanted, prepare
from synthetic.workspace.jsonl import write_lines
from synthetic.workspace.records import Answer, Prepared, Record, to_line
from tests.standins.hub import HubServer, Storage

REPO = "team/sprout-issues"
TOKEN = "hf_" + "averysecrettoken"
LABELS = """- name: bug
  description: Something is broken
- name: "area/ci|cd"
- question
"""
TIMES = ("2024-01-02T03:04:05Z", "2024-02-02T00:00:00Z")
ROWS = [
    Row("o/r#1", "o/r", 1, "Crash", 'boom\nthen "oh"', ("bug",), "train", "o/r", "m1+m2", 1.0, TIMES[0]),
    Row("o/r#2", "o/r", 2, "Red", "", ("bug", "area/ci|cd"), "train", "o/r", "person:ann", None, TIMES[1]),
    Row("o/r#3", "o/r", 3, "How do I?", "Ünïcode 🌱", ("question",), "test", "o/r", "repository", None, ""),
    Row("synthetic#ab", "", None, "Odd exit", "Exit code 3.", ("bug",), "train", "synthetic", "", None, ""),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    (work / "labels.yml").write_text(LABELS)
    write_dataset(work / "dataset.csv", ROWS)
    return work


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    # Xet is a protocol of its own; without it the client speaks plain HTTP and LFS.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with HubServer() as server:
        yield server


def machine(hub: HubServer, token: str = TOKEN) -> Machine:
    return Machine(hub_token=token, hub_endpoint=hub.url)


def published(hub: HubServer, name: str = REPO) -> dict[str, bytes]:
    return hub.repositories[f"datasets/{name}"].files


def run(folder: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return main(["publish", str(folder), "--to", REPO, *more])


def head_of(card: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)---\n", card, re.DOTALL)
    assert found
    return dict(yaml.safe_load(found[1]))


def test_what_is_published_is_what_the_folder_holds(
    folder: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(folder, hub, monkeypatch) == 0
    files = published(hub)
    assert set(files) == {
        ".gitattributes", "README.md", "dataset.csv", "labels.yml", "data/train.parquet", "data/test.parquet"
    }  # fmt: skip
    assert files["dataset.csv"] == (folder / "dataset.csv").read_bytes()
    assert files["labels.yml"].decode() == LABELS
    commit = hub.repositories[f"datasets/{REPO}"].refs["main"]
    assert commit in capsys.readouterr().out
    for name, part in (("train", [ROWS[0], ROWS[1], ROWS[3]]), ("test", [ROWS[2]])):
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(files[f"data/{name}.parquet"])
        found = parquet.read_table(path).to_pylist()
        texts = [(one["id"], one["title"], one["body"], tuple(one["labels"])) for one in found]
        assert texts == [(row.id, row.title, row.body, row.labels) for row in part]
        assert [one["agreement"] for one in found] == [row.agreement for row in part]
    assert str(parquet.read_table(tmp_path / "train.parquet")["created_at"][0]) == "2024-01-02 03:04:05+00:00"


def test_large_files_go_to_the_storage_without_the_token_and_come_back_from_another_host(
    folder: Path, hub: HubServer
) -> None:
    with Storage() as storage:
        hub.storage = storage
        made = package(folder, repository=REPO)
        done = send(machine(hub), REPO, made, "First")
    assert done.changed
    assert len(hub.objects) == 2
    puts = [request for request in hub.requests if request.method == "PUT"]
    assert len(puts) == 2
    assert all("authorization" not in request.headers for request in [*puts, *storage.requests])
    assert all(TOKEN not in request.path for request in hub.requests)


def test_publishing_again_sends_nothing_and_keeps_the_commit(folder: Path, hub: HubServer) -> None:
    made = package(folder, repository=REPO)
    first = send(machine(hub), REPO, made, "First")
    sent = len(hub.objects)
    again = send(machine(hub), REPO, package(folder, repository=REPO), "Second")
    assert (again.commit, again.changed, len(hub.objects)) == (first.commit, False, sent)
    assert hub.repositories[f"datasets/{REPO}"].messages == ["First"]


def test_a_split_that_is_gone_is_deleted_and_other_files_stay(folder: Path, hub: HubServer) -> None:
    send(machine(hub), REPO, package(folder, repository=REPO), "First")
    hub.commit(f"datasets/{REPO}", {**published(hub), "notes.md": b"mine"})
    write_dataset(folder / "dataset.csv", ROWS[:2])
    done = send(machine(hub), REPO, package(folder, repository=REPO), "Second")
    assert done.changed
    assert "data/test.parquet" not in published(hub)
    assert published(hub)["notes.md"] == b"mine"


def test_a_commit_whose_answer_got_lost_is_found_by_the_next_run(folder: Path, hub: HubServer) -> None:
    made = package(folder, repository=REPO)
    hub.fault("/commit/main", "cut", at=5, method="POST")
    with pytest.raises(HubError, match="uploading failed"):
        send(machine(hub), REPO, made, "First")
    done = send(machine(hub), REPO, made, "Again")
    assert not done.changed
    assert hub.repositories[f"datasets/{REPO}"].messages == ["First"]


def test_other_bytes_than_were_sent_are_noticed(folder: Path, hub: HubServer) -> None:
    hub.fault("/resolve/", "corrupt", at=3)
    with pytest.raises(HubError, match="differs from what was uploaded"):
        send(machine(hub), REPO, package(folder, repository=REPO), "First")


@pytest.mark.parametrize("private", [True, False])
def test_a_new_repository_is_as_private_as_asked(folder: Path, hub: HubServer, private: bool) -> None:
    send(machine(hub), REPO, package(folder, repository=REPO), "First", private=private)
    assert hub.repositories[f"datasets/{REPO}"].private is private


def test_a_public_repository_is_not_written_to_when_a_private_one_is_meant(folder: Path, hub: HubServer) -> None:
    made = package(folder, repository=REPO)
    hub.commit(f"datasets/{REPO}", {"README.md": b""})
    with pytest.raises(UsageError, match="is public"):
        send(machine(hub), REPO, made, "First", private=True)
    assert set(published(hub)) == {"README.md"}


def test_a_model_goes_the_same_way(folder: Path, hub: HubServer) -> None:
    done = upload(machine(hub), "team/model", "model", {"labels.yml": folder / "labels.yml"}, "First")
    assert hub.repositories["team/model"].files["labels.yml"].decode() == LABELS
    assert done.url == f"{hub.url}/team/model"


@pytest.mark.parametrize(
    ("token", "what"),
    [("", "401"), ("hf_reader", "403"), ("hf_two words", "no token has"), ("hf_\r\nx", "no token has")],
)
def test_a_token_that_will_not_do_is_named_by_its_fault_and_not_shown(
    folder: Path, hub: HubServer, token: str, what: str
) -> None:
    hub.readers = ("hf_reader",)
    with pytest.raises((HubError, UsageError)) as caught:
        send(machine(hub, token), REPO, package(folder, repository=REPO), "First")
    assert what in str(caught.value)
    assert not token or token not in str(caught.value)
    assert not hub.repositories


def test_a_server_out_of_order_is_named_with_a_remedy(folder: Path, hub: HubServer) -> None:
    hub.fault("/api/repos/create", "status", status=500, method="POST")
    with pytest.raises(HubError, match="with 500") as caught:
        send(machine(hub), REPO, package(folder, repository=REPO), "First")
    assert "later" in caught.value.remedy


def test_a_card_that_the_hub_refuses_is_said_before_anything_is_sent(folder: Path, hub: HubServer) -> None:
    made = package(folder, repository=REPO, license_id="my own")
    with pytest.raises(HubError, match="license"):
        send(machine(hub), REPO, made, "First")
    assert not hub.objects


@pytest.mark.parametrize("name", ["name", "a/b/c", "team/../x", "team/a--b", "/x", "team/x.git", "te am/x", "team/x\n"])
def test_what_can_be_no_repository_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no repository"):
        check_name(name)


def test_a_dry_run_writes_the_files_and_asks_nobody(
    folder: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, hub, monkeypatch, "--dry-run") == 0
    assert not hub.requests
    assert (folder / "publish" / "data" / "train.parquet").is_file()
    assert "not sent" in capsys.readouterr().out


def test_the_card_counts_labels_by_split_and_names_who_set_them(folder: Path) -> None:
    card = package(folder, repository=REPO).files["README.md"].read_text()
    head = head_of(card)
    assert head["license"] == "other"
    assert head["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/train.parquet"}, {"split": "test", "path": "data/test.parquet"}
    ]  # fmt: skip
    assert head["size_categories"] == ["n<1K"]
    assert "synthetic" in head["tags"]
    assert "| bug | Something is broken | 3 | 0 |" in card
    assert "| area&#47;ci&#124;cd | | 1 | 0 |" in card
    assert "| people | 1 |" in card
    assert "2024-01-02 to 2024-02-02" in card
    assert "a language model wrote 1, all in the training split" in card
    assert "| the model that wrote the issue | 1 |" in card
    assert "unknown" not in card
    write_lines(folder / REQUESTS, [{"model": "gemini-b", "kept": 1}, {"model": "gemini-a", "kept": 0}])
    card = package(folder, repository=REPO).files["README.md"].read_text()
    assert "Of these gemini-b wrote 1, all in the training split" in card


def test_the_card_has_agreement_and_the_whole_prompt_where_models_answered(folder: Path) -> None:
    labels = read_labels(folder / "labels.yml")
    prompt = prompt_for(labels)
    issues = [Prepared(row.id, row.repo, row.number, row.title, row.body, (), row.id) for row in ROWS[:3]]
    write_lines(folder / "prepared.jsonl", map(to_line, issues))
    given = [("o/r#1", "m1", ("bug",)), ("o/r#1", "m2", ("bug",)), ("o/r#2", "m1", ("bug",)), ("o/r#2", "m2", ())]
    answers = [Answer(issue, who, names, prompt.hash) for issue, who, names in given]
    write_lines(folder / "answers.jsonl", map(to_line, answers))
    card = package(folder, repository=REPO).files["README.md"].read_text()
    assert prompt.system in card
    assert prompt.hash in card
    assert "## Agreement" in card
    assert "### Annotators" in card
    assert "| m2 | 2 |" in card


@pytest.mark.parametrize("where", ["title", "body"])
def test_a_row_with_a_secret_is_not_published_unless_asked_for(folder: Path, where: str) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
    write_dataset(folder / "dataset.csv", [replace(ROWS[0], **{where: f"my token {secret}"}), *ROWS[1:]])
    with pytest.raises(InputError, match=r"github token in o/r#1") as caught:
        package(folder, repository=REPO)
    assert secret not in str(caught.value)
    card = package(folder, repository=REPO, unredacted=True).files["README.md"].read_text()
    assert "**Not redacted**" in card


@pytest.mark.parametrize("redaction", [True, False])
def test_what_was_prepared_without_redaction_is_not_published(folder: Path, redaction: bool) -> None:
    mail = "write to jane" + "@mailhaus.net"
    records = [Record("o/r", 7, "Crash", f"{mail} please"), Record("o/r", 8, "Not me", "", author_kind="bot")]
    write_lines(folder / "issues.jsonl", map(to_line, records))
    prepare(folder, read_labels(folder / "labels.yml"), Wanted(redact=redaction))
    if not redaction:
        with pytest.raises(InputError, match="prepared with --no-redact"):
            package(folder, repository=REPO)
        return
    card = package(folder, repository=REPO).files["README.md"].read_text()
    assert "in 1 of 1 issues: email address 1" in card
    assert "Of 2 issues fetched were left out: by a bot 1" in card


def test_a_dataset_without_rows_or_with_rows_of_no_split_is_refused(folder: Path) -> None:
    write_dataset(folder / "dataset.csv", [])
    with pytest.raises(InputError, match="no rows"):
        package(folder, repository=REPO)
    write_dataset(folder / "dataset.csv", [*ROWS, replace(ROWS[0], id="x", split="")])
    with pytest.raises(InputError, match="1 rows have no split"):
        package(folder, repository=REPO)


def test_the_result_as_json_names_commit_and_files(
    folder: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, hub, monkeypatch, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["commit"] == hub.repositories[f"datasets/{REPO}"].refs["main"]
    assert document["rows"] == {"train": 3, "validation": 0, "test": 1}
