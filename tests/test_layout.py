"""The house: rooms of a size that one can look over, no two files of one name, tests where their subjects are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("labeler", "synthetic", "eval", "training")
MOST_MODULES, MOST_LINES = 16, 312
MOST_COMMAND_LINES = 120


def modules(package: str) -> list[Path]:
    return [path for path in sorted((ROOT / package).rglob("*.py")) if not path.name.startswith("__")]


def folders() -> dict[Path, list[Path]]:
    found: dict[Path, list[Path]] = {}
    for path in (path for package in PACKAGES for path in modules(package)):
        found.setdefault(path.parent, []).append(path)
    return found


def test_a_folder_holds_few_modules() -> None:
    assert {str(folder): len(paths) for folder, paths in folders().items() if len(paths) > MOST_MODULES} == {}


def test_a_module_can_be_read_in_one_sitting() -> None:
    paths = (path for package in PACKAGES for path in modules(package))
    long = {str(path): count for path in paths if (count := len(path.read_text().splitlines())) > MOST_LINES}
    assert long == {}


def test_a_command_parses_calls_one_function_and_prints() -> None:
    paths = (path for package in PACKAGES for path in modules(package) if path.parent.name == "commands")
    long = {str(path.relative_to(ROOT)) for path in paths if len(path.read_text().splitlines()) > MOST_COMMAND_LINES}
    assert long == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_files_of_a_package_have_one_name(package: str) -> None:
    names = Counter(path.name for path in modules(package))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_prefix_that_three_files_share_is_a_folder() -> None:
    shared = []
    for folder, paths in folders().items():
        prefixes = Counter(path.stem.partition("_")[0] for path in paths)
        shared += [f"{folder.relative_to(ROOT)}: {prefix}" for prefix, count in prefixes.items() if count > 2]
    assert shared == []


def test_every_folder_of_code_says_what_it_is() -> None:
    silent = [
        str(folder) for folder in folders() if not (folder / "__init__.py").read_text().lstrip().startswith('"""')
    ]
    assert silent == []


def test_tests_stand_in_the_folders_of_what_they_test() -> None:
    """tests/PACKAGE/ROOM/test_x.py tests PACKAGE/ROOM; in the root are those of the repository itself."""
    rooms = {folder.relative_to(ROOT) for folder in folders()} | {Path(package) for package in PACKAGES}
    found = {path.relative_to(ROOT / "tests").parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert found - rooms == {Path()}
    flat = {path.name for path in (ROOT / "tests").glob("test_*.py")}
    assert flat == {f"test_{name}.py" for name in ("imports", "layout", "pages", "pictures", "readme", "wheel")}
