"""The instruction, equal in all requests of a run, kept with the service where that costs less than sending it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from synthetic.annotating.plan import Task
from synthetic.llm.estimate import estimate
from synthetic.llm.provider import Caching, Provider


@contextmanager
def kept_instructions(
    provider: Provider, tasks: Sequence[Task], concurrency: int, say: Callable[[str], None]
) -> Iterator[Mapping[str, str]]:
    """Model -> name of its kept instruction, for as long as the context lasts; none at a service that keeps none.

    Raises:
        GeminiError: the service refuses.
    """
    if not isinstance(provider, Caching):
        yield {}
        return
    made: dict[str, str] = {}
    annotators = {task.annotator.model: task.annotator for task in tasks}
    try:
        for row in estimate(tasks, {}, concurrency):
            if row.caching_pays and row.model not in made:
                system, seconds = annotators[row.model].prompt.system, round(2 * 3600 * row.hours) + 600
                made[row.model] = provider.cache(row.model, system, seconds)
                say(f"the instruction is cached: {row.caching}")
        yield made
    finally:
        for name in made.values():
            provider.drop_cache(name)
