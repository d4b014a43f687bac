"""One question put to the model until there is an answer that fits, or a reason why there is none; what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from synthetic.llm.cost import Budget, Price, estimated_tokens
from synthetic.llm.failures import LATER_REMEDY, Busy, NoAnswer, NoNetwork, OffSchema, OutOfRetries, OverBudget
from synthetic.llm.messages import Reply, Request
from synthetic.llm.pace import Pace

T = TypeVar("T")
MOST_OFF_SCHEMA = 2  # further tries after an answer that does not fit the schema


class Service(Protocol):
    """What answers one request, once: `synthetic.llm.gemini.Gemini`."""

    def generate(self, request: Request) -> Reply:
        """The answer. Raises an error of synthetic.llm.failures, whose `tokens` were used all the same."""


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What a question came to: `value`, or None and `error`.

    Attributes:
        tokens: of all its requests together, by kind, with "estimated" where the service gave no count of its own.
        cost: US dollars for all its requests together.
    """

    value: T | None
    error: str
    tokens: Mapping[str, int]
    cost: float


@dataclass(frozen=True)
class Asker:
    """Asks within a pace and a budget, which all threads of a run share; by default neither is limited."""

    service: Service
    pace: Pace = field(default_factory=Pace)
    budget: Budget = field(default_factory=lambda: Budget(None))

    def ask(self, request: Request, price: Price, parse: Callable[[str], T]) -> Outcome[T]:
        """What `parse` makes of the answer's text.

        Args:
            parse: raises OffSchema for a text that does not fit; then the model is asked again, at most twice.

        Raises:
            OverBudget, OutOfRetries, NoNetwork, BadKey, Refused, Exhausted: the run is to end; this question
                stays open.
            Stopped: somebody ended the run.
        """
        spent = _Spent(price, request)
        off_schema = busy = unresolved = 0
        while True:
            began = time.monotonic()
            try:
                text = self._once(request, price, spent)
                return Outcome(parse(text), "", spent.tokens, spent.cost)
            except OffSchema as error:
                off_schema += 1
                if off_schema > MOST_OFF_SCHEMA:
                    return Outcome(None, error.what, spent.tokens, spent.cost)
            except NoAnswer as error:
                return Outcome(None, error.what, spent.tokens, spent.cost)
            except NoNetwork:
                unresolved += 1
                if not self.pace.look_again(unresolved, time.monotonic() - began):
                    raise
            except Busy as error:
                busy += 1
                if not self.pace.again(busy, error.seconds):
                    if self.pace.retries <= 0:
                        raise OutOfRetries(f"{error.what} No retries are left for this run.", LATER_REMEDY) from error
                    return Outcome(None, error.what, spent.tokens, spent.cost)

    def _once(self, request: Request, price: Price, spent: _Spent) -> str:
        self.pace.start(sum(estimated_tokens(request, {}, price).values()))
        worst = price.worst(request)
        if not self.budget.reserve(worst):
            raise OverBudget("The limit of --max-cost is reached.")
        before = spent.cost
        try:
            reply = self.service.generate(request)
            spent.add(reply.tokens)
            return reply.text
        except NoAnswer as error:
            spent.add(error.tokens)
            raise
        except Busy as error:
            if error.paid:
                spent.add(None)
            raise
        finally:
            self.budget.settle(worst, spent.cost - before)


class _Spent:
    """Adds up the tokens and the cost of one question's requests."""

    def __init__(self, price: Price, request: Request) -> None:
        self._price, self._request = price, request
        self.tokens: dict[str, int] = {}
        self.cost = 0.0

    def add(self, tokens: Mapping[str, int] | None) -> None:
        if tokens is None:
            tokens = estimated_tokens(self._request, {}, self._price) | {"estimated": 1}
        self.cost += self._price.of(tokens)
        for kind, count in tokens.items():
            self.tokens[kind] = self.tokens.get(kind, 0) + count
