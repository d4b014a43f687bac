from __future__ import annotations

from pathlib import Path

import pytest

from labeler.data.issue_files import read_issues
from labeler.data.issue_table import Kept, TableOptions
from labeler.errors import InputError
from labeler.text.issue import Issue
from synthetic.fetching.sources import read_source

# As the German Excel, LibreOffice, Jira, GitLab and Bugzilla write them.
EXCEL = 'Titel;Beschreibung;Labels\r\nGröße falsch;"Zeile 1\nZeile; 2";bug, docs\r\n;;\r\n'
GROESSE = [Issue("Größe falsch", "Zeile 1\nZeile; 2", labels=("bug", "docs"))]
JIRA = (
    "Summary,Issue key,Issue id,Issue Type,Status,Project key,Created,Labels,Labels,Labels,Description,"
    "Inward issue link (Blocks),Inward issue link (Blocks),Comment,Comment\n"
    "Login fails,APP-12,10042,Bug,Done,APP,15/Jan/24 9:30 PM,bug,enhancement,,"
    '"It fails.\n\nh3. Steps\n# Open ""Login""",'
    "APP-3,APP-4,15/Jan/24 9:31 AM;jdoe;me too,\n"
)  # fmt: skip
GITLAB = (
    "Title,Description,Issue ID,URL,State,Author,Author Username,Confidential,Created At (UTC),Labels,Time Spent\n"
    'Login fails,"It fails.",7,https://gitlab.example.com/octo/hello/-/issues/7,Open,Mona,mona,No,'
    '2024-01-15 09:30:12,"backend,bug",0\n'
)
BUGZILLA = (
    'bug_id,"product","component","assigned_to","bug_status","short_desc","changeddate","keywords"\n'
    '7,"App","UI","nobody@example.com","NEW","Login fails","2024-01-15 09:30:12","crash, regression"\n'
)
BUGZILLA_HUMAN = (
    '"Bug ID","Product","Component","Assignee","Status","Resolution","Summary","Changed"\n'
    '7,"App","UI","nobody@example.com","RESOLVED","FIXED","Login fails","2024-01-15 09:30:12"\n'
)


def read(folder: Path, content: bytes, name: str = "in.csv", **options: str) -> tuple[list[Issue], list[str]]:
    (folder / name).write_bytes(content)
    said: list[str] = []
    return list(read_issues(folder / name, table=TableOptions(**options), say=said.append)), said


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_a_german_excel_saves_is_read(tmp_path: Path, encoding: str) -> None:
    found, said = read(tmp_path, EXCEL.encode(encoding))
    assert found == GROESSE
    assert ["Windows-1252" in text for text in said] == ([True] if encoding == "cp1252" else [])


def test_excels_unicode_text_and_its_sep_line_are_read(tmp_path: Path) -> None:
    rows = EXCEL.replace(";", "\t").replace("Zeile\t", "Zeile;")
    assert read(tmp_path, rows.encode("utf-16"), "in.tsv")[0] == GROESSE
    assert read(tmp_path, rows.encode("utf-16"), "in.txt", delimiter="\t")[0] == GROESSE
    assert read(tmp_path, f"sep=;\r\n{EXCEL}".encode())[0] == GROESSE


def test_a_column_given_twice_is_read_twice(tmp_path: Path) -> None:
    table = b"Number,Title,Body,Labels,Labels,Labels\n1,Login fails,It fails,bug,enhancement,\n"
    expected = [Issue("Login fails", "It fails", 1, labels=("bug", "enhancement"))]
    assert read(tmp_path, table)[0] == expected
    assert read(tmp_path, table.replace(b"Labels,Labels,Labels", b"Labels,Labels.1,Labels.2"))[0] == expected
    assert next(read_source(tmp_path / "in.csv", "o/r")).labels == ("bug", "enhancement")


def test_exports_of_jira_gitlab_and_bugzilla_are_read(tmp_path: Path) -> None:
    (jira,), said = read(tmp_path, JIRA.encode())
    assert (jira.title, jira.number, jira.id, jira.state) == ("Login fails", 12, "APP-12", "closed")
    assert jira.labels == ("bug", "enhancement")
    assert jira.body == 'It fails.\n\nh3. Steps\n# Open "Login"'
    assert next(read_source(tmp_path / "in.csv", "o/r")).created_at == "2024-01-15T21:30:00Z"
    assert said == []
    (gitlab,), _ = read(tmp_path, GITLAB.encode())
    assert (gitlab.number, gitlab.author, gitlab.labels) == (7, "mona", ("backend", "bug"))
    for table, labels in ((BUGZILLA, ("crash", "regression")), (BUGZILLA_HUMAN, ())):
        (bug,), said = read(tmp_path, table.encode())
        assert (bug.title, bug.number, bug.body, bug.labels) == ("Login fails", 7, "", labels)
        assert "only titles are read" in said[0]


def test_columns_and_delimiter_can_be_told(tmp_path: Path) -> None:
    table = b"what~details~kind\nCrash~on start~bug|docs\n"
    found, _ = read(tmp_path, table, title="What", body="details", labels="kind", delimiter="~")
    assert found == [Issue("Crash", "on start", labels=("bug", "docs"))]


def test_two_jira_projects_in_one_file_are_not_numbered_as_one(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("Summary,Issue key\na,APP-1\nb,WEB-1\n")
    with pytest.raises(InputError, match=r"in\.csv:3: row 3: issue key: of project WEB"):
        list(read_source(tmp_path / "in.csv", "o/r"))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"title,labels\na,['bug'\n", {}, r"in\.csv:2: row 2: labels: .* not closed"),
        (b"name,body\na,b\n", {}, r"column title: missing\n--title-column names it; the columns are: name, body"),
        (b"title,body\na,b\n", {"body": "text"}, "no column 'text'"),
        (b"PK\x03\x04rest", {}, "(?s)workbook.*Save it as CSV"),
        ("title\nОшибка входа\n".encode("cp1251"), {}, "(?s)western encoding either.*--encoding cp1251"),
        ("title\nGröße und größer und Größtes \xff\n".encode() + b"\xff", {}, "not UTF-8"),
        ("title\nab\n".encode("utf-16-le"), {}, "--encoding utf-16-le"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_remedy(
    tmp_path: Path, content: bytes, options: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, **options)


def test_nothing_is_guessed_where_nobody_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(EXCEL.encode("cp1252"))
    with pytest.raises(InputError, match=r"in\.csv:2: not UTF-8"):
        list(read_issues(tmp_path / "in.csv"))


def test_the_rows_are_kept_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(EXCEL.encode("utf-8-sig"))
    kept = Kept()
    assert list(read_issues(tmp_path / "in.csv", kept=kept)) == GROESSE
    assert kept == Kept(
        ("Titel", "Beschreibung", "Labels"), ";", True, [["Größe falsch", "Zeile 1\nZeile; 2", "bug, docs"]]
    )
