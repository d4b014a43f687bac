"""Create the labels of a list in a repository. Nothing is ever deleted."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from labeler.commands.common import PATIENCE_SECONDS
from labeler.config import Machine
from labeler.errors import UsageError
from labeler.fetch.models import resolve_model
from labeler.labels.label_set import read_labels
from labeler.model.bundle import read_manifest

EXAMPLES = """examples:
  python -m labeler labels sync octocat/hello-world --dry-run
  GITHUB_TOKEN=… python -m labeler labels sync octocat/hello-world --labels .github/labels.yml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["sync"], help="sync: create what the repository lacks")
    parser.add_argument("repository", metavar="OWNER/NAME")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="a labels.yml; default: the model's own list")
    parser.add_argument("--model", default="starter", metavar="MODEL", help="whose list it is; default: starter")
    parser.add_argument("--offline", action="store_true", help="make no request for the model")
    parser.add_argument(
        "--rename",
        action="store_true",
        help="rename a label that is there under an alias to the list's name; default: it stays as it is, and counts",
    )
    parser.add_argument("--dry-run", action="store_true", help="write nothing; say what would be done")


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    from labeler.console.progress import counted
    from labeler.console.tables import table
    from labeler.console.terminal import console
    from labeler.github.label_sync import LabelsApi, carry_out, plan

    repository = arguments.repository
    if not re.fullmatch(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.-]+", repository):
        raise UsageError(f"{repository}: not a repository", "Write owner/name.")
    if not machine.github_token and not arguments.dry_run:
        raise UsageError("No token.", "Set GITHUB_TOKEN to one that may write issues, or add --dry-run.")
    if arguments.labels:
        labels = read_labels(arguments.labels)
    else:
        labels = read_manifest(resolve_model(arguments.model, machine, offline=arguments.offline)).labels
    github = LabelsApi(
        machine.github_token,
        machine.github_api_url,
        budget_seconds=PATIENCE_SECONDS,
        on_wait=lambda text: print(text, file=sys.stderr),
    )
    steps = plan(labels, [label.name for label in github.labels(repository)], rename=arguments.rename)
    if not arguments.dry_run:
        with counted(len(steps), "labels") as done:
            carry_out(github, repository, steps, done)
    would = "would be " if arguments.dry_run else ""
    said = {"create": f"{would}created", "rename": f"{would}renamed", "keep": "there"}
    rows = [(step.label.name, said[step.what], "" if step.there == step.label.name else step.there) for step in steps]
    console().print(table(("label", "", "in the repository as"), rows))
    counts = {what: sum(step.what == what for step in steps) for what in said}
    print(
        f"{counts['create']} {said['create']}, {counts['rename']} {said['rename']}, {counts['keep']} there; "
        "none is ever deleted."
    )
    return 0
