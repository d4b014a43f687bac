"""What pip installs, built and installed here without a network: `labeler` alone, whole, with a command of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from uv import find_uv_bin

from labeler import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ISSUE = ["--title", "The application crashes when saving a file"]


def uv(*arguments: str | Path) -> None:
    done = subprocess.run([find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def install(what: str | Path, folder: Path) -> Path:
    where = ["--no-config", "--python", sys.executable, "--target", folder]
    uv("pip", "install", "--offline", "--no-deps", *where, *(["-e", what] if what == ROOT else [what]))
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--offline", "--no-config", "--out-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("installed"))


def test_its_one_top_level_name_is_labeler(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        tops = {name.partition("/")[0] for name in file.namelist()}
    assert tops == {"labeler", f"issue_labeler-{__version__}.dist-info"}


def test_the_starter_is_in_it_with_the_terms_that_go_with_it(installed: Path) -> None:
    for path in (ROOT / "labeler" / "starter").iterdir():
        assert (installed / "labeler" / "starter" / path.name).read_bytes() == path.read_bytes()
    licences = installed / f"issue_labeler-{__version__}.dist-info" / "licenses"
    terms = ["GEMMA_TERMS.md", "GEMMA_USE_RESTRICTIONS.md", "NOTICE"]
    for name in ("LICENSE", "NOTICE", *(f"labeler/starter/{name}" for name in terms)):
        assert (licences / name).read_bytes() == (ROOT / name).read_bytes()


def test_all_code_of_the_package_is_in_it_and_nothing_that_was_left_lying_about(installed: Path) -> None:
    there = {path.relative_to(installed).as_posix() for path in (installed / "labeler").rglob("*") if path.is_file()}
    tracked = subprocess.run(["git", "ls-files", "labeler"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git repository")
    assert set(tracked.stdout.split()) <= there
    assert {Path(name).suffix for name in there} == {Path(name).suffix for name in tracked.stdout.split()}


@pytest.mark.parametrize("way", ["-m", "console script"])
def test_it_labels_in_an_empty_folder_with_the_libraries_of_the_environment(
    installed: Path, tmp_path: Path, way: str
) -> None:
    program = ["-m", "labeler"] if way == "-m" else [str(installed / "bin" / "issue-labeler")]
    (tmp_path / "empty").mkdir()
    kept = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *program, *ISSUE],
        cwd=tmp_path / "empty", env={**kept, "PYTHONPATH": str(installed)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "bug\n"), done.stderr


def test_what_it_says_of_itself_is_what_pyproject_says(installed: Path) -> None:
    said = Distribution.at(installed / f"issue_labeler-{__version__}.dist-info").metadata
    assert said["Version"] == __version__ == PROJECT["version"]
    assert said["License-Expression"] == PROJECT["license"]
    assert set(said.get_all("Provides-Extra") or ()) == set(PROJECT["optional-dependencies"])


def test_a_checkout_that_is_installed_for_editing_gives_all_four_programs(tmp_path: Path) -> None:
    installed = install(ROOT, tmp_path)
    (path,) = installed.glob("*.pth")
    assert Path(path.read_text(encoding="utf-8").strip()).samefile(ROOT)


def test_an_extra_that_is_part_of_another_is_there() -> None:
    own = f"{PROJECT['name']}["
    extras = PROJECT["optional-dependencies"]
    parts = [one for wanted in extras.values() for one in wanted if one.startswith(own)]
    assert parts
    assert {name for one in parts for name in one.removeprefix(own).rstrip("]").split(",")} <= set(extras)
