from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.data.dataset import Row, write_dataset
from labeler.data.issue_files import read_issues
from labeler.errors import InputError
from labeler.text.issue import Issue, from_event

PAYLOADS = sorted((Path(__file__).parents[2] / "fixtures" / "octokit" / "issues").glob("*.json"))


def issues(folder: Path, name: str, content: str | bytes) -> list[Issue]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_issues(path))


def from_stdin(content: str | bytes) -> list[Issue]:
    return list(read_issues("-", io.BytesIO(content.encode() if isinstance(content, str) else content)))


def test_jsonl_holds_own_keys_rest_objects_and_events(tmp_path: Path) -> None:
    event = json.loads(PAYLOADS[0].read_text(encoding="utf-8"))
    lines = [
        {"id": "x", "title": "own", "body": "b", "labels": ["bug"], "repository": "o/r", "number": 3},
        {"title": "rest", "body": None, "user": {"login": "mona", "type": "User"}, "labels": [{"name": "docs"}]},
        event,
    ]
    found = issues(tmp_path, "in.jsonl", "\n\n".join(json.dumps(line) for line in lines))
    assert found == [
        Issue("own", "b", 3, "o/r", ("bug",), id="x"),
        Issue("rest", labels=("docs",), author="mona", author_kind="user"),
        from_event(event),
    ]


def test_json_is_an_array_or_one_object_or_lines(tmp_path: Path) -> None:
    assert issues(tmp_path, "a.json", '\n[{"title": "a"},\n {"title": "b"}]') == [Issue("a"), Issue("b")]
    assert issues(tmp_path, "b.json", '{\n "title": "a"\n}\n') == [Issue("a")]
    assert issues(tmp_path, "c.json", '{"title": "a"}\n{"title": "b"}\n') == [Issue("a"), Issue("b")]
    assert issues(tmp_path, "d.jsonl", '[{"title": "a"}]') == [Issue("a")]
    assert issues(tmp_path, "e.json", " \n") == []


def test_a_real_payload_file_is_an_issue() -> None:
    event = json.loads(PAYLOADS[0].read_text(encoding="utf-8"))
    assert list(read_issues(PAYLOADS[0])) == [from_event(event)]


def test_csv_needs_title_and_body_and_takes_more(tmp_path: Path) -> None:
    content = 'Title,body,number,labels,repo,extra\n"a","x\ny",,"bug, docs",o/r,?\nb,,7,,,\n'
    assert issues(tmp_path, "in.csv", content) == [
        Issue("a", "x\ny", None, "o/r", ("bug", "docs")),
        Issue("b", number=7),
    ]


def test_a_dataset_is_a_csv_of_issues(tmp_path: Path) -> None:
    rows = [Row("a", "o/r", 7, "t", "b", ("bug",), "train"), Row("b", title="u")]
    write_dataset(tmp_path / "data.csv", rows)
    assert list(read_issues(tmp_path / "data.csv")) == [Issue("t", "b", 7, "o/r", ("bug",), id="a"), Issue("u", id="b")]


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl", "in.json", "in.md"])
def test_a_body_of_200_000_characters_is_read(tmp_path: Path, name: str) -> None:
    body = "x" * 200_000
    content = {
        "in.csv": f"title,body\nt,{body}\n",
        "in.jsonl": json.dumps({"title": "t", "body": body}),
        "in.json": json.dumps([{"title": "t", "body": body}]),
        "in.md": f"# t\n\n{body}\n",
    }[name]
    assert [(i.title, i.body) for i in issues(tmp_path, name, content)] == [("t", body)]


@pytest.mark.parametrize(
    ("content", "title", "body"),
    [
        ("# Crash\n\nIt broke.\n", "Crash", "It broke."),
        ("Crash\nIt broke.", "Crash", "It broke."),
        ("\n \n## Crash ##\n", "Crash", ""),
        ("Crash\n=====\n\nIt broke.", "Crash", "It broke."),
        ("Crash\r\n\r\n    code\r\nend\r\n", "Crash", "    code\r\nend"),
        ("# Crash\n---\nbody", "Crash", "---\nbody"),
        ("#123 is back\nbody", "#123 is back", "body"),
        ("[Bug] crash\nbody", "[Bug] crash", "body"),
        ("a\fb\nbody", "a\fb", "body"),
        ("---\ntitle: No\nlabels: [bug, docs]\n---\n# Heading\n", "No", "# Heading"),
        ("---\nname: Bug report\ntitle: ''\nlabels: bug, docs\n---\n\n# Crash\nx", "Crash", "x"),
        ("---\njust text\n---\nbody", "---", "just text\n---\nbody"),
        ("---\ntext", "---", "text"),
        ("\ufeff# Crash", "Crash", ""),
    ],
)
def test_markdown_gives_title_and_body(tmp_path: Path, content: str, title: str, body: str) -> None:
    (issue,) = issues(tmp_path, "crash.md", content)
    assert (issue.title, issue.body, issue.id) == (title, body, "crash.md")
    assert issue.labels == (("bug", "docs") if "labels" in content else ())


