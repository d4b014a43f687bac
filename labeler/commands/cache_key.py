"""Print the key and path of an entry in GitHub's cache, as outputs of a workflow step."""

from __future__ import annotations

import argparse

from labeler.config import Machine, environment, in_workspace

EXAMPLES = "example:\n  python -m labeler cache-key --model owner/name@<commit> --labels labels.yml --system Linux"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", required=True, help="as for labelling; pinned by commit or release, starter or a folder"
    )
    parser.add_argument("--labels", default="", metavar="FILE", help="the labels.yml whose prefix is kept too")
    parser.add_argument("--system", required=True, help="the runner's RUNNER_OS")


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    from labeler.github.cache_entry import cache_entry

    model, labels = in_workspace(environment(), arguments.model, arguments.labels)
    entry = cache_entry(model, arguments.system, labels)
    print(f"key={entry.key}\npath={entry.path}\nfallback={entry.fallback}")
    return 0
