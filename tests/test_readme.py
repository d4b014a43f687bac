"""README and docs/ say what action.yml, the results file and the folders say: their generated parts are up to date.

python -m tests.test_readme writes these parts anew.
"""

from __future__ import annotations

import re

import pytest

from eval.starter.answering import fingerprint
from eval.starter.board import read_results
from eval.starter.card_section import section
from labeler.model.bundle import read_manifest
from labeler.model.predict import STARTER
from tests.pages import BLOCKS, OTHERS, PACKAGES, README, ROOT, action, marks, write_all
from tests.shown import blocks

MOST_LINES = 150


@pytest.mark.parametrize("name", BLOCKS)
def test_a_generated_part_is_up_to_date(name: str) -> None:
    page, made = BLOCKS[name]
    found = marks(name).findall(page.read_text(encoding="utf-8"))
    assert [text for _, text, _ in found] == [made()], "run: python -m tests.test_readme"


def test_figures_of_the_card_are_those_of_the_results_file_and_of_the_model_that_ships() -> None:
    results = read_results()
    measure = "run: python -m eval starter … --results eval/starter/results.json --write-card"
    assert results["systems"]["model"]["fingerprint"] == fingerprint(read_manifest(STARTER)), measure
    assert section(results).strip() in (STARTER / "README.md").read_text(encoding="utf-8"), measure


def test_every_output_is_described() -> None:
    text = BLOCKS["inputs"][0].read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in action()["outputs"])


def test_every_folder_of_the_repository_has_a_line() -> None:
    shown = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] not in "._"}
    known = {*PACKAGES, *OTHERS}
    unknown = [name for name in shown - known if any((ROOT / name).rglob("*.py"))]
    assert unknown == [], "tests/pages.py says what the folders beside the packages are for"
    assert [name for name in OTHERS if not (ROOT / name).is_dir()] == []


def test_the_readme_is_for_ten_minutes_and_begins_with_the_two_blocks_to_run() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    first, second = blocks(text, "sh")[:2]
    assert first.startswith("python3 -m venv .venv\n.venv/bin/pip install -q --require-hashes -r requirements.lock\n")
    assert second == "make test\n"
    outside = re.sub(r"(?s)```.*?```|<!-- (\S+): .*?<!-- /\1 -->", "", text)
    assert re.findall(r"\b0\.\d{3}\b", outside) == [], "figures of quality stand in the generated table"


if __name__ == "__main__":
    write_all()
