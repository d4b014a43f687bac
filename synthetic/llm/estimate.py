"""What the open questions will cost by annotator: requests, tokens, US dollars, from characters and list prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from labeler.console.terminal import console
from synthetic.annotating.instruction import CHARACTERS_A_TOKEN
from synthetic.annotating.plan import Task
from synthetic.llm.cost import ASSUMED_OUTPUT_TOKENS, ASSUMED_THOUGHT_TOKENS, Price, caching, estimated_tokens

SECONDS_A_REQUEST = 3.0  # assumed, to know for how long a cache would be kept


@dataclass(frozen=True)
class Estimate:
    """One annotator's part of a run; costs in US dollars.

    Attributes:
        prompt: tokens of all requests; `made`: of all thoughts and answers.
        measured: whether `made` rests on earlier answers; else it is assumed.
        hours: how long its requests take.
        caching: why (not) to keep the instruction in an explicit cache.
        price_read: when somebody read the price; "" for one from the command line.
    """

    annotator: str
    model: str
    requests: int
    prompt: int
    made: int
    measured: bool
    cost: float
    batched: float
    hours: float
    caching_pays: bool
    caching: str
    price_read: str


def estimate(tasks: Iterable[Task], measured: Mapping[str, Mapping[str, float]], concurrency: int) -> list[Estimate]:
    """An estimate for each annotator of the tasks; `measured` as in synthetic.annotating.plan.Plan."""
    by_name: dict[str, list[Task]] = {}
    for task in tasks:
        by_name.setdefault(task.annotator.name, []).append(task)
    return [_estimate(many, measured.get(many[0].annotator.model, {}), concurrency) for many in by_name.values()]


def _estimate(tasks: Sequence[Task], measured: Mapping[str, float], concurrency: int) -> Estimate:
    annotator, price = tasks[0].annotator, tasks[0].annotator.price
    prompt = made = 0
    for task in tasks:
        tokens = estimated_tokens(annotator.request(task.issue.issue)[0], measured, price)
        prompt += tokens["prompt"]
        made += tokens["thoughts"] + tokens["output"]
    hours = len(tasks) * SECONDS_A_REQUEST / concurrency / 3600
    pays, why = caching(price, len(annotator.prompt.system) // CHARACTERS_A_TOKEN, len(tasks), hours)
    return Estimate(
        annotator=annotator.name,
        model=annotator.model,
        requests=len(tasks),
        prompt=prompt,
        made=made,
        measured=bool(measured),
        cost=_cost(price, prompt, made, batched=False),
        batched=_cost(price, prompt, made, batched=True),
        hours=hours,
        caching_pays=pays,
        caching=why,
        price_read=price.read,
    )


def _cost(price: Price, prompt: int, made: int, *, batched: bool) -> float:
    return price.of({"prompt": prompt, "output": made}, batched=batched)


def print_estimate(rows: Sequence[Estimate]) -> None:
    from rich.table import Column
    from rich.text import Text

    from labeler.console.tables import right, styled, table

    numbers = right("requests", "prompt tokens", "thoughts + answer", "one by one", "batched")
    lines: list[Iterable[str | Text]] = []
    for row in rows:
        made = f"{row.made:,}" + ("" if row.measured else " *")
        costs = (f"${row.cost:.2f}", f"${row.batched:.2f}")
        lines.append((row.annotator, f"{row.requests:,}", f"{row.prompt:,}", made, *costs))
    if len(rows) > 1:
        counts = (sum(row.requests for row in rows), sum(row.prompt for row in rows), sum(row.made for row in rows))
        costs = (f"${sum(row.cost for row in rows):.2f}", f"${sum(row.batched for row in rows):.2f}")
        lines.append(styled("bold", ("together", *(f"{one:,}" for one in counts), *costs)))
    output = console()
    output.print()
    output.print(table((Column("annotator", no_wrap=True), *numbers), lines))
    output.print(f"Estimated: {CHARACTERS_A_TOKEN} characters a token.", style="dim")
    if not all(row.measured for row in rows):
        thoughts = f"{ASSUMED_THOUGHT_TOKENS} of thoughts where a model thinks and is not told how much"
        assumed = f"{ASSUMED_OUTPUT_TOKENS} tokens an answer, {thoughts}"
        output.print(f"* assumed: {assumed}; annotate --limit 20 measures it.", style="dim")
    for row in {row.model: row for row in rows}.values():
        verb = "the instruction will be cached" if row.caching_pays else "no explicit cache"
        price = f"price read {row.price_read}" if row.price_read else "price as given"
        output.print(f"{price}; {verb}: {row.caching}", style="dim")
