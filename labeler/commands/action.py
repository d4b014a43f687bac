"""The GitHub Action's last step: reads its inputs from the environment and labels the event's issue."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from labeler.config import Machine, Settings, environment
from labeler.fetch.models import ModelChoice
from labeler.model.predict import Labeler


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything comes from the environment, since text of inputs must not pass through a shell."""


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    from labeler.github.applying import run_action

    return run_action(environment(), load_labeler=load, out=sys.stdout)


def load(settings: Settings) -> Labeler:
    machine = replace(settings.machine, github_token=settings.machine.github_token or settings.token)
    return ModelChoice(settings.model, settings.labels).load(machine)
