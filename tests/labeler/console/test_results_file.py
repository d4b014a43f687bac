"""Files of people's own tools, through the command line and back: what is read, and what --out keeps."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from labeler.cli import main
from synthetic.cli import main as synthetic
from synthetic.fetching.sources import import_issues
from synthetic.workspace.records import ISSUES
from tests.models import LABELS, write_bundle

EXPORTS = Path(__file__).parents[2] / "fixtures" / "exports"
EXCEL = ["Größe des Fensters falsch", "Preise in € anzeigen", "-v gibt nichts aus"]
# file -> encoding, delimiter, byte order mark expected in what is written, and the titles
FORMS: dict[str, tuple[str, str, bool, list[str]]] = {
    "excel-german.csv": ("cp1252", ";", True, EXCEL),
    "excel-utf8.csv": ("utf-8-sig", ";", True, EXCEL),
    "excel-unicode.tsv": ("utf-16", "\t", True, EXCEL),
    "libreoffice.csv": ("utf-8", ",", False, ["Crash when saving", "Dark mode", "+1 for tabs"]),
    "jira.csv": ("utf-8", ",", False, ["Login fails after the update", "-v prints nothing"]),
    "gitlab.csv": ("utf-8", ",", False, ["Login fails", "Support for dark mode"]),
    "bugzilla.csv": ("utf-8", ",", False, ['Login fails with "bad token"', "Proxy is not used, for https"]),
    "redmine.csv": ("utf-8", ",", False, ["Login fails", "Dark mode, please"]),
    "redmine-german.csv": ("latin-1", ";", True, ["Anmeldung schlägt fehl", "Dunkle Oberfläche"]),
}
PROBABILITIES = [f"p({name})" for name in LABELS.names]


class Tool:
    """The command line with a tiny model; what it says on standard error is kept."""

    def __init__(self, bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.bundle, self.folder, self._capsys = bundle, folder, capsys
        self.err = ""

    def __call__(self, *given: str, out: str = "out.csv", code: int = 0) -> Path:
        path = self.folder / out
        more = ["--out", str(path), "--model", str(self.bundle), "--threshold", "bug=0", "--threshold", "1"]
        assert main([*given, *more]) == code, self._capsys.readouterr().err
        self.err = self._capsys.readouterr().err
        return path

    def write(self, text: str | bytes, name: str = "in.csv") -> str:
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("results") / "bundle")


@pytest.fixture
def tool(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(bundle, tmp_path, capsys)


def table(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def documents(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", FORMS)
def test_what_other_programs_export_comes_back_whole_with_its_labels(tool: Tool, name: str) -> None:
    encoding, delimiter, marked, titles = FORMS[name]
    written = tool("--file", str(EXPORTS / name)).read_bytes()
    assert written.startswith(b"\xef\xbb\xbf") == marked
    header, *rows = table((EXPORTS / name).read_bytes().decode(encoding), delimiter)
    rows = [row for row in rows if any(row)]
    found_header, *found = table(written.decode("utf-8-sig"), delimiter)
    taken = "labels" in map(str.lower, header)
    assert found_header == [*header, "predicted labels" if taken else "labels", *PROBABILITIES]
    for row, one in zip(rows, found, strict=True):
        for before, after in zip(row, one[: len(row)], strict=True):
            assert after in (before, f"'{before}")
            assert after == before or before[0] in "=+-@"
        assert one[len(row)] == "bug"
        assert all(0 <= float(number) <= 1 for number in one[len(row) + 1 :])
    said = tool("--file", str(EXPORTS / name), out="out.jsonl")
    assert [one["title"] if "title" in one else one["Title"] for one in map(lowered, documents(said))] == titles
    assert ("Windows-1252" in tool.err) == (encoding in ("cp1252", "latin-1"))
    assert ("only titles are read" in tool.err) == (name == "bugzilla.csv")


def lowered(one: dict[str, Any]) -> dict[str, Any]:
    """The title under one name: the file's own, in any language, or the one that is added."""
    return one | {"title": next(one[key] for key in ("Titel", "Title", "title") if key in one)}


def test_a_column_that_is_there_several_times_comes_back_as_often(tool: Tool) -> None:
    header, first, _ = table(tool("--file", str(EXPORTS / "jira.csv")).read_text(encoding="utf-8"))
    assert [text for name, text in zip(header, first, strict=True) if name == "Labels"] == ["bug", "enhancement", ""]
    one, two = documents(tool("--file", str(EXPORTS / "jira.csv"), out="out.jsonl"))
    assert (one["Labels"], one["predicted_labels"]) == (["bug", "enhancement", ""], ["bug"])
    assert (one["Issue key"], one["id"], one["number"]) == ("APP-12", "APP-12", 12)
    assert two["Summary"] == "-v prints nothing"


