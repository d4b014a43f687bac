from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeler.data.dataset import Row, write_dataset
from labeler.errors import InputError
from labeler.github.history import LabelEvent
from synthetic.cli import main
from synthetic.fetching.issues import Totals
from synthetic.fetching.sources import import_issues, read_source
from synthetic.workspace.jsonl import read_lines, write_lines
from synthetic.workspace.records import ISSUES, Record, from_line, to_line

REPO = "octo/hello"
REST = {
    "number": 7, "title": "It crashes", "body": None, "state": "closed", "labels": [{"name": "bug"}, {"name": "ci/cd"}],
    "user": {"login": "octocat", "type": "User"}, "repository_url": f"https://api.github.com/repos/{REPO}",
    "created_at": "2026-11-20T09:30:00Z", "updated_at": "2026-11-20T10:30:00Z", "closed_at": None,
}  # fmt: skip
GH = {
    "number": 7, "title": "It crashes", "body": "", "state": "CLOSED", "labels": [{"id": "L", "name": "bug"}],
    "author": {"id": "U", "is_bot": False, "login": "octocat", "name": ""},
    "createdAt": "2026-11-20T09:30:00Z", "updatedAt": "2026-11-20T10:30:00Z", "closedAt": None,
}  # fmt: skip


def lines(path: Path, *items: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def held(folder: Path) -> list[Record]:
    return [from_line(Record, line) for line in read_lines(folder / ISSUES)]


def test_rest_objects_become_records(tmp_path: Path) -> None:
    expected = Record(
        REPO, 7, "It crashes", "", ("bug", "ci/cd"), "octocat", "user", "closed", False,
        "2026-11-20T09:30:00Z", "2026-11-20T10:30:00Z", "",
    )  # fmt: skip
    assert list(read_source(lines(tmp_path / "a.jsonl", REST))) == [expected]
    (tmp_path / "a.json").write_text(json.dumps([REST], indent=2))
    assert list(read_source(tmp_path / "a.json")) == [expected]


def test_what_ghs_issue_list_prints_becomes_records(tmp_path: Path) -> None:
    bot = GH | {"number": 8, "author": {"is_bot": True, "login": "app/renovate"}}
    (tmp_path / "gh.json").write_text(json.dumps([GH, bot]))
    first, second = read_source(tmp_path / "gh.json", REPO)
    assert first == Record(
        REPO, 7, "It crashes", "", ("bug",), "octocat", "user", "closed", False,
        "2026-11-20T09:30:00Z", "2026-11-20T10:30:00Z", "",
    )  # fmt: skip
    assert (second.author, second.author_kind) == ("app/renovate", "bot")


def test_another_folders_issues_come_over_whole(tmp_path: Path) -> None:
    change = LabelEvent("bug", "labeled", "octocat", "user", "2026-11-20T09:30:00Z")
    record = Record(
        REPO, 1, "a", "b", ("bug",), "x[bot]", "bot", "open", updated_at="2026-11-20T09:30:00Z", changes=(change,)
    )
    write_lines(tmp_path / "old" / ISSUES, [to_line(record)])
    import_issues(tmp_path / "old" / ISSUES, "", tmp_path / "new")
    assert held(tmp_path / "new") == [record]


def test_a_csv_label_dataset_is_read(tmp_path: Path) -> None:
    row = Row("x", REPO, 3, "It crashes", "Line 1\nline 2", ("bug", "ci/cd"), created_at="2026-11-20T09:30:00+01:00")
    write_dataset(tmp_path / "dataset.csv", [row])
    assert list(read_source(tmp_path / "dataset.csv")) == [
        Record(REPO, 3, "It crashes", "Line 1\nline 2", ("bug", "ci/cd"), created_at="2026-11-20T08:30:00Z")
    ]


def test_issues_without_any_number_are_numbered_by_position(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Title,Body\nfirst,\nsecond,\n")
    assert [(one.id, one.title) for one in read_source(tmp_path / "a.csv", REPO)] == [
        (f"{REPO}#1", "first"),
        (f"{REPO}#2", "second"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.jsonl", '{"number": 1, "title": "a"}\n{"number": 2}\n', "a.jsonl:2: title: missing"),
        ("a.jsonl", '{"number": 1, "title": "a"}\n\n{"title": "b"}\n', "a.jsonl:3: number: missing"),
        ("a.jsonl", '{"title": "a"}\n{"number": 2, "title": "b"}\n', "a.jsonl:2: number: the issues before"),
        ("a.jsonl", '{"number": 1, "title": "a"}\n{"number"', "a.jsonl:2: not valid JSON"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: not an object"),
        ("a.json", '[{"number": 1, "title": "a"}, 3]', "a.json: item 2: not an object"),
        ("a.csv", "number,body\n1,a\n", "a.csv:1: row 1: column title: missing"),
        ("a.csv", "number,title,body\n1,a,b\nx,a,b\n", "a.csv:3: row 3: number: no positive integer"),
        ("a.csv", "number,title,body,created_at\n1,a,b,today\n", "a.csv:2: row 2: created_at: 'today' is no time"),
        ("a.jsonl", '{"number": 1, "title": "a", "created_at": 5}\n', "a.jsonl:1: created_at: 5 is no time"),
        ("a.jsonl", '{"number": 1, "title": "a", "changes": [{"x": 1}]}\n', "a.jsonl:1: changes"),
        ("a.parquet", "PAR?", "a.parquet: not a Parquet file"),
        ("a.arrow", "?", "a.arrow: not an Arrow stream"),
        ("a.xlsx", "", "a.xlsx: unknown kind of file"),
        ("empty/.hidden.csv", "", "empty: no data"),
    ],
)
def test_a_wrong_source_is_named_by_its_place_and_nothing_is_written(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        import_issues(file.parent if name.startswith("empty") else file, REPO, tmp_path / "out")
    assert complaint in caught.value.what
    assert caught.value.remedy
    assert not list((tmp_path / "out").glob("*"))


def test_a_missing_file_and_a_missing_repository_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(read_source(tmp_path / "a.csv", REPO))
    with pytest.raises(InputError, match="--repo"):
        list(read_source(lines(tmp_path / "a.jsonl", {"number": 1, "title": "a"})))


def test_an_issues_own_repository_goes_before_the_given_one(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", {"number": 1, "title": "a", "repo": "octo/own"}, {"number": 1, "title": "b"})
    assert [one.id for one in read_source(file, REPO)] == ["octo/own#1", f"{REPO}#1"]


def test_importing_again_adds_nothing_and_an_older_version_replaces_none(tmp_path: Path) -> None:
    older = REST | {"title": "old", "updated_at": "2026-11-20T09:45:00Z"}
    newer = REST | {"title": "new", "updated_at": "2026-11-20T11:00:00Z"}
    file, out = tmp_path / "a.jsonl", tmp_path / "out"
    counts = []
    for item in (REST, REST, older, newer):
        fetched = import_issues(lines(file, item), "", out)
        counts.append((fetched.new, fetched.changed))
    assert counts == [(1, 0), (0, 0), (0, 0), (0, 1)]
    assert [one.title for one in held(out)] == ["new"]


def test_label_changes_that_are_held_outlive_an_import_without_them(tmp_path: Path) -> None:
    with_changes = REST | {"changes": [vars(LabelEvent("bug", "labeled", "octocat", "user", ""))]}
    import_issues(lines(tmp_path / "a.jsonl", with_changes), "", tmp_path / "out")
    import_issues(lines(tmp_path / "a.jsonl", REST), "", tmp_path / "out")
    assert held(tmp_path / "out")[0].changes is not None


def test_pull_requests_come_on_request(tmp_path: Path) -> None:
    pull = REST | {"number": 8, "pull_request": {"url": "u"}}
    file = lines(tmp_path / "a.jsonl", REST, pull)
    assert import_issues(file, "", tmp_path / "out").totals == Totals(closed=1)
    assert import_issues(file, "", tmp_path / "out", pull_requests=True).totals == Totals(closed=1, pull_requests=1)


def test_a_limit_ends_an_import_and_the_next_goes_on(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", *({"number": n, "title": "a"} for n in range(1, 6)))
    runs = [import_issues(file, REPO, tmp_path / "out", limit=2) for _ in range(3)]
    assert [(run.new, run.complete) for run in runs] == [(2, False), (2, False), (1, True)]
    assert import_issues(file, REPO, tmp_path / "exact", limit=5).complete


def dataset_table(**columns: Any) -> Any:
    """A table with the features that `datasets` writes into its schema."""
    import pyarrow

    features = {
        "label": {"names": ["bug", "question"], "_type": "ClassLabel"},
        "labels": {"feature": {"names": ["bug", "question"], "_type": "ClassLabel"}, "_type": "List"},
    }
    table = pyarrow.table(columns)
    said = {"info": {"features": {name: one for name, one in features.items() if name in columns}}}
    return table.replace_schema_metadata({"huggingface": json.dumps(said)})


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_dataset_folder_is_read_with_the_names_of_its_classes(tmp_path: Path, kind: str) -> None:
    import pyarrow
    import pyarrow.parquet

    parts = [
        dataset_table(repo=[REPO, REPO], title=["a", "b"], body=["", None], label=[0, 1]),
        dataset_table(repo=[REPO], title=["c"], body=[""], label=[-1]),
    ]
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("# Card")
    (tmp_path / "state.json").write_text("{}")
    lines(tmp_path / "data" / "same.jsonl", {"title": "a second copy"})
    for number, part in enumerate(parts):
        if kind == "parquet":
            pyarrow.parquet.write_table(part, tmp_path / "data" / f"train-{number}.parquet")
        else:
            with pyarrow.ipc.new_stream(str(tmp_path / "data" / f"data-{number}.arrow"), part.schema) as out:
                out.write_table(part)
    assert [(one.id, one.title, one.labels) for one in read_source(tmp_path)] == [
        (f"{REPO}#1", "a", ("bug",)),
        (f"{REPO}#2", "b", ("question",)),
        (f"{REPO}#3", "c", ()),
    ]


def test_lists_of_classes_and_times_of_a_parquet_file_are_read(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    import pyarrow.parquet

    at = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    table = dataset_table(number=[4], title=["a"], body=["b"], labels=[[1, 0]], created_at=[at])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (found,) = read_source(tmp_path / "a.parquet", REPO)
    assert (found.labels, found.created_at) == (("question", "bug"), "2026-11-20T09:30:00Z")


def test_a_class_that_has_no_name_is_an_error(tmp_path: Path) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(dataset_table(title=["a"], body=["b"], label=[2]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"row 1: label: 2 is no class of 2"):
        list(read_source(tmp_path / "a.parquet", REPO))


def test_the_command_reads_a_file_and_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lines(tmp_path / "a.jsonl", REST, {"number": 8, "title": "half an emoji \ud83d", "body": "b"})
    assert main(["fetch", "--from", str(file), "--repo", REPO, "--out", str(tmp_path / "out")]) == 0
    assert "0 open, 1 closed, 1 of unknown state; 2 new, 0 changed" in capsys.readouterr().out
    assert held(tmp_path / "out")[1].title == "half an emoji \ufffd"
    assert main(["fetch", "--from", str(file), "--repo", "octo", "--out", str(tmp_path / "out")]) == 2
