"""The GitHub Action's last step: reads its inputs from the environment and labels the event's issue."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from labeler.config import Machine, Settings, environment
from labeler.fetch.models import resolve_model
from labeler.labels.label_set import read_labels
from labeler.model.predict import Labeler


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything comes from the environment, since text of inputs must not pass through a shell."""


def run(arguments: argparse.Namespace, machine: Machine) -> int:
    from labeler.github.applying import run_action

    return run_action(environment(), load_labeler=load, out=sys.stdout)


def load(settings: Settings) -> Labeler:
    labels = read_labels(settings.labels) if settings.labels else None
    machine = replace(settings.machine, github_token=settings.machine.github_token or settings.token)
    folder = resolve_model(settings.model, machine)
    return Labeler(folder, labels, cache=machine.cache)
