"""Every command that README, docs/ and --help show is one that the programs take; every link and file is there."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

from labeler.data.dataset import COLUMNS
from labeler.data.dataset_folder import open_dataset
from labeler.labels.label_set import KEYS
from tests.pages import OTHERS, PACKAGES, PAGES, ROOT
from tests.shown import Command, blocks, commands, examples

SHOWN = [command for page in PAGES for command in commands(page)]
# Programs of others, of which no argument is read here.
ELSEWHERE = {"npm", "tar", "mv", "sha256sum", "."}
TITLE = re.compile(r"(?m)^#+ (.*)$")


def heads(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in TITLE.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)|src=\"(?!https?:)([^\"]+)\"", page.read_text(encoding="utf-8"))
    for link in (unquote(first or second) for first, second in links):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in heads(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    reached, new = set(), {PAGES[0]}
    while new:
        reached |= new
        links = (
            (page.parent / link).resolve()
            for page in new
            for link in re.findall(r"\]\(([^)\s#]+\.md)", page.read_text(encoding="utf-8"))
        )
        new = {link for link in links if link in PAGES} - reached
    assert reached == set(PAGES)


@pytest.mark.parametrize("command", SHOWN, ids=lambda command: f"{command.page}: {' '.join(command.words)[:60]}")
def test_a_command_that_is_shown_can_be_given(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    program, rest = Path(command.words[0]).name, command.words[1:]
    if command.module in PACKAGES:
        (_take if command.whole else _know)(command.module, list(command.words[3:]), monkeypatch)
    elif command.module == "pytest":
        assert [word for word in rest if word.startswith("tests/") and not (ROOT / word).exists()] == []
    elif command.module:
        assert command.module == "venv" or importlib.util.find_spec(command.module) is not None
    elif program == "make":
        targets = re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
        assert set(rest) <= set(targets)
    elif program == "pip":
        _can_be_installed(rest)
    else:
        assert program in ELSEWHERE or command.words[0].startswith(".ci/") or rest[:1] == ("-c",), command


def _take(package: str, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The program takes the arguments as they stand; nothing is run."""
    taken = []
    monkeypatch.setattr(_module(package, given), "run", lambda *arguments: taken.append(arguments) or 0)
    assert _cli(package).main(given) == 0
    assert taken


def _know(package: str, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The program has the command that a sentence names, and the command has these options."""
    if given in ([], ["--help"], ["COMMAND", "--help"]):
        return
    parser = argparse.ArgumentParser()
    _module(package, given).add_arguments(parser)
    known = parser.format_help()
    assert [word for word in given if word.startswith("--") and f" {word}" not in known] == []


def _cli(package: str) -> ModuleType:
    return importlib.import_module(f"{package}.cli")


def _module(package: str, given: list[str]) -> ModuleType:
    """The module of the command that is given; without one the labeller labels an issue, or what options name."""
    assert given[0] in _cli(package).COMMANDS or given[0].startswith("-") or "#" in given[0], f"no command {given[0]}"
    name = given[0] if given[0] in _cli(package).COMMANDS else "label"
    assert name in _cli(package).COMMANDS, f"python -m {package} has no command {given[0]}"
    return importlib.import_module(f"{package}.commands.{name.replace('-', '_')}")


def texts_of_help() -> Iterator[tuple[str, str]]:
    """The EXAMPLES of every program and of each of its commands: whose they are, and the text."""
    for package in PACKAGES:
        yield package, _cli(package).EXAMPLES
        for name in _cli(package).COMMANDS:
            if text := getattr(_module(package, [name]), "EXAMPLES", ""):
                yield f"{package} {name}", text


IN_HELP = {whose: list(examples(whose, text)) for whose, text in texts_of_help()}


@pytest.mark.parametrize("whose", IN_HELP)
def test_the_examples_that_help_shows_can_be_given(whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [command for command in IN_HELP[whose] if command.module]
    assert whose.partition(" ")[0] in {command.module for command in shown}
    for command in shown:
        given = list(command.words[3:])
        if command.whole and given != ["COMMAND", "--help"]:
            _take(command.module, given, monkeypatch)
        else:
            _know(command.module, given, monkeypatch)


def _can_be_installed(words: tuple[str, ...]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for word in words:
        if found := re.fullmatch(r"\.\[(.+)\]", word):
            assert set(found[1].split(",")) <= set(extras)
        elif re.search(r"\.(lock|txt)$", word):
            assert (ROOT / word).is_file()


def test_the_example_of_a_dataset_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "csv-label.md").read_text(encoding="utf-8")
    files = {"labels.yml": blocks(page, "yaml")[0], "sources.yml": blocks(page, "yaml")[1]}
    for name, text in (files | {"dataset.csv": blocks(page, "csv")[1]}).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    dataset = open_dataset(tmp_path)
    first, second = dataset.rows()
    assert (first.body, first.labels) == ('It says\n"TypeError"', ("bug", "ux/ui"))
    assert (second.labels, second.agreement) == ((), 1.0)
    assert dataset.spaces == {"matomo": ("type: feature", "bug")}
    assert blocks(page, "csv")[0].strip() == ",".join(COLUMNS)
    table = page.partition("## labels.yml")[0]
    assert [row for row in re.findall(r"`([\w_]+)`(?=[^|]*\|)", table) if row in COLUMNS] == COLUMNS
    assert set(KEYS) <= set(re.findall(r"`(\w+)`", page))


def named(page: Path) -> Iterator[str]:
    """Paths of this repository that a page names in code."""
    folders = {name.partition("/")[0] for name in (*PACKAGES, *OTHERS)}
    text = page.read_text(encoding="utf-8")
    for word in re.findall(r"[^\s`\"'()|,;=]+", " ".join(re.findall(r"(?s)```.*?```|`[^`\n]+`", text))):
        if word.partition("/")[0] in folders and "/" in word and not re.search(r"[*<>…{]", word):
            yield word.rstrip(".:")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_repository_that_is_named_is_there(page: Path) -> None:
    assert [word for word in named(page) if not (ROOT / word).exists()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_help_of_a_program_and_its_page_name_each_other(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        _cli(package).main(["--help"])
    assert left.value.code == 0
    pages = re.findall(r"docs/[\w-]+\.md", capsys.readouterr().out)
    assert pages
    for page in pages:
        assert f"python -m {package}" in (ROOT / page).read_text(encoding="utf-8"), page