def test_what_a_spreadsheet_would_run_is_guarded_and_numbers_are_not(tool: Tool) -> None:
    file = tool.write('title,body,effort\n"=HYPERLINK(""x"")","@sum\nab\x1b[31m",-1.5\nplain,a = b,+3\n')
    header, first, second = table(tool("--file", file).read_text(encoding="utf-8"))
    assert header[:4] == ["title", "body", "effort", "labels"]
    assert first[:3] == ['\'=HYPERLINK("x")', "'@sum\nab\N{REPLACEMENT CHARACTER}[31m", "-1.5"]
    assert second[:3] == ["plain", "a = b", "+3"]


@pytest.mark.parametrize("kind", ["jsonl", "json"])
def test_the_keys_of_json_are_kept_in_both_kinds_of_file(tool: Tool, kind: str) -> None:
    items: list[dict[str, Any]] = [
        {"number": 7, "title": "Crash \ud83d", "body": None, "labels": [{"name": "docs", "color": "fff"}], "team": "a"},
        {"number": 8, "title": "Dark mode", "votes": 3, "model": "T"},
    ]
    text = json.dumps(items) if kind == "json" else "\n".join(map(json.dumps, items))
    file = tool.write(text, f"in.{kind}")
    one, two = documents(tool("--file", file, out="out.jsonl"))
    items[0]["title"] = "Crash \N{REPLACEMENT CHARACTER}"
    for item, found in zip(items, (one, two), strict=True):
        assert {key: found[key] for key in item} == item
        assert found["predicted_labels"] == ["bug"]  # in both, though the second has no labels
        assert set(found["probabilities"]) == set(LABELS.names)
        assert found["predicted_model"] != "T"
    header, first, second = table(tool("--file", file).read_text(encoding="utf-8"))
    assert header == ["number", "title", "body", "labels", "team", "votes", "model", "predicted labels", *PROBABILITIES]
    assert first[:8] == ["7", items[0]["title"], "", '[{"name": "docs", "color": "fff"}]', "a", "", "", "bug"]
    assert second[:8] == ["8", "Dark mode", "", "", "", "3", "T", "bug"]


def test_of_an_event_the_issues_keys_are_kept(tool: Tool) -> None:
    event = {"action": "opened", "issue": {"number": 7, "title": "Crash"}, "repository": {"full_name": "octo/hello"}}
    (one,) = documents(tool("--file", tool.write(json.dumps(event), "in.json"), out="out.jsonl"))
    assert list(one)[:4] == ["number", "title", "repository", "labels"]
    assert one["repository"] == "octo/hello"


def test_results_can_be_labelled_again_without_losing_the_first(tool: Tool) -> None:
    first = tool("--file", tool.write("title\nCrash\n"), out="one.csv")
    header, row = table(tool("--file", str(first), out="two.csv").read_text(encoding="utf-8"))
    again = [f"predicted {name}" for name in PROBABILITIES]
    assert header == ["title", "labels", *PROBABILITIES, "predicted labels", *again]
    third = table(tool("--file", str(tool.folder / "two.csv"), out="three.csv").read_text(encoding="utf-8"))
    assert third[0][: len(header)] == header
    assert third[1][: len(row)] == row
    assert third[0][len(header)] == "predicted labels 2"


def test_files_with_other_columns_share_one_table(tool: Tool) -> None:
    first = tool.write("Title;File;Effort\nCrash;a.py;1,5\n", "one.csv")
    second = tool.write('{"title": "Dark mode", "votes": 3}\n', "two.jsonl")
    third = tool.write("# How?\n", "three.md")
    given = [text for file in (first, second, third) for text in ("--file", file)]
    header, *rows = table(tool(*given).read_text(encoding="utf-8"), ";")
    names = ["input file", "Title", "File", "Effort", "votes", "id", "repo", "number", "labels"]
    assert header == [*names, *PROBABILITIES]
    assert [row[:9] for row in rows] == [
        [first, "Crash", "a.py", "1,5", "", "", "", "", "bug"],
        [second, "Dark mode", "", "", "3", "", "", "", "bug"],
        [third, "How?", "", "", "", "three.md", "", "", "bug"],
    ]
    assert [one["input_file"] for one in documents(tool(*given, out="out.jsonl"))] == [first, second, third]


def test_a_file_that_ends_in_tsv_has_tabs(tool: Tool) -> None:
    written = tool("--file", tool.write("title,size\nCrash,3\n"), out="out.tsv").read_text(encoding="utf-8")
    assert table(written, "\t")[1][:3] == ["Crash", "3", "bug"]


