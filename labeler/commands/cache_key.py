"""Print the key and path of a model's entry in GitHub's cache, as outputs of a workflow step."""

from __future__ import annotations

import argparse

from labeler.config import Machine, cache_plan

EXAMPLES = "example:\n  python -m labeler cache-key --model owner/name@<commit> --system Linux"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, help="as for labelling, pinned by commit or release")
    parser.add_argument("--system", required=True, help="the runner's RUNNER_OS")


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    key, path = cache_plan(arguments.model, arguments.system)
    print(f"key={key}\npath={path}")
    return 0
