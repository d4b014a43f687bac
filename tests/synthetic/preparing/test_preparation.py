from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from labeler.errors import InputError
from labeler.github.history import LabelEvent
from labeler.labels.label_set import Label, LabelSet, read_labels
from synthetic.cli import main
from synthetic.preparing.preparation import Wanted, prepare, read_report
from synthetic.workspace.jsonl import read_lines, write_lines
from synthetic.workspace.records import ISSUES, PREPARED, Prepared, Record, from_line, to_line

LABELS = LabelSet((Label("bug", aliases=("kind/bug",)), Label("question")))
TOKEN = "gh" + "p_" + "a1B2c3D4" * 5
DEFAULTS = Wanted()
LABELS_FILE = "- name: bug\n  aliases: [kind/bug]\n- question\n"


def record(number: int, title: str, body: str = "", **more: object) -> Record:
    given = Record("octo/app", number, title, body, author="ann", author_kind="user", state="open")
    return replace(given, **{"created_at": f"2026-01-{number:02d}T10:00:00Z", **more})


def folder_with(folder: Path, *records: Record) -> Path:
    write_lines(folder / ISSUES, map(to_line, records))
    return folder


def prepared_in(folder: Path) -> list[Prepared]:
    return [from_line(Prepared, line) for line in read_lines(folder / PREPARED)]


def prepared(folder: Path, records: Sequence[Record], wanted: Wanted = DEFAULTS) -> list[Prepared]:
    prepare(folder_with(folder, *records), LABELS, wanted)
    return prepared_in(folder)


def test_an_issue_is_stripped_mapped_and_redacted(tmp_path: Path) -> None:
    body = f"### What\n\nIt fails with {TOKEN}\n\n### Logs\n\n_No response_\n<!-- hint -->"
    given = record(3, "Fails for ann@uni-hof.de ", body, labels=("Kind/Bug", "wontfix"))
    assert prepared(tmp_path, [given]) == [
        Prepared(
            id="octo/app#3",
            repo="octo/app",
            number=3,
            title="Fails for [redacted: email address]",
            body="### What\n\nIt fails with [redacted: github token]",
            labels=("bug",),
            group="octo/app#3",
            created_at="2026-01-03T10:00:00Z",
            source="octo/app",
        )
    ]


def test_bots_pull_requests_and_empty_issues_are_dropped_and_counted(tmp_path: Path) -> None:
    given = [
        record(1, "one"),
        record(2, "two", author_kind="bot"),
        record(3, "three", is_pull_request=True),
        record(4, " ", "<!-- a -->\n### A\n\n_No response_"),
        record(5, "five", author="Triage"),
    ]
    report = prepare(folder_with(tmp_path, *given), LABELS, Wanted(bots=("triage",)))
    assert [one.number for one in prepared_in(tmp_path)] == [1]
    assert report.issues == 5
    assert report.kept == 1
    dropped = {"pull request": 1, "by a bot": 2, "empty": 1, "exact duplicate": 0, "near-duplicate": 0}
    assert report.dropped == dropped
    assert [one.number for one in prepared(tmp_path, given, Wanted(keep_bots=True))] == [1, 2, 5]


def test_of_duplicates_the_oldest_stays_whatever_its_number(tmp_path: Path) -> None:
    text = " ".join(f"word{i}" for i in range(60))
    given = [record(3, "crash", text), record(9, "Crash!", text, created_at="2025-12-31T10:00:00Z")]
    report = prepare(folder_with(tmp_path, *given, record(4, "crash", f"{text} really")), LABELS)
    assert [one.number for one in prepared_in(tmp_path)] == [9]
    assert report.duplicates == {"octo/app#3": "octo/app#9", "octo/app#4": "octo/app#9"}
    assert (report.dropped["exact duplicate"], report.dropped["near-duplicate"]) == (1, 1)


def test_linked_issues_are_one_group_named_by_the_oldest_also_through_a_dropped_one(tmp_path: Path) -> None:
    given = [
        record(1, "first"),
        record(2, "second", "like #1"),
        record(3, "third of its own"),
        record(4, "third of its own"),
        record(5, "fifth", "see https://github.com/octo/app/issues/4"),
    ]
    assert {one.number: one.group for one in prepared(tmp_path, given)} == {
        1: "octo/app#1",
        2: "octo/app#1",
        3: "octo/app#3",
        5: "octo/app#3",
    }


