"""A TOML file as a dataclass; errors name the file, the line where it is certain, the key, and what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from labeler.base.toml import Toml, read_toml, read_toml_as
from labeler.errors import InputError


@dataclass(frozen=True)
class Inner:
    rows: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    rows: int
    first: Inner
    second: Inner


TEXT = """# Three keys of one name.
rows = 1
[first]
rows = 2
names = [
  "a",
  ["b"],
]
[ second ] # the last
"rows" = 3
"""


def write(folder: Path, text: str) -> Path:
    (folder / "file.toml").write_text(text)
    return folder / "file.toml"


def test_a_file_is_read_section_by_section(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT.replace('["b"]', '"b"'))
    assert read_toml_as(Outer, path) == Outer(1, Inner(2, ("a", "b")), Inner(3))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rows = 1", "rows = 'x'", ":2: rows is 'x'.\nAccepted: a whole number."),
        ("rows = 2", "rows = 2.5", ":4: first.rows is 2.5.\nAccepted: a whole number."),
        ('["b"],', "[7],", ":5: first.names[1] is [7].\nAccepted: a text."),
        ('"rows" = 3', "rows = true", ":10: second.rows is True.\nAccepted: a whole number."),
        ('"rows" = 3', "rwos = 3", ":10: missing: second.rows; unknown: second.rwos\nSee the manual."),
        ("[ second ]", "[third]", ":9: missing: second; unknown: third\nSee the manual."),
    ],
)
def test_an_error_names_line_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    path = write(tmp_path, text if '["b"]' not in text else text.replace('["b"],', '"b",'))
    with pytest.raises(InputError) as refused:
        read_toml_as(Outer, path, "See the manual.")
    assert str(refused.value) == f"{path}{said}"


def test_where_a_line_is_not_certain_the_file_alone_is_named() -> None:
    toml = Toml(Path("f"), '[a]\ntext = """\nkey = 1\n"""\nkey = 2\n', {})
    assert (toml.at("a.key"), toml.at("a.other"), toml.at("a.text")) == ("f", "f", "f:2")


def test_what_is_no_toml_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"file\.toml: not valid TOML: .*line 2"):
        read_toml(write(tmp_path, "[labels]\nsupport 5"))
    (tmp_path / "file.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(InputError, match=r"file\.toml:2: not UTF-8"):
        read_toml(tmp_path / "file.toml")
    with pytest.raises(InputError, match=r"none\.toml: cannot be read"):
        read_toml(tmp_path / "none.toml")
