from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labeler.github.actions import (
    MOST_SUMMARY_BYTES,
    Log,
    escape_data,
    escape_property,
    harmless,
    write_outputs,
    write_summary,
)
from tests.standins.runner import COMMANDS, command, key_values

hostile = st.text(alphabet="abc:#[]% =\r\n\t\v\f\x85\u2028\u200b\u3000\x00\x1b\ud800")
attacks = st.one_of(
    st.text(),
    hostile,
    st.builds(
        lambda before, name, opening: f"{before}{opening}{name} a=b{']' if '[' in opening else '::'}value",
        hostile,
        st.sampled_from(sorted(COMMANDS)),
        st.sampled_from(["::", "##["]),
    ),
)


def commands(out: io.StringIO) -> list[tuple[str, str, str]]:
    return [found for line in out.getvalue().split("\n") if (found := command(line))]


@given(attacks)
@example("x\r::set-output name=labels::security")
@example("\u3000::add-mask::e")
@example("##[add-path]/tmp")
@example(":::set-env name=PATH::/tmp")
def test_no_text_becomes_a_command(text: str) -> None:
    out = io.StringIO()
    Log(out).line(text)
    assert commands(out) == []
    assert out.getvalue().count("\n") == 1
    assert harmless(text).isprintable() or not set(harmless(text)) & set("\r\n\t\v\f\x00\x1b\x85\u2028")


@given(attacks, attacks)
def test_an_annotation_is_one_command_whatever_it_says(text: str, title: str) -> None:
    out = io.StringIO()
    Log(out).warning(text, title)
    assert [name for name, _, _ in commands(out)] == ["warning"]


def test_an_annotation_keeps_its_lines_and_their_indentation() -> None:
    out = io.StringIO()
    Log(out).error("100 %: no\npermissions:\n  issues: write", "Issue labeler: a, b")
    assert out.getvalue() == ("::error title=Issue labeler%3A a%2C b::100 %25: no%0Apermissions:%0A  issues: write\n")


def test_escapes_are_those_of_the_runner() -> None:
    assert escape_data("a%b\r\nc:d,e") == "a%25b%0D%0Ac:d,e"
    assert escape_property("a%b\r\nc:d,e") == "a%25b%0D%0Ac%3Ad%2Ce"


def test_a_group_is_closed_even_after_an_error() -> None:
    out = io.StringIO()
    log = Log(out)
    with pytest.raises(KeyError), log.group("Traceback"):
        raise KeyError
    assert out.getvalue() == "::group::Traceback\n::endgroup::\n"


def test_secrets_are_hidden_in_every_kind_of_line() -> None:
    out = io.StringIO()
    log = Log(out, ["ghs_secret"])
    log.line("a ghs_secret")
    log.warning("b ghs_secret", "c ghs_secret")
    assert "ghs_secret" not in out.getvalue()
    assert out.getvalue().count("***") == 3


def test_what_a_console_cannot_show_is_replaced() -> None:
    raw = io.BytesIO()
    console = io.TextIOWrapper(raw, encoding="cp1252", newline="\n")
    Log(console).line("größe 🐛")
    assert raw.getvalue().decode("cp1252") == "größe ?\n"


values = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r"))


@given(st.dictionaries(st.sampled_from(["labels", "applied", "probabilities"]), values))
def test_outputs_come_out_as_they_went_in(outputs: dict[str, str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output"
        write_outputs(path, outputs)
        assert key_values(path.read_bytes().decode("utf-8")) == outputs


def test_outputs_are_appended_and_do_without_a_file(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_text("earlier=1\n")
    write_outputs(path, {"labels": "bug\nlabels=security"})
    assert key_values(path.read_text()) == {"earlier": "1", "labels": "bug\nlabels=security"}
    write_outputs(None, {"labels": "bug"})


def test_a_summary_is_cut_at_the_end_of_a_line_to_what_github_takes(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    write_summary(path, "first\n")
    write_summary(path, "é" * 40 + "\n" + ("é" * 40 + "\n") * 20_000)
    data = path.read_bytes()
    assert MOST_SUMMARY_BYTES - 100 < len(data) <= MOST_SUMMARY_BYTES
    lines = data.decode("utf-8").split("\n")
    assert lines[0] == "first"
    assert lines[-2].startswith("Cut:")
    assert set(lines[1:-4]) == {"é" * 40}
    write_summary(path, "no more")
    assert path.stat().st_size <= MOST_SUMMARY_BYTES
