from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet, fold, read_labels


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "labels.yml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_every_field_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
- name: "type: feature"
  description: New behaviour
  color: '#A2EEEF'
  aliases: [enhancement, Feature]
  family: type
  threshold: .4
- name: bug
  colour: d73a4a
  aliases: defect
- question
""",
    )
    assert read_labels(path).labels == (
        Label("type: feature", "New behaviour", "a2eeef", ("enhancement", "Feature"), "type", 0.4),
        Label("bug", color="d73a4a", aliases=("defect",)),
        Label("question"),
    )


def test_words_that_yaml_makes_booleans_and_numbers_stay_text(tmp_path: Path) -> None:
    path = written(tmp_path, "- no\n- name: 2026\n  color: 000000\n  description: 1.5\n- name: on\n  color: 1e1000\n")
    labels = read_labels(path)
    assert labels.names == ("no", "2026", "on")
    assert [label.color for label in labels] == ["", "000000", "1e1000"]
    assert labels.labels[1].description == "1.5"


def test_a_description_over_several_lines_becomes_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, "- name: bug\n  description: >\n    Something\n    is broken\n")
    assert read_labels(path).labels[0].description == "Something is broken"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    assert read_labels(written(tmp_path, b"\xef\xbb\xbf- bug\r\n- docs\r\n")).names == ("bug", "docs")


FAULTS = {
    "duplicate name": ("- bug\n- docs\n- BUG\n", ":3: name: 'BUG' is listed twice", ":1 has the same name"),
    "alias of a name": ("- bug\n- name: docs\n  aliases: [Bug]\n", ":3: aliases: 'Bug' is listed twice", ":1 has"),
    "name of an alias": ("- name: docs\n  aliases: [bug]\n- bug\n", ":3: name: 'bug' is listed twice", ":2 has"),
    "alias twice": (
        "- name: a\n  aliases: [x]\n- name: b\n  aliases:\n  - x\n",
        ":5: aliases: 'x' is listed twice",
        ":2",
    ),
    "empty name": ('- name: ""\n', ":1: name: empty", "1 to 50"),
    "no value": ("- bug\n- name:\n  color: d73a4a\n", ":2: name: empty", "1 to 50"),
    "empty entry": ("- bug\n-\n- docs\n", ":2: name: empty", "1 to 50"),
    "no name": ("- bug\n- color: d73a4a\n", ":2: name: missing", "Give every label a name"),
    "long name": (f"- {'x' * 51}\n", ":1: name: 51 characters", "GitHub allows 50"),
    "long alias": (f"- name: bug\n  aliases: [{'x' * 51}]\n", ":2: aliases: 51 characters", "GitHub allows 50"),
    "leading space": ('- " bug"\n', ":1: name: ' bug' begins or ends with a space", "Remove"),
    "trailing space": ('- name: "bug "\n', ":1: name: 'bug ' begins or ends with a space", "Remove"),
    "comma": ("- name: bug, severe\n", ":1: name: 'bug, severe' has a comma", "rename"),
    "comma in an alias": ("- name: b\n  aliases: ['x,y']\n", ":2: aliases: 'x,y' has a comma", "rename"),
    "newline": ('- name: "bug\\nfix"\n', ":1: name: has a newline", "Delete"),
    "control character": ('- name: "bug\\x07"\n', ":1: name: has a control character (U+0007)", "Delete"),
    "line separator": ('- name: "a\\u2028b"\n', ":1: name: has a control character (U+2028)", "Delete"),
    "lone surrogate": ('- name: "a\\ud800"\n', ":1: name: has a control character (U+D800)", "Delete"),
    "name is a mapping": ("- name: {a: b}\n", ":1: name: not text", "plain text"),
    "entry is a list": ("- bug\n- [docs]\n", ":2: label: neither a mapping nor a name", "- name: bug"),
    "long description": (f"- name: b\n  description: {'x' * 101}\n", ":2: description: 101 characters", "allows 100"),
    "description is a list": ("- name: b\n  description: [x]\n", ":2: description: not text", "plain text"),
    "control in description": ('- name: b\n  description: "\\x00"\n', ":2: description: has a control", "Delete"),
    "unknown key": ("- name: bug\n  colr: d73a4a\n", ":2: colr: unknown key", "name, description, color"),
    "key that is no text": ("- name: bug\n  ? [color]\n  : x\n", ":3: ['color']: unknown key", "name, description"),
    "both spellings": ("- name: b\n  color: d73a4a\n  colour: d73a4a\n", ":3: colour: given twice", "Keep one"),
    "key twice": ("- name: bug\n  name: docs\n", ":2: name: given twice", "Keep one"),
    "colour": ("- name: bug\n  color: red\n", ":2: color: 'red' is no colour", "six hex digits"),
    "short colour": ("- name: bug\n  color: '#fff'\n", ":2: color: '#fff' is no colour", "six hex digits"),
    "colour that is a comment": ("- name: bug\n  color: #d73a4a\n", ":2: color: empty", "a bare # starts a comment"),
    "threshold": ("- name: bug\n  threshold: 1.5\n", ":2: threshold: '1.5' is no number between 0 and 1", "0.4"),
    "negative threshold": ("- name: bug\n  threshold: -0.1\n", ":2: threshold: '-0.1' is no number", "0.4"),
    "threshold nan": ("- name: bug\n  threshold: nan\n", ":2: threshold: 'nan' is no number", "0.4"),
    "threshold in percent": ("- name: bug\n  threshold: 50%\n", ":2: threshold: '50%' is no number", "0.4"),
    "aliases are a mapping": ("- name: bug\n  aliases: {a: b}\n", ":2: aliases: not a list", "aliases: ["),
    "alias is a list": ("- name: bug\n  aliases: [[a]]\n", ":2: aliases: empty", "1 to 50"),
    "family with a newline": ('- name: bug\n  family: "a\\nb"\n', ":2: family: has a newline", "Delete"),
    "not UTF-8": (b"- bug\n- d\xe9faut\n", ":2: not UTF-8", "Save the file as UTF-8"),
    "UTF-16 without its mark": ("- bug\n".encode("utf-16-le"), ":1: a character that YAML forbids", "Delete it"),
    "not a list": ("# labels\nlabels:\n- bug\n", ":2: the file is not a list", "a dash"),
    "plain text": ("bug\n", ":1: the file is not a list", "a dash"),
    "empty file": ("", ":1: the file has no labels", "- name: bug"),
    "only a comment": ("# none yet\n", ":1: the file has no labels", "- name: bug"),
    "empty list": ("[]\n", ":1: the list has no labels", "- name: bug"),
    "YAML syntax": ("- bug\n- name: [docs\n", ": not valid YAML", "Mend the YAML"),
    "tabs": ("- bug\n- name: docs\n\tcolor: d73a4a\n", ":3: not valid YAML", "Mend the YAML"),
    "two documents": ("- bug\n---\n- docs\n", ":2: not valid YAML", "Mend the YAML"),
    "NUL": ("- bug\n- do\0cs\n", ":2: a character that YAML forbids", "Delete it"),
    "undefined anchor": ("- bug\n- *docs\n", ":2: not valid YAML", "Mend the YAML"),
    "list within itself": ("- &a [*a]\n", ":1: label: neither a mapping nor a name", "- name: bug"),
    "deep nesting": ("[" * 20_000, ": nested too deeply", "plain list"),
}


@pytest.mark.parametrize(("content", "what", "remedy"), FAULTS.values(), ids=list(FAULTS))
def test_a_fault_names_file_line_and_field_with_a_remedy(
    tmp_path: Path, content: str | bytes, what: str, remedy: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as raised:
        read_labels(path)
    assert raised.value.what.startswith(f"{path}:")
    assert what in raised.value.what
    assert remedy in raised.value.remedy


def test_a_file_in_utf_16_is_read_by_its_mark(tmp_path: Path) -> None:
    assert read_labels(written(tmp_path, "- bug\n- défaut\n".encode("utf-16"))).names == ("bug", "défaut")


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yml: cannot be read: No such file"):
        read_labels(tmp_path / "none.yml")


def test_a_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_labels(tmp_path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "bundle.json: the list has no labels"),
        ({}, "bundle.json: the labels are not a list"),
        ([{"name": "a"}, 7], "bundle.json: label 2: label: neither"),
        ([{"name": "a"}, {"name": "A"}], "bundle.json: label 2: name: 'A' is listed twice"),
        ([{"name": 7}], "bundle.json: label 1: name: not text"),
        ([{"name": "a", "aliases": [None]}], "label 1: aliases: empty"),
        ([{"name": "a", "threshold": True}], "label 1: threshold: True is no number"),
        ([{"name": "a", "threshold": 10**400}], "label 1: threshold"),
        ([{"name": "a", "threshold": []}], r"label 1: threshold: \[\] is no number"),
        ([{"name": "a", "color": 0}], "label 1: color: 0 is no colour"),
        ([{"name": "a", 3: 4}], "label 1: 3: unknown key"),
    ],
)
def test_a_manifest_is_checked_by_the_same_rules(entries: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LabelSet.from_dicts(entries, "bundle.json")


def test_a_manifest_may_hold_bare_names_and_nulls() -> None:
    found = LabelSet.from_dicts(["bug", {"name": "docs", "description": None, "threshold": None, "aliases": None}], "m")
    assert found == LabelSet((Label("bug"), Label("docs")))


def test_find_ignores_case_and_prefers_names_to_aliases() -> None:
    labels = LabelSet((Label("a", aliases=("b",)), Label("B"), Label("c", aliases=("D",))))
    assert labels.find("A") == labels.labels[0]
    assert labels.find("b") == labels.labels[1]
    assert labels.find("d") == labels.labels[2]
    assert labels.find("e") is None


def test_only_keeps_the_listed_order_and_passes_over_strangers() -> None:
    labels = LabelSet((Label("a"), Label("b", aliases=("x",)), Label("c")))
    assert labels.only(["C", "X", "stranger"]).names == ("b", "c")
    assert len(labels.only([])) == 0


names = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=","), min_size=1, max_size=50)


@st.composite
def label_sets(draw: st.DrawFn) -> LabelSet:
    unique = draw(st.lists(names, min_size=1, max_size=12, unique_by=fold))
    labels = []
    while unique:
        name, *rest = unique
        count = draw(st.integers(0, len(rest)))
        aliases, unique = tuple(rest[:count]), rest[count:]
        color = draw(st.sampled_from(["", "d73a4a", "000000"]))
        threshold = draw(st.none() | st.floats(0, 1))
        labels.append(Label(name, draw(st.sampled_from(["", "what it is"])), color, aliases, "", threshold))
    return LabelSet(tuple(labels))


@given(label_sets())
def test_a_label_set_survives_a_manifest(labels: LabelSet) -> None:
    assert LabelSet.from_dicts(labels.to_dicts(), "manifest") == labels


@given(label_sets())
def test_every_name_and_alias_is_found_in_either_case(labels: LabelSet) -> None:
    for label in labels:
        for spelling in label.spellings:
            assert labels.find(spelling) == label
            assert labels.find(fold(spelling)) == label


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=60), lambda x: st.lists(x, max_size=3)))
def test_no_value_of_any_field_causes_anything_but_an_input_error(value: object) -> None:
    for key in ("name", "description", "color", "aliases", "family", "threshold"):
        message = "m: label 1"
        try:
            LabelSet.from_dicts([{"name": "a", key: value}], "m")
        except InputError as error:
            message = str(error)
        assert message.startswith("m: label 1")
