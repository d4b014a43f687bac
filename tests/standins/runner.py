"""A runner for composite actions: reads action.yml and runs its `run:` steps in bash with the real environment files.

What is real: the steps, their order, `if:`, `continue-on-error`, env, working directory and shell flags; the files
behind GITHUB_OUTPUT, GITHUB_ENV, GITHUB_PATH and GITHUB_STEP_SUMMARY; the reading of workflow commands from the log.
What is not: `uses:` steps. setup-uv puts a `uv` on the path that is a shim: it needs no network, it checks that the
lock file is there, writes down its arguments, and makes a "virtual environment" whose python is the one of the tests.
actions/cache restores what it saved under the same key, or under one that begins as told, in the folder `caches`; with
`cache_hit` a restore claims to have found its key.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.standins.expressions import condition, evaluate, interpolate

BASH = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]  # what `shell: bash` means
# What the runner takes from a log; all but annotations change what later steps do.
ANNOTATIONS = frozenset(["notice", "warning", "error", "group", "endgroup", "debug"])
COMMANDS = ANNOTATIONS.union(
    ["add-mask", "set-output", "set-env", "add-path", "save-state", "stop-commands", "echo", "add-matcher"]
)


@dataclass
class Step:
    """`outcome` is before continue-on-error, `conclusion` after it: success, failure or skipped."""

    name: str
    outcome: str = "skipped"
    conclusion: str = "skipped"
    outputs: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    new_env: str = ""
    new_path: str = ""
    seconds: float = 0.0

    @property
    def commands(self) -> list[tuple[str, str, str]]:
        """(command, properties, message) of every line that the runner obeys."""
        return [found for line in self.log.split("\n") if (found := command(line))]


@dataclass
class Run:
    steps: dict[str, Step]
    outputs: dict[str, str]

    @property
    def green(self) -> bool:
        return all(step.conclusion != "failure" for step in self.steps.values())

    @property
    def log(self) -> str:
        return "\n".join(step.log for step in self.steps.values())

    @property
    def commands(self) -> list[tuple[str, str, str]]:
        return [one for step in self.steps.values() for one in step.commands]


def command(line: str) -> tuple[str, str, str] | None:
    """As the runner's ActionCommand reads a line: `::name properties::message`, or anywhere `##[name properties]…`."""
    trimmed = line.lstrip()
    found = re.match(r"::([^: ]*)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)", trimmed, re.DOTALL)
    if not (found and found[1] in COMMANDS):
        found = re.search(r"##\[([^\] ]+)(?: ([^\]]*))?\](.*)", line)
    if not (found and found[1] in COMMANDS):
        return None
    message = found[3].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    return found[1], found[2] or "", message


def key_values(text: str) -> dict[str, str]:
    """The content of GITHUB_OUTPUT, as the runner reads it. An AssertionError is what would fail the step."""
    values, lines = {}, iter(text.removesuffix("\n").split("\n") if text else [])
    for line in lines:
        if not line:
            continue
        name, equals, value = line.partition("=")
        head, heredoc, delimiter = line.partition("<<")
        if heredoc and (not equals or len(head) < len(name)):
            name, kept = head, []
            for inner in lines:
                if inner == delimiter:
                    break
                kept.append(inner)
            else:
                raise AssertionError(f"no end of {name}: {delimiter}")
            value = "\n".join(kept)
        assert equals or heredoc, f"not an output: {line!r}"
        assert name, f"an output without a name: {line!r}"
        values[name] = value
    return values


