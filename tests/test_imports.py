"""Imports run downward, from training to labeler, never in a circle, and from a library never to a command.

Read off the syntax trees: an import within a function or for type checking counts as any other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("labeler", "synthetic", "eval", "training")  # each imports only itself and those before it
# The one reference upward: eval has work of training done by a process, by these commands of it.
UPWARD, STARTED = "eval.systems.training_process", {"run", "export"}
_HIGHER = {name: re.compile(rf"(?:{'|'.join(PACKAGES[i + 1 :])})(?:\.\w+)*") for i, name in enumerate(PACKAGES[:-1])}


@cache
def trees(root: Path = ROOT) -> Mapping[str, ast.Module]:
    """The syntax tree of every module of the packages, by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_bytes())
    return found


def imported(name: str, modules: Mapping[str, ast.Module]) -> set[str]:
    """The modules among `modules` that the module `name` imports, wherever in it."""
    found = set()
    for node in ast.walk(modules[name]):
        wanted: list[str] = []
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}, line {node.lineno}: a relative import"
            module = node.module or ""
            # `from package import module` imports that module; anything else comes from the package itself.
            wanted = [full if (full := f"{module}.{alias.name}") in modules else module for alias in node.names]
        found |= {one for one in wanted if one in modules and one != name}
    return found


def graph(modules: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    return {name: imported(name, modules) for name in modules}


def upward(edges: Mapping[str, set[str]]) -> list[str]:
    def rank(name: str) -> int:
        return PACKAGES.index(name.partition(".")[0])

    return sorted(f"{one} imports {other}" for one in edges for other in edges[one] if rank(other) > rank(one))


def circle(edges: Mapping[str, set[str]]) -> str:
    """One circle of modules, "" where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def to_commands(edges: Mapping[str, set[str]]) -> list[str]:
    """Modules outside the commands folders that import from one."""

    def is_command(name: str) -> bool:
        return "commands" in name.split(".")

    return sorted(
        f"{one} imports {other}" for one in edges if not is_command(one) for other in edges[one] if is_command(other)
    )


def names_upward(package: str, tree: ast.Module) -> Iterator[str]:
    """Strings that name a higher package or a module in one: after "-m", to import_module, or by itself in eval."""
    if package not in _HIGHER:
        return
    for node in ast.walk(tree):
        given: list[ast.expr] = []
        if isinstance(node, (ast.List, ast.Tuple)):
            given = node.elts
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = node.args
            if called in ("import_module", "__import__", "run_module", "find_spec"):
                yield from (one for one in map(_text, given[:1]) if _HIGHER[package].fullmatch(one))
        words = [_text(one) for one in given]
        after = (words[i + 1] for i, word in enumerate(words[:-1]) if word == "-m")
        yield from (one for one in after if _HIGHER[package].fullmatch(one))
        if package == "eval" and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node.value] * (node.value == "training" or node.value.startswith("training."))


def _text(node: ast.expr) -> str:
    """A string's text; of an f-string what stands before its first value."""
    if isinstance(node, ast.JoinedStr):
        return _text(node.values[0]).rstrip(".") if node.values else ""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.fixture(scope="module")
def edges() -> dict[str, set[str]]:
    return graph(trees())


def test_imports_run_downward(edges: dict[str, set[str]]) -> None:
    assert upward(edges) == []


def test_no_file_imports_in_a_circle(edges: dict[str, set[str]]) -> None:
    assert circle(edges) == ""


def test_libraries_import_no_command(edges: dict[str, set[str]]) -> None:
    assert to_commands(edges) == []


def test_one_module_alone_names_a_higher_package_and_starts_what_is_said_here() -> None:
    found = {name for name, tree in trees().items() if any(names_upward(name.partition(".")[0], tree))}
    assert found == {UPWARD}
    nodes = (node for name, tree in trees().items() if name.startswith("eval.") for node in ast.walk(tree))
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "training_command"]
    assert {_text(call.args[0]) for call in calls} == STARTED


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A house of four packages with every fault that the above is to find."""
    files = {
        "labeler/low.py": "def late():\n    from eval import high\n",
        "labeler/__init__.py": "",
        "eval/__init__.py": "",
        "eval/high.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from eval.other import Thing\n",
        "eval/other.py": "import eval.high\nimport eval.commands.go\n",
        "eval/commands/go.py": 'import sys\nrun = [sys.executable, "-m", "training", "publish"]\n',
        "synthetic/late.py": 'import importlib\nmodule = importlib.import_module(f"eval.{sys.argv}")\n',
        "training/top.py": "from labeler import low\nimport eval\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_every_fault_is_found_and_named(house: Path) -> None:
    modules = trees(house)
    edges = graph(modules)
    assert upward(edges) == ["labeler.low imports eval.high"]
    assert set(circle(edges).split(" <- ")) == {"eval.high", "eval.other"}
    assert to_commands(edges) == ["eval.other imports eval.commands.go"]
    named = {name for name, tree in modules.items() if any(names_upward(name.partition(".")[0], tree))}
    assert named == {"eval.commands.go", "synthetic.late"}
