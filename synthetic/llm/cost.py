"""What requests cost: list prices (prices.toml), estimates before a run, money spent and reserved during one."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from labeler.base.toml import read_toml_as
from labeler.errors import UsageError
from synthetic.annotating.instruction import CHARACTERS_A_TOKEN
from synthetic.llm.messages import Request

MILLION = 1_000_000
PRICES = Path(__file__).with_name("prices.toml")
# Neither can be known before the first answer; a dry run says that they are assumed.
ASSUMED_OUTPUT_TOKENS = 15  # {"labels": ["bug", "needs: repro"]}
ASSUMED_THOUGHT_TOKENS = 500
_KINDS = ("prompt", "cached", "thoughts", "output")


@dataclass(frozen=True)
class Price:
    """US dollars a million tokens; a kind without a price of its own costs what `input` costs.

    Attributes:
        cached: of prompt tokens read from a cache.
        storage: of a million cached tokens for an hour; None: unknown, or the model has no explicit cache.
        cache_minimum: the fewest tokens that can be cached; None: unknown.
        batch_share: what a batched request costs of the price.
        read: the day on which somebody read the price; "" for one from the command line.
    """

    model: str
    input: float
    output: float
    cached: float | None = None
    storage: float | None = None
    cache_minimum: int | None = None
    batch_share: float = 0.5
    thinks: bool = True
    read: str = ""

    def of(self, tokens: Mapping[str, int], *, batched: bool = False) -> float:
        """US dollars for tokens by kind; "prompt" includes "cached". Cached tokens cost the same in a batch."""
        share = self.batch_share if batched else 1.0
        prompt, cached, thoughts, output = (tokens.get(kind, 0) for kind in _KINDS)
        fresh = (prompt - cached) * self.input + (thoughts + output) * self.output
        return (share * fresh + cached * (self.input if self.cached is None else self.cached)) / MILLION

    def worst(self, request: Request) -> float:
        """More than the request can cost: no tokenizer makes more tokens of a text than it has bytes."""
        prompt = len((request.system + request.user).encode())
        return self.of({"prompt": prompt, "output": request.max_output_tokens})


@dataclass(frozen=True)
class Listed:
    """A price as prices.toml states it. Attributes: as of `Price`; until: its last day; source: where it was read."""

    model: str
    input: float
    output: float
    read: date
    source: str
    cached: float | None = None
    storage: float | None = None
    cache_minimum: int | None = None
    thinks: bool = True
    until: date | None = None


@dataclass(frozen=True)
class PriceList:
    """prices.toml. Attributes: list: the address of the official list; price: of equal models the first is current."""

    list: str
    batch_share: float
    price: tuple[Listed, ...]

    def of(self, model: str, today: date) -> Price | None:
        """The price of a model today; None where there is none."""
        for one in self.price:
            if one.model == model and (one.until is None or one.until >= today):
                return Price(
                    model, one.input, one.output, one.cached, one.storage, one.cache_minimum,
                    self.batch_share, one.thinks, one.read.isoformat(),
                )  # fmt: skip
        return None


def prices(given: Sequence[str], models: Sequence[str], today: date) -> dict[str, Price]:
    """The price of each model.

    Args:
        given: "IN,OUT" for all models without a list price, or "MODEL=IN,OUT" for one, which beats the list.

    Raises:
        UsageError: a model is not in prices.toml and has no price given; or a price is no price.
    """
    table = read_toml_as(PriceList, PRICES)
    own = dict(_given(text) for text in given)
    found = {}
    for model in dict.fromkeys(models):
        listed = table.of(model, today)
        if model in own:
            found[model] = Price(model, *own[model])
        elif listed:
            found[model] = listed
        elif "" in own:
            found[model] = Price(model, *own[""])
        else:
            names = ", ".join(dict.fromkeys(one.model for one in table.price))
            raise UsageError(
                f"There is no price for {model}.",
                f"Look it up at {table.list} and give it in dollars a million tokens: --price {model}=IN,OUT. "
                f"Known: {names}.",
            )
    return found


def estimated_tokens(request: Request, measured: Mapping[str, float], price: Price) -> dict[str, int]:
    """The tokens that a request will use, by its characters; `measured`: means of earlier answers, by kind."""
    prompt = math.ceil(len(request.system) / CHARACTERS_A_TOKEN) + math.ceil(len(request.user) / CHARACTERS_A_TOKEN)
    if measured:
        return {"prompt": prompt, "thoughts": round(measured["thoughts"]), "output": round(measured["output"])}
    if request.thinking.isdigit():
        thoughts = int(request.thinking)
    else:
        thoughts = ASSUMED_THOUGHT_TOKENS if price.thinks and request.thinking != "minimal" else 0
    return {"prompt": prompt, "thoughts": thoughts, "output": ASSUMED_OUTPUT_TOKENS}


def caching(price: Price, tokens: int, requests: int, hours: float) -> tuple[bool, str]:
    """Whether keeping `tokens` of instruction in an explicit cache for `hours` pays, and why (not).

    With it, the instruction is paid once as input, then read at the cached price, and stored by the hour.
    """
    if price.cache_minimum is None or price.storage is None or price.cached is None:
        return False, f"{price.model} has none with a known price"
    if tokens < price.cache_minimum:
        return False, f"the instruction has about {tokens:,} tokens, {price.model} caches from {price.cache_minimum:,}"
    without = requests * tokens * price.input
    with_it = tokens * (price.input + requests * price.cached + hours * price.storage)
    saved = (without - with_it) / MILLION
    verb = "saves" if saved > 0 else "would cost"
    reason = f"for {price.model} it {verb} about ${abs(saved):.2f} over {requests:,} requests"
    return saved > 0, reason


class Budget:
    """Money for one run, safe for threads: nothing is asked for that could lead over `limit` US dollars."""

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self.spent = 0.0
        self._reserved = 0.0
        self._changed = threading.Condition()

    def reserve(self, amount: float) -> bool:
        """Whether `amount` may be spent; waits while requests under way may still give some of theirs back."""
        with self._changed:
            while self.limit is not None and self.spent + self._reserved + amount > self.limit:
                if self._reserved <= 0.0:
                    return False
                self._changed.wait()
            self._reserved += amount
            return True

    def settle(self, reserved: float, spent: float) -> None:
        """Gives back what was reserved and books what was spent."""
        with self._changed:
            # Rounding must not leave a crumb behind that others would wait for.
            self._reserved = 0.0 if math.isclose(self._reserved, reserved) else self._reserved - reserved
            self.spent += spent
            self._changed.notify_all()


def _given(text: str) -> tuple[str, tuple[float, float]]:
    model, _, numbers = text.rpartition("=")
    try:
        paid, made = (float(number) for number in numbers.split(","))
        if not (0 <= paid < math.inf and 0 <= made < math.inf):
            raise ValueError
    except ValueError:
        remedy = "Write input and output in dollars a million tokens, for instance --price 0.30,2.50"
        raise UsageError(f"--price {text}: not two prices.", remedy) from None
    return model, (paid, made)
