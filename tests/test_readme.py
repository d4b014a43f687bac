"""What the README says of the action is what action.yml says.

python -m tests.test_readme writes the table of inputs anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MARKS = re.compile(r"(<!-- inputs: .*? -->\n)(.*?)(<!-- /inputs -->)", re.DOTALL)


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


def test_every_output_is_described() -> None:
    text = README.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in action()["outputs"])


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


if __name__ == "__main__":
    old = README.read_text(encoding="utf-8")
    README.write_text(MARKS.sub(lambda m: m[1] + table_of_inputs() + m[3], old), encoding="utf-8")