@dataclass
class Runner:
    """`folder` is a scratch folder; `action` the folder of action.yml. `broken` names what
    fails: parts of `uses:`, or "install" for the installation of the packages.
    """

    action: Path
    folder: Path
    github: Mapping[str, str]
    cache_hit: bool = False
    broken: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)

    def run(self, inputs: Mapping[str, str], event_name: str, payload: Mapping[str, Any], only: str = "") -> Run:
        """Runs all steps; with `only`, just the step of that id, as if those before it had been run already."""
        document = yaml.safe_load((self.action / "action.yml").read_text(encoding="utf-8"))
        self._prepare(payload)
        contexts: dict[str, Any] = {
            "github": {**self.github, "action_path": str(self.action), "event_name": event_name},
            "runner": {"os": "Linux", "temp": str(self.temp)},
            "steps": {},
            "inputs": {},
        }
        unknown = set(inputs) - set(document["inputs"])
        assert not unknown, f"inputs that action.yml does not have: {unknown}"
        for name, facts in document["inputs"].items():
            contexts["inputs"][name] = inputs.get(name, interpolate(str(facts.get("default", "")), contexts))
        if only:
            contexts["steps"]["install"] = {"outcome": "success", "outputs": {"python": sys.executable}}
        steps: dict[str, Step] = {}
        for described in document["runs"]["steps"]:
            if only in ("", described.get("id")):
                key = described.get("id") or described["name"]
                failed = any(step.conclusion == "failure" for step in steps.values())
                steps[key] = self._step(described, contexts, event_name, failed)
                contexts["steps"][key] = {"outputs": steps[key].outputs, "outcome": steps[key].outcome}
        wanted = document["outputs"].items()
        return Run(steps, {name: interpolate(facts["value"], contexts) for name, facts in wanted})

    @property
    def temp(self) -> Path:
        return self.folder / "temp with space"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def uv_calls(self) -> list[dict[str, Any]]:
        record = self.folder / "uv-calls"
        return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []

    def _prepare(self, payload: Mapping[str, Any]) -> None:
        for path in (self.temp, self.workspace, self.folder / "home", self.folder / "bin"):
            path.mkdir(exist_ok=True, parents=True)
        # Lone surrogates travel as escapes, as they do in GitHub's own JSON.
        (self.folder / "event.json").write_text(json.dumps(payload), encoding="utf-8")

    def _step(self, described: dict[str, Any], contexts: dict[str, Any], event: str, failed: bool) -> Step:
        step = Step(described["name"])
        if not condition(described.get("if"), contexts, failed=failed):
            return step
        step.env = {k: interpolate(str(v), contexts) for k, v in described.get("env", {}).items()}
        step.given = {k: interpolate(str(v), contexts) for k, v in described.get("with", {}).items()}
        started = time.perf_counter()
        if "uses" in described:
            fine = self._use(described["uses"], step)
        else:
            assert "${{" not in described["run"], "text from outside in a shell script"
            where = interpolate(described.get("working-directory", str(self.workspace)), contexts)
            fine = self._bash(described["run"], where, event, step)
        step.seconds = time.perf_counter() - started
        step.outcome = step.conclusion = "success" if fine else "failure"
        forgiven = described.get("continue-on-error", False)
        if isinstance(forgiven, str):
            forgiven = evaluate(forgiven.strip()[3:-2], contexts)
        if forgiven:
            step.conclusion = "success"
        return step

    def _bash(self, script: str, where: str, event: str, step: Step) -> bool:
        files = {name: self.folder / name.lower() for name in ("output", "env", "path", "step_summary")}
        for file in files.values():
            file.write_text("")
        (self.folder / "step.sh").write_text(script)
        env = {
            "PATH": os.pathsep.join([*self.path, "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": str(self.folder / "home"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_REPOSITORY": self.github["repository"],
            "GITHUB_API_URL": self.github["api_url"],
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.temp),
            **{f"GITHUB_{name.upper()}": str(file) for name, file in files.items()},
            **self.environ,
            **step.env,
        }
        done = subprocess.run(
            [*BASH, str(self.folder / "step.sh")], cwd=where, env=env, stdin=subprocess.DEVNULL, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        step.log = done.stdout.decode("utf-8")
        step.outputs = key_values(files["output"].read_text(encoding="utf-8"))
        step.summary = files["step_summary"].read_text(encoding="utf-8")
        step.new_env, step.new_path = files["env"].read_text(), files["path"].read_text()
        return done.returncode == 0

    def _use(self, reference: str, step: Step) -> bool:
        name, _, commit = reference.partition("@")
        assert re.fullmatch("[0-9a-f]{40}", commit), f"{reference} is not pinned to a commit"
        if any(part in name for part in self.broken):
            step.log = f"{name} failed"
            return False
        if name == "astral-sh/setup-uv":
            self.path.insert(0, str(self._shim()))
        elif name == "actions/cache/restore":
            step.outputs = {"cache-hit": "true" if self._restore(step.given) or self.cache_hit else ""}
        else:
            assert name == "actions/cache/save", f"no stand-in for {name}"
            shutil.copytree(self._cached(step.given), self.caches / step.given["key"])  # an entry is never replaced
        return True

    def _restore(self, given: Mapping[str, str]) -> bool:
        """Whether there was an entry of the very key; of those that begin as told, the last saved is restored."""
        entries = sorted(self.caches.glob("*"), key=lambda entry: entry.stat().st_mtime)
        found = [entry for entry in entries if entry.name == given["key"]]
        like = [entry for entry in entries if (begin := given["restore-keys"]) and entry.name.startswith(begin)]
        if entry := (found or like)[-1:]:
            shutil.copytree(entry[0], self._cached(given), dirs_exist_ok=True)
        return bool(found)

    @property
    def caches(self) -> Path:
        return self.folder / "caches"

    def _cached(self, given: Mapping[str, str]) -> Path:
        return self.folder / "home" / Path(given["path"]).relative_to("~")

    def _shim(self) -> Path:
        shim = self.folder / "bin" / "uv"
        shim.write_text(
            textwrap.dedent(f"""\
            #!{sys.executable}
            import json, os, pathlib, sys
            arguments = sys.argv[1:]
            with open({str(self.folder / "uv-calls")!r}, "a") as record:
                print(json.dumps({{"arguments": arguments, "cwd": os.getcwd()}}), file=record)
            if arguments[0] == "venv":
                python = pathlib.Path(arguments[-1]) / "bin" / "python"
                python.parent.mkdir(parents=True)
                python.write_text('#!/bin/sh\\nexec {sys.executable} "$@"\\n')
                python.chmod(0o755)
            elif arguments[:2] == ["pip", "install"]:
                if {"install" in self.broken!r}:
                    sys.exit("error: no route to the package index")
                lock = pathlib.Path(arguments[arguments.index("-r") + 1]).read_text()
                wanted = [line for line in lock.splitlines() if "==" in line and not line.startswith("#")]
                if not wanted or lock.count("--hash=sha256:") < len(wanted):
                    sys.exit("error: In `--require-hashes` mode, all requirements must have a hash")
            """)
        )
        shim.chmod(0o755)
        return shim.parent
