"""`python -m eval nlbse24`: the NLBSE'24 issue classification benchmark."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from eval.commands.compare import add_model_arguments, say
from eval.commands.curve import add_tune_arguments, tuned_systems
from labeler.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from eval.benchmarks.nlbse24_protocol import Score

HELP = "the NLBSE'24 issue classification benchmark by its published protocol, beside the published figures"
EXAMPLES = """examples:
  python -m eval nlbse24 --train issues_train.csv --test issues_test.csv --model labeler/starter
  python -m eval nlbse24 --train issues_train.csv --folds 5 --model labeler/starter --baselines linear,neighbours
  python -m eval nlbse24 --train issues_train.csv --folds 3 --model labeler/starter --tune runs/base --own-only

--tune needs the training environment, and one run of `python -m training run` for each repository and fold."""
MEAN, FOR_ALL = "mean [95 %]", "one for all"
WIDE = 110  # columns of a terminal that holds repositories and means beside each other


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
    chosen = entrants(arguments.baselines, models, base) + [Entrant(system) for system in tuned_systems(arguments)]
    scores = run_trials(rows, trials, labels, chosen, store, say, together=not arguments.own_only)
    if arguments.json:
        published = {"figures": PUBLISHED, "comparable": not note, "note": note}
        print(json.dumps({"systems": [asdict(score) for score in scores], "published": published}, indent=1))
    else:
        _print(scores, note)
    return 0


def _print(scores: Sequence[Score], note: str) -> None:
    from rich.text import Text

    from eval.benchmarks.nlbse24_protocol import PUBLISHED
    from labeler.console.terminal import console

    repos = list(scores[0].repos)
    cells = {}
    for score in sorted(scores, key=lambda score: -score.mean.value):
        cells[score.name] = {repo: f"{figure:.3f}" for repo, figure in score.repos.items()}
        cells[score.name][MEAN] = score.mean.cell
        if score.one_for_all is not None:
            cells[score.name][FOR_ALL] = f"{score.one_for_all:.3f}"
    for name, figure in PUBLISHED.items():
        cells[f"{name}, published"] = {MEAN: f"{figure:.3f}"}
    output = console()
    title = f"NLBSE'24, macro-F1 of bug, feature, question: n = {scores[0].mean.n:,} test issues"
    output.print(Text(title), soft_wrap=True)
    means = [MEAN] if scores[0].one_for_all is None else [MEAN, FOR_ALL]
    columns = [*repos, *means]
    for part in [columns] if output.width >= WIDE else [means, repos]:
        output.print(_table(cells, part))
    if note:
        output.print(Text(f"Not comparable with the published figures: {note}.", "bold"), soft_wrap=True)
    explained = {MEAN: "one model for each repository", FOR_ALL: "one model trained on all of them"}
    output.print(Text("; ".join(f"{name}: {explained[name]}" for name in means), "dim"))


def _table(cells: Mapping[str, Mapping[str, str]], columns: Sequence[str]) -> Table:
    from labeler.console.tables import right, table

    named = right(*(column.rpartition("/")[2] for column in columns))
    rows = (
        (name, *(row.get(column, "") for column in columns))
        for name, row in cells.items()
        if any(column in row for column in columns)
    )
    return table(("", *named), rows)
