from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.data.dataset import COLUMNS, Row, read_dataset, write_dataset
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet

HEADER = "id,repo,number,title,body,labels,split,source,annotator,agreement,created_at\n"
LABELS = LabelSet((Label("bug"), Label("ci/cd", aliases=("ci",)), Label("docs")))


def written(folder: Path, content: str) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content.encode())
    return path


def test_a_row_is_read_field_by_field(tmp_path: Path) -> None:
    path = written(
        tmp_path, HEADER + 'a1,o/r,7,Crash,"one\n""two"", three","bug, ci/cd",train,api,ann,0.75,2026-11-20T09:30:00Z\n'
    )
    assert list(read_dataset(path)) == [
        Row(
            id="a1",
            repo="o/r",
            number=7,
            title="Crash",
            body='one\n"two", three',
            labels=("bug", "ci/cd"),
            split="train",
            source="api",
            annotator="ann",
            agreement=0.75,
            created_at="2026-11-20T09:30:00Z",
        )
    ]


def test_empty_fields_are_none_or_empty(tmp_path: Path) -> None:
    assert list(read_dataset(written(tmp_path, HEADER + "a,,,,,,,,,,\n"))) == [Row("a")]


def test_labels_take_spelling_and_order_from_the_label_list(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + 'a,,,,,"DOCS, CI, docs,bug",,,,,\n')
    assert next(read_dataset(path, LABELS)).labels == ("bug", "ci/cd", "docs")


def test_without_a_label_list_order_stays_and_repeats_go(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + 'a,,,,,"docs, Bug, bug",,,,,\n')
    assert next(read_dataset(path)).labels == ("docs", "Bug")


