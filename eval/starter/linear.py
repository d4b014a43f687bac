"""The linear model of the scoreboard, and chance.

TF-IDF + logistic regression is trained on what the public folder offers for the set: for sets that the large model or
their writers labelled completely, on the rows that the large model labelled; for the others on the sources' own labels.
No row is trained on that has the title of a held-out issue or is nearly one. Of label lists that nobody saw it can say
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from eval.data.overlap import apart
from eval.data.rows import Labelled, truth_and_known
from eval.starter.files import FIVE, ISSUES, LARGE, LARGE_MORE
from eval.starter.sets import HeldOut
from eval.starter.source import TEN, Folder
from eval.systems.system import Output, Task
from eval.systems.text import FittedLinear, Linear
from labeler.base.code_hash import code_hash
from labeler.base.examples import Examples
from labeler.base.store import Store
from labeler.labels.label_set import Label, LabelSet

VALIDATION = 1000  # rows kept from training, to choose the strength of regularisation and the thresholds on
# Of these sources no more rows, or they outweigh all others.
MOST = {"g4be_nlbse23_feature_question": 12_000, "ohira_apache_jira": 3_000}
LINEAR, CHANCE = "TF-IDF + logistic regression", "chance (each label by its frequency)"


class LinearModel:
    """Fitted when it is first needed; what it said of a set is kept in the folder `kept`."""

    name = LINEAR

    def __init__(self, data: Folder, kept: Path) -> None:
        self._data, self._store = data, Store(kept / "linear")

    def facts(self) -> dict[str, Any]:
        return {"name": self.name}

    def answer(self, held: HeldOut) -> Output | None:
        """Labels and probabilities as `held.truth`; None where a list has a label that is none of the ten."""
        if not all(set(labels.names) <= set(TEN) for labels in held.lists):
            return None
        texts = [f"{issue.title}\0{issue.body}" for issue in held.issues]
        files = self._data.sha256(*((LARGE, LARGE_MORE) if held.complete else ()), ISSUES, FIVE)
        code = code_hash("labeler", "synthetic", "eval")
        key = [files, code, held.complete, [labels.names for labels in held.lists], texts]
        kept = self._store.get(key)
        if kept is None:
            fitted = self._complete if held.complete else self._public
            said = fitted(held.issues)
            columns = np.array([[TEN.index(name) for name in labels.names] for labels in held.lists])[held.place]
            picked = (np.take_along_axis(cells, columns, 1) for cells in (said.predicted, said.probabilities))
            kept = dict(zip(("predicted", "probabilities"), picked, strict=True))
            self._store.put(key, kept)
        return Output(kept["predicted"], kept["probabilities"])

    @cached_property
    def _held_out(self) -> list[Labelled]:
        large = self._data.large(LARGE)
        return [*self._data.labelled("dev"), *self._data.five(), *(large[place] for place in self._data.kept_out())]

    @cached_property
    def _public(self) -> FittedLinear:
        return self._fit(self._data.labelled("train"))

    @cached_property
    def _complete(self) -> FittedLinear:
        return self._fit([*self._data.large(LARGE).values(), *self._data.large(LARGE_MORE).values()])

    def _fit(self, rows: Sequence[Labelled]) -> FittedLinear:
        rows = training_rows(rows, self._held_out)
        few = min(VALIDATION, len(rows) // 10)
        chosen, learned = rows[:few], rows[few:]
        labels = LabelSet(tuple(map(Label, TEN)))
        return Linear().fit(Task(_examples(learned), _examples(chosen), labels))


def training_rows(rows: Sequence[Labelled], held_out: Sequence[Labelled], seed: int = 0) -> list[Labelled]:
    """Rows to train on, shuffled: none like a held-out issue, of no source more than `MOST`."""
    titles = {_title(row) for row in held_out}
    fresh = [row for row in rows if _title(row) not in titles]
    order = np.random.default_rng(seed).permutation(len(fresh))
    taken: dict[str, int] = {}
    kept = []
    for place in order:
        row = fresh[place]
        taken[row.source] = taken.get(row.source, 0) + 1
        if taken[row.source] <= MOST.get(row.source, len(fresh)):
            kept.append(row)
    return [kept[place] for place in apart(kept, held_out)]


class Chance:
    """Sets each label as often as it is true in the set, blindly: what any figure is to be compared with."""

    name = CHANCE

    def facts(self) -> dict[str, Any]:
        return {"name": self.name}

    def answer(self, held: HeldOut) -> Output:
        share = np.zeros(held.truth.shape)
        for place in range(len(held.lists)):
            rows = held.place == place
            cells = held.known[rows].sum(0)
            share[rows] = np.divide(
                (held.truth & held.known)[rows].sum(0), cells, where=cells > 0, out=np.zeros(len(cells))
            )
        drawn = np.random.default_rng(0).random(held.truth.shape)
        return Output(drawn < share, drawn)


def _title(row: Labelled) -> str:
    return row.issue.title.strip().lower()


def _examples(rows: Sequence[Labelled]) -> Examples:
    ids = tuple(map(str, range(len(rows))))
    return Examples(ids, tuple(row.issue for row in rows), *truth_and_known(rows, TEN))
