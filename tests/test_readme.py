"""What the README says of the action is what action.yml says; figures in README and card are those of one results file.

python -m tests.test_readme writes the table of inputs and the figures anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from eval.card import section
from eval.starter.answers import fingerprint
from eval.starter.board import read_results
from eval.starter.page import readme_block
from labeler.bundle import read_manifest
from labeler.predict import STARTER

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MARKS = re.compile(r"(<!-- inputs: .*? -->\n)(.*?)(<!-- /inputs -->)", re.DOTALL)
SCORES = re.compile(r"(<!-- scores: .*? -->\n)(.*?)(<!-- /scores -->)", re.DOTALL)


def action() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return document


def table_of_inputs() -> str:
    rows = ["| input | default | |", "|---|---|---|"]
    for name, facts in action()["inputs"].items():
        default = f"`{facts['default']}`" if facts["default"] else ""
        rows.append(f"| `{name}` | {default} | {' '.join(facts['description'].split())} |")
    return "\n".join(rows) + "\n"


def test_the_table_of_inputs_is_that_of_the_action() -> None:
    found = MARKS.search(README.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == table_of_inputs(), "run: python -m tests.test_readme"


def test_figures_of_the_readme_are_those_of_the_results_file() -> None:
    found = SCORES.search(README.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == readme_block(read_results()), "run: python -m tests.test_readme"


def test_figures_of_the_card_are_those_of_the_results_file_and_of_the_model_that_ships() -> None:
    results = read_results()
    measure = "run: python -m eval starter … --results eval/starter/results.json --write-card"
    assert results["systems"]["model"]["fingerprint"] == fingerprint(read_manifest(STARTER)), measure
    assert section(results).strip() in (STARTER / "README.md").read_text(encoding="utf-8"), measure


def test_every_output_is_described() -> None:
    text = README.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in action()["outputs"])


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


if __name__ == "__main__":
    old = README.read_text(encoding="utf-8")
    new = MARKS.sub(lambda m: m[1] + table_of_inputs() + m[3], old)
    README.write_text(SCORES.sub(lambda m: m[1] + readme_block(read_results()) + m[3], new), encoding="utf-8")
