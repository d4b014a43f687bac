"""The models that a run asks, made of their names: at one service, within one pace and one budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from labeler.labels.label_set import LabelSet
from synthetic.annotating.writer import Writer
from synthetic.llm.annotator import Annotator
from synthetic.llm.asking import Asker
from synthetic.llm.cost import Budget, Price, prices
from synthetic.llm.pace import Pace
from synthetic.llm.provider import Provider, connect, model_names


@dataclass(frozen=True)
class Asking:
    """Which models to ask, how, and within which limits (None: no limit).

    Attributes:
        models: names, of which each counts once.
        samples: answers of each model, which count as annotators of their own.
        thinking: model -> how it thinks, as Request.thinking has it; "" for the models that are not named.
        prices: "[MODEL=]IN,OUT", as `synthetic.llm.cost.prices` takes them.
        max_cost: US dollars of the whole run.
        retries: how many times the run may try again in all.
    """

    models: tuple[str, ...]
    samples: int = 1
    thinking: Mapping[str, str] = field(default_factory=dict)
    prices: tuple[str, ...] = ()
    max_cost: float | None = None
    requests_a_minute: int | None = None
    tokens_a_minute: int | None = None
    retries: int = 1000


@dataclass(frozen=True)
class Panel:
    """The models at their service. `prices` are by model, in the order given; `asker` asks for all of them."""

    asking: Asking
    provider: Provider
    asker: Asker
    prices: Mapping[str, Price]

    def annotators(self, labels: LabelSet) -> list[Annotator]:
        """Every model with each of its samples, to label issues with the labels of the list."""
        thinking = self.asking.thinking
        return [
            Annotator(model, labels, price, self.asker, sample=n, thinking=thinking.get(model, thinking.get("", "")))
            for model, price in self.prices.items()
            for n in range(1, self.asking.samples + 1)
        ]

    def writer(self, labels: LabelSet) -> Writer:
        """The first model, to write issues."""
        model, price = next(iter(self.prices.items()))
        return Writer(model, labels, price, self.asker)


def open_panel(asking: Asking, environ: Mapping[str, str], *, asks: bool = True) -> Panel:
    """The models named; there may be none.

    Args:
        asks: whether anything is to be sent: that needs a key, if there are models.

    Raises:
        UsageError: a model has no price.
        BadKey: there is no key, or one that cannot be.
    """
    found = prices(asking.prices, model_names(asking.models), date.today())
    provider = connect(environ, asks=asks and bool(found))
    pace = Pace(asking.requests_a_minute, asking.tokens_a_minute, retries=asking.retries)
    return Panel(asking, provider, Asker(provider, pace, Budget(asking.max_cost)), found)
