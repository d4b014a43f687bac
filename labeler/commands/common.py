"""Options that several commands share, and what they become: a policy, the choice of a model, a connection."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.config import Machine
from labeler.console.argument_types import languages
from labeler.decision.policy import Policy
from labeler.errors import UsageError
from labeler.fetch.models import ModelChoice
from labeler.labels.strangers import said_of
from labeler.model.predict import Labeler

if TYPE_CHECKING:
    from labeler.github.graphql import GraphQL

PATIENCE_SECONDS = 15.0
MOST_THREADS = 256


def add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default="starter",
        metavar="MODEL",
        help="starter (default), a folder, owner/name@commit on the Hugging Face Hub, "
        "or github:owner/repo@tag/asset.tar.gz",
    )
    group.add_argument(
        "--labels", type=Path, metavar="FILE", help="a labels.yml to choose from; default: the model's own"
    )
    group.add_argument("--threads", type=_positive, default=0, metavar="N", help="threads; default: every core")
    group.add_argument("--offline", action="store_true", help="make no request for the model")


def add_policy_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("decision")
    group.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="[LABEL=]P",
        help="probability from which a label is set, for all or for one label; repeatable",
    )
    group.add_argument("--max-labels", type=_positive, metavar="N", help="at most so many labels an issue")
    group.add_argument("--fallback-label", default="", metavar="NAME", help="the label where no other passes")
    group.add_argument(
        "--needs-info-label", default="", metavar="NAME", help="the label where the issue says too little for any"
    )
    group.add_argument("--no-abstain", action="store_true", help="label spam, thanks and empty issues like any other")
    group.add_argument("--skip-languages", type=languages, default=(), metavar="de,ja", help="leave such issues alone")


def policy_from(arguments: argparse.Namespace) -> Policy:
    overall, single = None, {}
    for text in arguments.threshold:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise UsageError(f"--threshold {text}: not a number from 0 to 1", "Write 0.4, or security=0.9.")
        if name:
            single[name] = value
        else:
            overall = value
    return Policy(
        threshold=overall,
        thresholds=single,
        max_labels=arguments.max_labels,
        fallback=arguments.fallback_label,
        needs_info=arguments.needs_info_label,
        abstain=not arguments.no_abstain,
        skip_languages=arguments.skip_languages,
    )


def check_thresholds(policy: Policy, labeler: Labeler) -> None:
    """Refuses a threshold for a label that is not in the list: it would never be used."""
    if unknown := labeler.labels.unknown(policy.thresholds):
        raise UsageError(
            f"--threshold: no label {', '.join(unknown)}", f"The labels are: {', '.join(labeler.labels.names)}."
        )


def choice_from(arguments: argparse.Namespace) -> ModelChoice:
    """The model that the options name, not yet fetched or loaded."""
    return ModelChoice(arguments.model, arguments.labels, arguments.threads, arguments.offline)


def tell_strangers(labeler: Labeler) -> None:
    """Says on stderr which labels the model was not tuned on."""
    if said := said_of(labeler.strangers):
        print(said, file=sys.stderr)


def connect(machine: Machine) -> GraphQL:
    """GitHub for somebody who waits at a terminal: it gives up soon, and says what it waits for."""
    from labeler.github.graphql import GraphQL

    def tell(text: str) -> None:
        print(text, file=sys.stderr)

    return GraphQL(machine.github_token, machine.github_api_url, budget_seconds=PATIENCE_SECONDS, on_wait=tell)


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_THREADS:
        raise ValueError
    return number


_positive.__name__ = f"number from 1 to {MOST_THREADS}"  # argparse names it in its error