def test_front_matter_may_say_number_and_repository(tmp_path: Path) -> None:
    (issue,) = issues(tmp_path, "a.md", "---\ntitle: t\nnumber: 7\nrepo: o/r\nid: x\n---\nb\n")
    assert issue == Issue("t", "b", 7, "o/r", id="x")


def test_standard_input_is_jsonl_where_it_starts_with_a_brace() -> None:
    assert from_stdin('\n  {"title": "a"}\n{"title": "b"}\n') == [Issue("a"), Issue("b")]


def test_standard_input_is_markdown_otherwise() -> None:
    assert from_stdin("[Bug] crash\n\nbody\n") == [Issue("[Bug] crash", "body")]


def test_standard_input_is_read_no_further_than_asked() -> None:
    stream = io.BytesIO(b'{"title": "a"}\n{"title": "b"}\nbroken')
    found = read_issues("-", stream)
    assert next(found) == Issue("a")
    assert stream.read() == b'{"title": "b"}\nbroken'


FAULTS = {
    "json line": ("in.jsonl", '{"title": "a"}\n\n{"title": }\n', "in.jsonl:3: not valid JSON: .* at column"),
    "no title": ("in.jsonl", '{"title": "a"}\n{"body": "b"}\n', "in.jsonl:2: title: missing"),
    "no object": ("in.jsonl", '{"title": "a"}\n7\n', "in.jsonl:2: not an object"),
    "event": ("in.jsonl", '{"issue": {"body": "x"}}\n', "in.jsonl:1: title: missing"),
    "array": ("in.json", '\n[{"title": "a"},\n{"title": }]', "in.json:3: not valid JSON"),
    "item": ("in.json", '[{"title": "a"}, {"body": "b"}]', "in.json: item 2: title: missing"),
    "deep": ("in.json", "[" * 100_000, "in.json:1: not valid JSON"),
    "long number": ("in.jsonl", '{"title": "a", "number": ' + "9" * 5000 + "}", "in.jsonl:1: not valid JSON"),
    "column twice": ("in.csv", "title,body,Title\na,b,c\n", "in.csv:1: row 1: column title: twice"),
    "empty csv": ("in.csv", "", "in.csv:1: column title: missing"),
    "csv number": ("in.csv", 'title,body,number\na,"x\ny",1\nb,c,x\n', "in.csv:4: row 3: number: no positive integer"),
    "ragged csv": ("in.csv", "title,body\na,b,c\n", "in.csv:2: row 2: 3 columns"),
    "empty markdown": ("in.md", " \n", "in.md: empty"),
    "front matter line": ("in.md", "---\ntitle: t\nlabels: *x\n---\nb", "in.md:3: not valid YAML"),
    "deep front matter": ("in.md", "---\n" + "[" * 20_000 + "\n---\nb", "in.md:1: YAML nested too deeply"),
    "front matter": ("in.md", "---\ntitle: t\nlabels: [a\n---\nb", "in.md:\\d: not valid YAML"),
    "not UTF-8": ("in.md", b"ok\n\xff\n", "in.md:2: not UTF-8"),
    "unknown ending": ("in.docx", "x", "in.docx: unknown kind of file"),
}


@pytest.mark.parametrize(("name", "content", "message"), FAULTS.values(), ids=list(FAULTS))
def test_a_fault_names_file_and_line(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        issues(tmp_path, name, content)
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "standard input: empty"),
        (b'\n{"title": "a"}\n{"title": 7}', "standard input:3: title: not text"),
        (b"a\n\xff", "standard input:2: not UTF-8"),
    ],
)
def test_a_fault_on_standard_input_names_the_line(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_stdin(content)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl: cannot be read"):
        list(read_issues(tmp_path / "none.jsonl"))


@given(st.binary(max_size=120), st.sampled_from(["", "{", "---\n", "title,body\n", "[", "# "]))
@settings(deadline=None)
def test_no_bytes_cause_anything_but_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, head: str
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("in.jsonl", "in.json", "in.csv", "in.md"):
        message = str(folder / name)
        try:
            issues(folder, name, head.encode() + tail)
        except InputError as error:
            message = str(error)
        assert str(folder / name) in message
    message = "standard input"
    try:
        from_stdin(head.encode() + tail)
    except InputError as error:
        message = str(error)
    assert "standard input" in message


@given(st.lists(st.builds(Issue, st.text(), st.text(), st.none() | st.integers(1, 10**17)), max_size=4))
@settings(deadline=None)
def test_issues_survive_jsonl(tmp_path_factory: pytest.TempPathFactory, given_issues: list[Issue]) -> None:
    lines = "".join(json.dumps(vars(issue)) + "\n" for issue in given_issues)
    assert issues(tmp_path_factory.mktemp("round"), "in.jsonl", lines) == given_issues


def test_standard_input_may_be_a_json_array_but_a_title_in_brackets_is_none() -> None:
    array = io.BytesIO(b'[\n{"title": "one"},\n{"title": "two"}]')
    assert [issue.title for issue in read_issues("-", array)] == ["one", "two"]
    assert [issue.title for issue in read_issues("-", io.BytesIO(b"[Bug] crash\n\nbody"))] == ["[Bug] crash"]