def test_the_header_is_plain_and_fields_are_readable_by_any_csv_reader(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    row = Row("a", body="x\r\ny\rz", number=3, labels=("docs", "bug"))
    assert write_dataset(path, [row], LABELS) == 1
    assert path.read_bytes().startswith(HEADER.encode())
    with path.open(encoding="utf-8", newline="") as file:
        (found,) = csv.DictReader(file)
    assert found["body"] == "x\r\ny\rz"
    assert found["labels"] == "bug, docs"
    assert found["number"] == "3"
    assert found["agreement"] == ""


FAULTS = {
    "integer": ("a,,x7,,,,,,,,\n", "data.csv:2: row 2, column number: x7 is no positive integer"),
    "float": ("a,,7.0,,,,,,,,\n", "column number: 7.0 is no positive integer"),
    "duplicate": ("a,,,,,,,,,,\n\na,,,,,,,,,,\n", "data.csv:4: row 4, column id: 'a' is also at .*data.csv:2: row 2"),
    "no id": ('"",,,,,,,,,,\n', "row 2, column id: empty"),
    "split": ("a,,,,,,dev,,,,\n", "row 2, column split: 'dev' is unknown"),
    "agreement": ("a,,,,,,,,,1.5,\n", "row 2, column agreement: 1.5 is not in 0..1"),
    "negative": ("a,,,,,,,,,-0.5,\n", "row 2, column agreement: -0.5 is not in 0..1"),
    "nan": ("a,,,,,,,,,nan,\n", "row 2, column agreement: nan is not in 0..1"),
    "share": ("a,,,,,,,,,high,\n", "row 2, column agreement: 'high' is no number"),
    "unknown label": ('a,,,,,"bug, nope",,,,,\n', "column labels: 'nope' is not in the label list"),
    "empty label": ('a,,,,,"bug,, docs",,,,,\n', "column labels: '' is no label name"),
    "line in label": ('a,,,,,"bug\ndocs",,,,,\n', r"column labels: 'bug\\ndocs' is no label name"),
    "time": ("a,,,,,,,,,,yesterday\n", "row 2, column created_at: 'yesterday' is no time"),
    "short": ("a,b\n", "row 2: 2 columns where the header has 11"),
    "quote": ('a,,,"open,,,,,,,\n', "data.csv:2: row 2: not valid CSV"),
    "later row": ('a,,,,"x\ny\nz",,,,,,\nb,,-1,,,,,,,,\n', "data.csv:5: row 3, column number: -1"),
}


@pytest.mark.parametrize(("rows", "message"), FAULTS.values(), ids=list(FAULTS))
def test_a_fault_names_line_row_and_column(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        list(read_dataset(written(tmp_path, HEADER + rows), LABELS))
    assert raised.value.remedy


@pytest.mark.parametrize("header", ["", "id,title\n", HEADER.replace("repo,number", "number,repo"), HEADER.upper()])
def test_another_header_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match="the header is") as raised:
        list(read_dataset(written(tmp_path, header)))
    assert ",".join(COLUMNS) in raised.value.remedy


def test_a_missing_dataset_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        list(read_dataset(tmp_path / "none.csv"))


def test_rows_before_a_fault_are_given_out_one_by_one(tmp_path: Path) -> None:
    rows = read_dataset(written(tmp_path, HEADER + "a,,,,,,,,,,\nb,,x,,,,,,,,\n"))
    assert next(rows).id == "a"
    with pytest.raises(InputError, match="row 3"):
        next(rows)


BAD_ROWS = [
    (Row(""), "column id: empty"),
    (Row("a"), "column id: 'a' is also at"),
    (Row("b", number=0), "column number: 0"),
    (Row("b", split="dev"), "column split"),
    (Row("b", agreement=2.0), "column agreement"),
    (Row("b", labels=("nope",)), "column labels: 'nope' is not in"),
    (Row("b", labels=("bug, docs",)), "column labels: 'bug, docs' is no label"),
    (Row("b", labels=(" bug",)), "column labels: ' bug' is no label"),
    (Row("b", created_at="now"), "column created_at"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_a_wrong_row_is_not_written_and_leaves_the_old_file(tmp_path: Path, row: Row, message: str) -> None:
    path = written(tmp_path, "old")
    with pytest.raises(InputError, match=f"data.csv: row 3, {message}"):
        write_dataset(path, [Row("a"), row], LABELS)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_break_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        yield Row("a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "new.csv", rows())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write_dataset(tmp_path / "none" / "data.csv", [])


def test_a_dataset_can_be_rewritten_from_itself(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    write_dataset(path, [Row(str(i), title="x") for i in range(50)])
    write_dataset(path, (replace(row, split="test") for row in read_dataset(path)))
    assert {row.split for row in read_dataset(path)} == {"test"}
    assert len(list(read_dataset(path))) == 50


def test_a_body_of_a_megabyte_survives(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    write_dataset(path, [Row("a", body='"\n' * 500_000)])
    assert next(read_dataset(path)).body == '"\n' * 500_000


hostile = st.text(st.one_of(st.sampled_from('\r\n\0",; \ufeff\x85\u2028\ud800\udc00=😀'), st.characters()), max_size=40)
times = st.sampled_from(["", "2026-11-20", "2026-11-20T09:30:00Z", "2026-11-20T09:30:00.123456+02:00"])


@st.composite
def row_lists(draw: st.DrawFn) -> list[Row]:
    rows = draw(
        st.lists(
            st.builds(
                Row,
                id=hostile.filter(bool),
                repo=hostile,
                number=st.none() | st.integers(1, 10**18 - 1),
                title=hostile,
                body=hostile,
                labels=st.lists(st.sampled_from(LABELS.names), unique=True).map(tuple),
                split=st.sampled_from(["train", "validation", "test", ""]),
                source=hostile,
                annotator=hostile,
                agreement=st.none() | st.floats(0, 1),
                created_at=times,
            ),
            max_size=5,
        )
    )
    return list({row.id: row for row in rows}.values())


@given(row_lists())
@settings(deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    path = tmp_path_factory.mktemp("round") / "data.csv"
    assert write_dataset(path, rows) == len(rows)
    assert list(read_dataset(path)) == rows


@given(row_lists())
@settings(deadline=None)
def test_with_a_label_list_only_the_order_of_labels_changes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    path = tmp_path_factory.mktemp("round") / "data.csv"
    write_dataset(path, rows, LABELS)
    assert list(read_dataset(path)) == [replace(row, labels=LABELS.only(row.labels).names) for row in rows]


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_cause_anything_but_an_input_error(tmp_path_factory: pytest.TempPathFactory, tail: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "data.csv"
    path.write_bytes(HEADER.encode() + tail)
    message = str(path)
    try:
        assert all(row.id for row in read_dataset(path))
    except InputError as error:
        message = str(error)
    assert message.startswith(str(path))
