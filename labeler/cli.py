"""The command line: `python -m labeler [command] …`. Without a command it labels."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labeler.config import environment, read_machine
from labeler.console.command_line import EXIT_CODES, Parser, guarded, refuse_command, what_is_missing_named

COMMANDS = {
    "label": "label issues and print the labels (the default command)",
    "apply": "label one issue on GitHub",
    "info": "show a model's card",
    "doctor": "check token, repository, labels, cache and model, and say what to mend",
    "labels": "create in a repository the labels of a list that it lacks (labels sync)",
    "fetch": "download a model into the cache",
    "action": "the GitHub Action's last step; reads its inputs from the environment",
    "cache-key": "print the key and path of a model's entry in GitHub's cache",
}
EXAMPLES = (
    """examples:
  python -m labeler --title "Crash when saving" --body "TypeError: x is undefined"
  python -m labeler --file issues.jsonl --json
  python -m labeler octocat/hello-world#42 --explain-probabilities
  python -m labeler COMMAND --help

read on in the repository: docs/laptop.md; for the action docs/maintainers.md

"""
    + EXIT_CODES
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. Expected failures print what happened and what to do."""
    given = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: _run(given))


def _run(given: list[str]) -> int:
    program = "issue-labeler" if Path(sys.argv[0]).stem == "issue-labeler" else "python -m labeler"
    if given and given[0].isidentifier() and given[0] not in COMMANDS:  # an issue is "-", or has a # or a /
        refuse_command(program, given[0], COMMANDS)
    name = given[0] if given and given[0] in COMMANDS else "label"
    module = command_module(name)
    is_default = not (given and given[0] == name)
    parser = Parser(
        prog=program + ("" if is_default else f" {name}"),
        allow_abbrev=False,
        description=_overview() if is_default else module.__doc__,
        epilog=EXAMPLES if is_default else getattr(module, "EXAMPLES", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if is_default:
        parser.add_version()
    module.add_arguments(parser)
    arguments = parser.take(given if is_default else given[1:])
    with what_is_missing_named("labeler", name, "pip install -e ."):
        code: int = module.run(arguments, read_machine(environment()))
    return code


def command_module(name: str) -> Any:
    """The module of a command; it has `add_arguments(parser)` and `run(arguments, machine)`."""
    return importlib.import_module(f"labeler.commands.{name.replace('-', '_')}")


def _overview() -> str:
    lines = [f"  {name:<10} {text}" for name, text in COMMANDS.items()]
    return "Labels GitHub issues with a small language model on this CPU.\n\ncommands:\n" + "\n".join(lines)