def test_columns_delimiter_and_encoding_can_be_told(tool: Tool, tmp_path: Path) -> None:
    text = "what~details~kind\nСбой~при запуске~bug|docs\n"
    file = tool.write(text.encode("cp1251"))
    told = ["--title-column", "What", "--body-column", "details", "--labels-column", "kind"]
    told += ["--delimiter", "~", "--encoding", "CP1251"]
    written = tool("--file", file, *told).read_bytes().decode("utf-8-sig")
    assert table(written, "~")[1][:4] == ["Сбой", "при запуске", "bug|docs", "bug"]
    assert tool.err.endswith("labelled in " + str(tool.folder / "out.csv") + "\n")
    assert tool.err.count("\n") == 1
    assert synthetic(["fetch", "--from", file, "--repo", "o/r", "--out", str(tmp_path / "data"), *told]) == 0
    (record,) = documents(tmp_path / "data" / ISSUES)
    assert (record["title"], record["body"], record["labels"]) == ("Сбой", "при запуске", ["bug", "docs"])
    tabs = tool.write("a\ttitle\n1\tCrash, badly\n", "tabs.txt")
    assert "Crash, badly" in tool("--file", tabs, "--delimiter", "tab").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--delimiter", "tabs"], 2, "write tab for a tab"),
        (["--encoding", "rot13"], 2, "is no encoding; write utf-8"),
        (["--encoding", "latin"], 0, ""),
        (["--title-column", "nmae"], 1, "no column 'nmae'\nThe columns are: name, body."),
        ([], 1, "--title-column names it; the columns are: name, body."),
    ],
)
def test_what_is_told_wrongly_is_refused(tool: Tool, given: list[str], code: int, message: str) -> None:
    file = tool.write("name,body\nCrash,text\n")
    named = given if code else [*given, "--title-column", "name"]
    tool("--file", file, *named, code=code)
    assert message in tool.err


@pytest.mark.parametrize("given", [["--title", "Crash"], ["--file", "in.jsonl"]])
def test_an_option_for_tables_is_refused_where_there_is_none(tool: Tool, given: list[str]) -> None:
    tool(*given, "--body-column", "text", code=2)
    assert "--body-column is for tables, and none is read" in tool.err


def test_the_options_are_refused_where_issues_come_from_github(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synthetic(["fetch", "octo/hello", "--out", str(tmp_path), "--delimiter", ";"]) == 2
    assert "--delimiter is for tables" in capsys.readouterr().err


def test_a_day_that_may_be_two_is_left_out_and_said_once(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "#,Subject,Created\n1,a,02/03/2024 09:30\n2,b,03/04/2024 10:00\n3,c,15/01/2024 09:30\n4,d,02/03/2024 9:30 AM\n"
    )
    said: list[str] = []
    import_issues(tmp_path / "in.csv", "o/r", tmp_path / "out", say=said.append)
    times = [one["created_at"] for one in documents(tmp_path / "out" / ISSUES)]
    assert times == ["", "", "2024-01-15T09:30:00Z", "2024-02-03T09:30:00Z"]
    (text,) = (one for one in said if "two days" in one)
    assert "row 2: created_at: 02/03/2024 09:30 may be either of two days; left out" in text


@pytest.mark.parametrize(
    ("name", "numbers", "states", "labels"),
    [
        ("jira.csv", [12, 13], ["closed", "open"], [["bug", "enhancement"], ["needs-info", "cli", "logging"]]),
        ("gitlab.csv", [7, 8], ["closed", "open"], [["backend", "bug"], []]),
        ("bugzilla.csv", [1007, 1012], ["closed", "open"], [["crash", "regression"], []]),
        ("redmine.csv", [31, 32], ["closed", "open"], [[], []]),
        ("redmine-german.csv", [31, 32], ["closed", "open"], [[], []]),
    ],
)
def test_a_trackers_numbers_states_times_and_labels_reach_the_working_folder(
    tmp_path: Path, name: str, numbers: list[int], states: list[str], labels: list[list[str]]
) -> None:
    assert synthetic(["fetch", "--from", str(EXPORTS / name), "--repo", "o/r", "--out", str(tmp_path)]) == 0
    found = documents(tmp_path / ISSUES)
    assert [one["number"] for one in found] == numbers
    assert [one["state"] for one in found] == states
    assert [one["labels"] for one in found] == labels
    field = "updated_at" if name == "bugzilla.csv" else "created_at"
    assert [one[field][:10] for one in found] == [
        "2024-01-16" if name == "bugzilla.csv" else "2024-01-15",
        "2024-01-17",
    ]
