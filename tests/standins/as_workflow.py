"""Prints action.yml as a workflow of one job, since actionlint passes composite actions over.

python -m tests.standins.as_workflow action.yml > /tmp/action-as-workflow.yml && actionlint /tmp/action-as-workflow.yml
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml


def as_workflow(action: dict[str, Any]) -> dict[str, Any]:
    """A reusable workflow with the action's inputs, outputs and steps."""
    inputs = {
        name: {"description": facts["description"], "type": "string", "required": False, "default": ""}
        for name, facts in action["inputs"].items()
    }
    outputs = {name: facts["value"] for name, facts in action["outputs"].items()}
    called = {
        name: {"description": action["outputs"][name]["description"], "value": f"${{{{ jobs.action.outputs.{name} }}}}"}
        for name in outputs
    }
    job = {"runs-on": "ubuntu-24.04", "outputs": outputs, "steps": action["runs"]["steps"]}
    return {
        "name": action["name"],
        "on": {"workflow_call": {"inputs": inputs, "outputs": called}},
        "permissions": {},
        "jobs": {"action": job},
    }


def main() -> None:
    action = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(yaml.safe_dump(as_workflow(action), sort_keys=False, allow_unicode=True), end="")


if __name__ == "__main__":
    main()
