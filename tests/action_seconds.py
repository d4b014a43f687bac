"""How long the action's own steps take, by this harness, with a real uv: what `python -m eval speed` asks.

usage: python -m tests.action_seconds RUNS      prints JSON: medians in seconds, or why they could not be measured
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from tests.standins.github import TOKEN, serving
from tests.standins.runner import Run, Runner

ROOT = Path(__file__).parent.parent
REPO = "octo/hello"


class RealUv(Runner):
    """A runner whose uv is the one of this machine, with its cache in a folder of this measurement alone."""

    uv: Path

    def _shim(self) -> Path:
        return self.uv.parent


def find_uv() -> Path | None:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    return Path(found) if found else None


def seconds(runs: int, folder: Path) -> dict[str, float | str]:
    """Medians over `runs`, after one that fills uv's cache."""
    uv = find_uv()
    if uv is None:
        return {"skipped": "uv is not installed"}
    done: list[Run] = []
    with serving() as github:
        github.add_repository(REPO, ("bug", "question"))
        github.add_issue(REPO, 1, "The application crashes when saving", "TypeError: x is undefined")
        document = github.repositories[REPO].issues[1].document
        event = {"action": "opened", "issue": document, "repository": {"full_name": REPO}}
        for number in range(runs + 1):
            runner = RealUv(ROOT, folder / str(number), {"token": TOKEN, "api_url": github.url, "repository": REPO})
            runner.uv = uv
            runner.environ = {"UV_CACHE_DIR": str(folder / "uv-cache"), **_of_the_index()}
            run = runner.run({"dry-run": "true"}, "issues", event)
            if run.steps["install"].outcome != "success":
                last = run.steps["install"].log.strip().rpartition("\n")[2]
                return {"skipped": f"uv could not install the packages: {last}"}
            if run.steps["label"].outcome != "success" or not run.outputs["labels"]:
                return {"skipped": f"no label: {run.steps['label'].log.strip()}"}
            done.append(run)
    install, label = ([run.steps[name].seconds for run in done[1:]] for name in ("install", "label"))
    return {
        "action_install_seconds": statistics.median(install),
        "action_label_seconds": statistics.median(label),
        "action_seconds": statistics.median(map(sum, zip(install, label, strict=True))),
    }


def _of_the_index() -> dict[str, str]:
    """How this machine reaches the package index."""
    wanted = ("UV_", "SSL_CERT", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy")
    return {name: value for name, value in os.environ.items() if name.startswith(wanted) and name != "UV_CACHE_DIR"}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(seconds(int(sys.argv[1]), Path(scratch))))
