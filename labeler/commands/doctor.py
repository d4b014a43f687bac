"""Check token, repository, labels, cache and model, and say what to mend."""

from __future__ import annotations

import argparse

from labeler.commands.common import add_model_options, choice_from, connect
from labeler.config import Machine
from labeler.errors import UsageError
from labeler.github.diagnosis import Finding, diagnose

EXAMPLES = """examples:
  python -m labeler doctor
  GITHUB_TOKEN=… python -m labeler doctor --repository octocat/hello-world --model owner/name@<commit>"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repository", metavar="OWNER/NAME", help="the repository whose issues are to be labelled")
    add_model_options(parser)


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    if arguments.repository and arguments.repository.count("/") != 1:
        raise UsageError(f"--repository {arguments.repository}: not a repository", "Write owner/name.")
    findings = []
    for finding in diagnose(choice_from(arguments), machine, arguments.repository or "", connect):
        findings.append(finding)
        _show(finding)
    faults = sum(finding.is_fault for finding in findings)
    remarks = any(finding.remedy for finding in findings)
    print(f"{faults} to mend." if faults else "Works; see the remarks marked with !" if remarks else "Nothing to mend.")
    return 1 if faults else 0


def _show(finding: Finding) -> None:
    from rich.text import Text

    from labeler.console.terminal import console

    mark, style = ("✗", "red") if finding.is_fault else ("!", "yellow") if finding.remedy else ("✓", "green")
    line = Text.assemble((mark, style), " ", (f"{finding.what:<11}", "dim"), finding.found)
    if finding.remedy:
        line.append("\n" + " " * 14 + finding.remedy.replace("\n", "\n" + " " * 14), style)
    console().print(line, soft_wrap=True)
