"""What README and docs/ are held to: the parts that are generated, and from what.

A generated part stands between `<!-- name: … -->` and `<!-- /name -->`; `write_all` writes every one anew.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from eval.starter.board import read_results
from eval.starter.page import readme_block
from eval.starter.short import short_note, short_table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
PACKAGES = ("labeler", "synthetic", "eval", "training")  # each may import those before it
# Folders without a docstring of their own: data, and what lies beside the packages.
OTHERS = {
    "labeler/starter": "The bundle that ships: weights, tokenizer, card and terms.",
    "training/licences": "Terms that a tuned model carries along.",
    "training/presets": "Settings of tuning, each with its reason.",
    "training/recipes": "What the bundled starter is made again from.",
    "tests": "The tests; `tests/standins` are a GitHub, a Hub and an Actions runner on the loopback.",
    "docs": "These pages and their pictures.",
    "examples": "Workflows, a labels file, settings and sample issues to copy.",
}
SPEED_ROWS = {  # row of docs/speed.md -> what README calls it
    "`python -m labeler --title …`, start to finish": "an issue on two CPU cores, from start to finish",
    "its peak memory": "peak memory",
    "bundle": "size of the model",
}


def action() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return document


def inputs() -> str:
    rows = ["| input | default | |", "|---|---|---|"]
    for name, facts in action()["inputs"].items():
        default = f"`{facts['default']}`" if facts["default"] else ""
        rows.append(f"| `{name}` | {default} | {' '.join(facts['description'].split())} |")
    return "\n".join(rows) + "\n"


def scores() -> str:
    return readme_block(read_results())


def scores_short() -> str:
    results = read_results()
    note = textwrap.fill(short_note(results), 120, break_long_words=False, break_on_hyphens=False)
    return f"{short_table(results, speed())}\n\n{note}\n"


def speed() -> dict[str, str]:
    """The rows of docs/speed.md that README shows: title -> what was measured."""
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"(?m)^\| ([^|]+) \| ([^|]*) \|", page))
    return {title: rows[row].strip("*") for row, title in SPEED_ROWS.items()}


def folders() -> str:
    """The tree: a line for every folder of the packages, from its docstring, and for those beside them."""
    rows = ["| folder | |", "|---|---|"]
    for folder in [*(found for name in PACKAGES for found in _folders(ROOT / name)), ROOT / "tests", ROOT / "docs"]:
        rows.append(_row(folder))
    return "\n".join([*rows, _row(ROOT / "examples")]) + "\n"


def _row(folder: Path) -> str:
    name = folder.relative_to(ROOT).as_posix()
    shown = f"**`{name}/`**" if "/" not in name else f"`{name}/`"
    told = first_line(folder).replace("|", r"\|")
    return f"| [{shown}](../{name}) | {told} |"


def first_line(folder: Path) -> str:
    """What a folder is for: its docstring's first line, or what `OTHERS` says of a folder of data."""
    name = folder.relative_to(ROOT).as_posix()
    if name in OTHERS:
        return OTHERS[name]
    init = folder / "__init__.py"
    text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) if init.is_file() else None
    assert text, f"{name}: say in the docstring of its __init__.py, or in tests/pages.py, what it is for"
    return text.splitlines()[0]


def _folders(folder: Path) -> Iterator[Path]:
    """The folder and those in it, down to folders of data, whose own parts are not told."""
    yield folder
    if folder.relative_to(ROOT).as_posix() not in OTHERS:
        for inner in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"):
            if any(path.is_file() and path.suffix != ".pyc" for path in inner.rglob("*")):  # else left by a checkout
                yield from _folders(inner)


BLOCKS: dict[str, tuple[Path, Callable[[], str]]] = {
    "inputs": (ROOT / "docs" / "maintainers.md", inputs),
    "scores": (ROOT / "docs" / "judging.md", scores),
    "scores-short": (README, scores_short),
    "folders": (ROOT / "docs" / "architecture.md", folders),
}


def marks(name: str) -> re.Pattern[str]:
    """Opening mark, content and closing mark of a generated part."""
    return re.compile(rf"(<!-- {name}: .*? -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


def write_all() -> None:
    """Writes every generated part anew."""
    for name, (page, made) in BLOCKS.items():
        text = made()
        old = page.read_text(encoding="utf-8")
        new = marks(name).sub(lambda found, text=text: found[1] + text + found[3], old)
        page.write_text(new, encoding="utf-8")
