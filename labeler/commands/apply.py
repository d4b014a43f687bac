"""Label one issue on GitHub: adds labels, never takes away what a person decided."""

from __future__ import annotations

import argparse

from labeler.commands.common import (
    add_model_options,
    add_policy_options,
    check_thresholds,
    choice_from,
    connect,
    policy_from,
)
from labeler.config import Machine
from labeler.errors import UsageError
from labeler.github.target import parse_target

EXAMPLES = """examples:
  GITHUB_TOKEN=… python -m labeler apply octocat/hello-world#42 --dry-run
  GITHUB_TOKEN=… python -m labeler apply https://github.com/octocat/hello-world/issues/42 --max-labels 2"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("issue", help="owner/repo#123 or an issue's address")
    parser.add_argument("--dry-run", action="store_true", help="write nothing to GitHub; say what would be done")
    add_model_options(parser)
    add_policy_options(parser)


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    from labeler.github.applying import apply_issue

    repository, number = parse_target(arguments.issue)
    if not machine.github_token and not arguments.dry_run:
        raise UsageError("No token.", "Set GITHUB_TOKEN to one that may write issues, or add --dry-run.")
    policy, labeler = policy_from(arguments), choice_from(arguments).load(machine)
    check_thresholds(policy, labeler)
    outcome = apply_issue(
        connect(machine),
        labeler,
        repository,
        number,
        policy,
        dry_run=arguments.dry_run,
    )
    if outcome.decision is None:
        print(f"{repository}#{number} was left alone: {outcome.skipped}")
        return 0
    from labeler.console.terminal import print_decision

    print_decision(outcome)
    return 0
