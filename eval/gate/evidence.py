"""What the gate judges: both models and the linear baseline on the test issues, free answers, and times."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from eval.benchmarks.comparison import Entrant, compare
from eval.gate.gating import Cost, Evidence
from eval.gate.rules import Rules
from eval.injection.attack_run import own_thresholds, spread
from eval.speed.cold import cold_file
from eval.systems.catalogue import baselines
from eval.systems.generation import free_answers
from labeler.base.examples import Splits
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.console.progress import counted
from labeler.model.bundle import read_manifest, verify
from labeler.model.predict import Labeler
from labeler.text.issue import Issue

Array = np.ndarray
TIMED = 20  # issues whose time is taken


def gather(
    candidate: Reader,
    champion: Reader | None,
    splits: Splits,
    rules: Rules,
    store: Store,
    say: Callable[[str], None] = lambda step: None,
) -> Evidence:
    """All of it. Only the readings and the baseline come from `store`; times and answers are taken anew.

    Args:
        say: called with the name of each step before it.

    Raises:
        BundleError: a model is missing or damaged.
    """
    readers = [candidate] if champion is None else [candidate, champion]
    for reader in readers:
        verify(reader.folder)
    test = splits.test
    predicted = []
    for reader in readers:
        say(f"{reader.folder}: reading {len(test):,} issues")
        predicted.append(reader.read(test.issues).probabilities >= own_thresholds(reader))
    say(f"fitting the linear baseline on {len(splits.train):,} issues")
    linear = compare(splits, [Entrant(baselines()["linear"])], store, cold_runs=0).result("linear").predicted
    some = spread(test.issues, rules.answers_issues)
    say(f"{candidate.folder}: writing {len(some):,} answers without the grammar")
    with counted(len(some), "answering freely") as done:
        answers = free_answers(candidate, some, done=done)
    say("taking times")
    costs = measure_costs([reader.folder for reader in readers], spread(test.issues, TIMED))
    return Evidence(
        names=splits.labels.names,
        truth=test.truth,
        known=test.known,
        candidate=predicted[0],
        linear=linear,
        champion=predicted[1] if champion else None,
        asked=candidate.labeler.task.grammar.names,
        answers=tuple(answers),
        cost=costs[0],
        champion_cost=costs[1] if champion else None,
    )


def measure_costs(folders: Sequence[Path], issues: Sequence[Issue]) -> list[Cost]:
    """What each bundle costs, with its own labels and on all cores, as the action runs it."""
    labelers = [Labeler(folder) for folder in folders]
    for labeler in labelers:
        labeler.predict(issues[0])  # the first call also warms up
    # In turns, so that a busy moment of the machine meets all models alike.
    seconds = [[labeler.predict(issue).seconds for labeler in labelers] for issue in issues]
    costs = []
    for folder, times in zip(folders, zip(*seconds, strict=True), strict=True):
        size = sum(facts["size"] for facts in read_manifest(folder).files.values())
        costs.append(Cost(statistics.median(times), cold_file(folder, issues[0]).seconds, size / 1e6, len(issues)))
    return costs
