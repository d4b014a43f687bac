"""`python -m eval nlbse24`: the NLBSE'24 issue classification benchmark."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from eval.commands.common import add_model_arguments, add_tune_arguments, say, tuned_from
from labeler.errors import UsageError

HELP = "the NLBSE'24 issue classification benchmark by its published protocol, beside the published figures"
EXAMPLES = """examples:
  python -m eval nlbse24 --train issues_train.csv --test issues_test.csv --model labeler/starter
  python -m eval nlbse24 --train issues_train.csv --folds 5 --model labeler/starter --baselines linear,neighbours
  python -m eval nlbse24 --train issues_train.csv --folds 3 --model labeler/starter --tune runs/base --own-only

--tune needs the training environment, and one run of `python -m training run` for each repository and fold."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--train", type=Path, required=True, help="CSV with repo, label, title and body, or .jsonl, .jsonl.gz"
    )
    parser.add_argument("--test", type=Path, help="the same, to test on")
    parser.add_argument("--folds", type=int, metavar="K", help="instead of --test: cross-validate inside --train")
    parser.add_argument("--own-only", action="store_true", help="leave out the one model trained on all repositories")
    add_model_arguments(parser)
    add_tune_arguments(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")


def run(arguments: argparse.Namespace) -> int:
    import numpy as np

    from eval.benchmarks.comparison import Entrant, entrants
    from eval.benchmarks.nlbse24_protocol import (
        LABELS,
        PUBLISHED,
        Trial,
        folds,
        is_competition_test,
        read_rows,
        run_trials,
    )
    from eval.benchmarks.nlbse24_tables import show_scores
    from eval.systems.bundles import open_reader, open_readers
    from labeler.base.store import default_store
    from labeler.labels.label_set import read_labels

    if (arguments.test is None) == (arguments.folds is None):
        raise UsageError("neither or both of --test and --folds", "Give a test file, or a number of folds.")
    if arguments.folds is not None and arguments.folds < 2:
        raise UsageError(f"--folds {arguments.folds}: too few", "Give at least 2.")
    labels, store = read_labels(LABELS), default_store()
    rows = read_rows(arguments.train, labels)
    if arguments.folds is not None and arguments.folds > len(rows):
        raise UsageError(f"--folds {arguments.folds}: there are {len(rows)} issues", "Give fewer, for instance 5.")
    if arguments.test:
        tested = read_rows(arguments.test, labels)
        trials = [Trial(np.arange(len(rows)), np.arange(len(rows), len(rows) + len(tested)))]
        note = "" if is_competition_test(tested) else "not the competition's test set: 300 issues of each of five"
        rows += tested
    else:
        trials = folds(rows, arguments.folds)
        note = f"cross-validated inside {arguments.train.name}, {arguments.folds} folds"
    models = open_readers(arguments.model, labels, store)
    base = open_reader(arguments.base, labels, store) if arguments.base else None
    chosen = entrants(arguments.baselines, models, base) + [Entrant(system) for system in tuned_from(arguments)]
    scores = run_trials(rows, trials, labels, chosen, store, say, together=not arguments.own_only)
    if arguments.json:
        published = {"figures": PUBLISHED, "comparable": not note, "note": note}
        print(json.dumps({"systems": [asdict(score) for score in scores], "published": published}, indent=1))
    else:
        show_scores(scores, note)
    return 0