def test_a_templates_example_link_and_its_words_hold_nothing_together(tmp_path: Path) -> None:
    hint = "<!-- see #1 -->\n### What did you do before it happened and which version was it\n\n"
    given = [record(i, f"issue {'abcdefgh'[i] * 5}", f"{hint}{i} {'xyzuvwst'[i] * 4}") for i in range(1, 8)]
    assert [one.group for one in prepared(tmp_path, given)] == [f"octo/app#{i}" for i in range(1, 8)]


def test_labels_that_bots_set_are_no_truth_and_counted(tmp_path: Path) -> None:
    changes = (
        LabelEvent("bug", "labeled", "labeler[bot]", "bot", "2026-01-01T00:00:00Z"),
        LabelEvent("question", "labeled", "ann", "user", "2026-01-01T00:00:00Z"),
    )
    given = [record(1, "one", labels=("bug", "question"), changes=changes), record(2, "two", labels=("bug",))]
    report = prepare(folder_with(tmp_path, *given), LABELS)
    assert [one.labels for one in prepared_in(tmp_path)] == [("question",), ("bug",)]
    assert (report.bot_labels, report.without_events) == (1, 1)
    assert report.labels == {"bug": 1, "question": 1}


def test_the_newest_line_of_an_issue_counts(tmp_path: Path) -> None:
    assert [one.title for one in prepared(tmp_path, [record(1, "old"), record(2, "x"), record(1, "new")])] == [
        "new",
        "x",
    ]


def test_redaction_is_reported_by_kind_and_can_be_left_out(tmp_path: Path) -> None:
    given = [record(1, TOKEN, f"a {TOKEN} and 52.14.207.9"), record(2, "two")]
    report = prepare(folder_with(tmp_path, *given), LABELS)
    assert (report.redaction, report.redacted, report.redacted_issues) == (
        True,
        {"github token": 2, "ip address": 1},
        1,
    )
    assert TOKEN not in (tmp_path / PREPARED).read_text()
    report = prepare(tmp_path, LABELS, Wanted(redact=False))
    assert (report.redaction, report.redacted) == (False, {})
    assert TOKEN in (tmp_path / PREPARED).read_text()


def test_half_an_emoji_does_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / ISSUES).write_text(json.dumps(to_line(record(1, "a \ud83d b", "\udc00"))) + "\n")
    prepare(tmp_path, LABELS)
    assert prepared_in(tmp_path)[0].title == "a \ufffd b"


def test_the_report_reads_back(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    report = prepare(folder_with(tmp_path, record(1, "one", labels=("wontfix",))), LABELS)
    assert read_report(tmp_path) == report
    (tmp_path / "prepare.json").write_text('{"kept": 1}')
    with pytest.raises(InputError, match="prepare.json: not what prepare wrote"):
        read_report(tmp_path)


def test_without_issues_it_says_how_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no issues") as raised:
        prepare(tmp_path, LABELS)
    assert "fetch owner/name" in raised.value.remedy


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_shows_what_became_of_the_issues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "given.yml").write_text(LABELS_FILE)
    given = [
        record(1, "one", f"{TOKEN} [bold]x\x1b[31m", labels=("bugs\x1b[2J", "wontfix")),
        record(2, "two", labels=("question",)),
    ]
    folder = folder_with(tmp_path / "work", *given)
    code, out, err = run(capsys, "prepare", folder, "--labels", tmp_path / "given.yml")
    assert code == 0
    for shown in ("read", "kept", "github token", "wontfix", "- name: bug", 'aliases: ["kind/bug", "bugs\\u001b[2J"]'):
        assert shown in out
    assert "\x1b" not in out
    assert "a bot's count as people's" in err
    assert (folder / "labels.yml").read_text() == LABELS_FILE
    code, out, _ = run(capsys, "prepare", folder, "--json", "--no-redact")
    assert (code, json.loads(out)["kept"], json.loads(out)["redaction"]) == (0, 2, False)


def test_without_a_labels_file_the_command_begins_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [record(1, "one", labels=("type: bug",)), record(2, "two", labels=("type: bug", "docs"))]
    code, _, err = run(capsys, "prepare", folder_with(tmp_path, *given))
    assert code == 1
    assert "labels.yml: missing" in err
    (tmp_path / "labels.yml").write_text(err[err.index("- name:") :])
    assert read_labels(tmp_path / "labels.yml").names == ("type: bug", "docs")


@pytest.mark.parametrize("near", ["0.4", "1.1", "x", "", "-1"])
def test_a_likeness_out_of_bounds_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], near: str) -> None:
    assert run(capsys, "prepare", tmp_path, f"--near={near}")[0] == 2
