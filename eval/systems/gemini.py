"""A large language model of Google's as a system: asked as when it labels datasets, it learns nothing from ours.

Each answer is kept, so that none is paid for twice; a cold start is a request from a process of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.systems.system import Needs, Output, Task
from labeler.base.store import Store
from labeler.config import environment
from labeler.console.progress import counted
from labeler.errors import LabelerError
from labeler.labels.label_set import LabelSet
from labeler.text.issue import Issue

if TYPE_CHECKING:
    from synthetic.llm.cost import Price

AT_ONCE = 8  # requests


@dataclass(frozen=True)
class GeminiModel:
    """One model by its name at Google. `price` is only counted with, and no part of the result."""

    model: str
    price: Price = field(repr=False)
    store: Store = field(repr=False)
    needs: Needs = ""

    @property
    def key(self) -> str:
        return self.model

    @property
    def name(self) -> str:
        return f"{self.model}, zero-shot"

    def fit(self, task: Task) -> Asking:
        return Asking(self.model, self.price, task.labels, self.store)


class Asking:
    """The model asked for the labels of a list; an issue that it gives no answer for gets no label.

    Raises (when called):
        synthetic.llm.failures.GeminiError: it makes no sense to go on: no key, a quota used up.
    """

    thresholds = None
    size_bytes = None

    def __init__(self, model: str, price: Price, labels: LabelSet, store: Store) -> None:
        from synthetic.llm.annotator import Annotator
        from synthetic.llm.asking import Asker
        from synthetic.llm.provider import connect

        self._given = (model, price, labels)
        self._labels, self._store = labels, store
        self._annotator = Annotator(model, labels, price, Asker(connect(environment())))
        self._cost, self._failed = 0.0, 0

    @property
    def note(self) -> str:
        failed = f", {self._failed} issues without an answer" if self._failed else ""
        return f"the answers asked for now cost {self._cost:.4f} US dollars{failed}"

    def __call__(self, issues: Sequence[Issue]) -> Output:
        names = self._labels.names
        answers, rows = [], []
        with counted(len(issues), "asking") as done, ThreadPoolExecutor(AT_ONCE) as pool:
            for chosen, cost in pool.map(self._ask, issues):
                self._cost += cost
                self._failed += chosen is None
                rows.append([name in (chosen or ()) for name in names])
                answers.append(", ".join(chosen or ()))
                done()
        return Output(np.array(rows, dtype=bool).reshape(len(issues), len(names)), None, tuple(answers))

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process has a client of its own, and is to ask anew.
        return Asking, (*self._given, Store(None))

    def _ask(self, issue: Issue) -> tuple[tuple[str, ...] | None, float]:
        """The labels, None where there is no answer, and what asking cost now."""
        text = f"{issue.title}\0{issue.body}".encode(errors="surrogatepass")
        key = ["gemini", self._annotator.model, self._annotator.prompt.hash, hashlib.sha256(text).hexdigest()]
        kept = self._store.get(key)
        if kept is not None:
            return tuple(kept["labels"].tolist()), 0.0
        answer = self._annotator.label(issue)
        if answer.labels is not None:
            self._store.put(key, {"labels": np.array(answer.labels, dtype=str)})
        return answer.labels, answer.cost


def gemini_models(models: Sequence[str], given_prices: Sequence[str], store: Store) -> list[GeminiModel]:
    """The systems of model names.

    Raises:
        UsageError: a model has no list price and none was given.
        LabelerError: Google's client is not installed.
    """
    from synthetic.llm.cost import prices

    try:
        import google.genai  # noqa: F401
    except ImportError as error:
        raise LabelerError("--gemini needs google-genai", "Install it: pip install -e '.[synthetic]'") from error

    names = list(dict.fromkeys(model.removeprefix("models/") for model in models))
    found = prices(given_prices, names, date.today())
    return [GeminiModel(name, found[name], store) for name in names]
