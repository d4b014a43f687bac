"""A run of `synthetic annotate`: what is left to ask is asked one by one or by batch, and what came of it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.data.textfile import one_line
from labeler.errors import UsageError
from synthetic.annotating.annotation import Tally
from synthetic.annotating.plan import Plan, plan, read_only
from synthetic.annotating.spending import annotate_with_bar
from synthetic.llm.annotator import Annotator
from synthetic.llm.batch import ENDED, adopt, collect, read_jobs, submit, under_way
from synthetic.llm.failures import OverBudget
from synthetic.llm.kept_instruction import kept_instructions
from synthetic.llm.panel import Panel
from synthetic.llm.provider import Batching

MOST_ERRORS = 10  # kinds of them that are told


@dataclass(frozen=True)
class Job:
    """Whom to ask about which issues of a working folder.

    Attributes:
        only: a file with a JSON list of the ids of the issues; None for all.
        limit: at most so many issues that lack an answer.
        concurrency: requests at a time.
        say: told what a person should know beside the result.
    """

    folder: Path
    panel: Panel
    annotators: Sequence[Annotator]
    only: Path | None = None
    limit: int | None = None
    concurrency: int = 8
    say: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Annotated:
    """What a run came to: answers `left` to get, of which `waiting` are with the service."""

    tally: Tally
    left: int
    waiting: int = 0

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        tally = self.tally
        figures = {"labelled": tally.labelled, "failed": tally.failed, "errors": tally.errors, "cost": tally.cost}
        return figures | {"left": self.left}

    def lines(self) -> list[str]:
        """What there is to say in words: the counts, and the most frequent errors."""
        tally = self.tally
        errors = sorted(tally.errors.items(), key=lambda one: -one[1])[:MOST_ERRORS]
        counts = f"{tally.labelled:,} answers, {tally.failed:,} failures, {self.left:,} left; ${tally.cost:.4f}"
        return [counts, *(f"  {count:,} × {one_line(error)}" for error, count in errors)]

    @property
    def over_budget(self) -> bool:
        """Whether the limit of cost ended the run."""
        return isinstance(self.tally.error, OverBudget)


def what_is_left(job: Job, *, batched: bool = False) -> Plan:
    """What the annotators would be asked now; `say` is told what counts as answered, and what does not.

    Args:
        batched: whether what waits in a batch is collected by the same run.

    Raises:
        InputError: there are no prepared issues, or `only` is no list of some.
    """
    only = read_only(job.only) if job.only else None
    held = list(under_way(read_jobs(job.folder)))
    made = plan(job.folder, job.annotators, only=only, limit=job.limit, under_way=held)
    if made.answered:
        job.say(f"{made.answered:,} answers are there already")
    if made.failed:
        job.say(f"{made.failed:,} that failed before are tried again")
    if made.other_prompts:
        job.say(f"{made.other_prompts:,} answers are to another prompt or label list: they stay, and do not count")
    if held and not batched:
        job.say(f"{len(held):,} wait in a batch: collect them by --batch")
    return made


def one_by_one(job: Job) -> Annotated:
    """Asks all that is left, with a bar. The tally's `error` is for the caller to raise, after it has told the rest.

    Raises:
        InputError: as `what_is_left`.
        GeminiError: the service keeps no instruction though it should.
    """
    tasks = what_is_left(job).tasks
    with kept_instructions(job.panel.provider, tasks, job.concurrency, job.say) as caches:
        tally = annotate_with_bar(
            job.folder, tasks, job.panel.asker, job.say, concurrency=job.concurrency, caches=caches
        )
    return Annotated(tally, len(tasks) - tally.labelled - tally.failed)


def by_batch(job: Job) -> Annotated:
    """Collects the answers of the batch jobs that have ended, and submits what is left as new ones.

    Raises:
        UsageError: the service takes no batches.
        InputError: as `what_is_left`; or batch.json is damaged.
        GeminiError: the service refuses, or is out of reach.
    """
    service, max_cost = job.panel.provider, job.panel.asking.max_cost
    if not isinstance(service, Batching):
        raise UsageError("This service takes no batches.", "Leave --batch out.")
    if adopted := adopt(job.folder, service):
        job.say(f"{adopted} batch jobs were created though their names were not saved: found again")
    tally = Tally()
    jobs = collect(job.folder, service, tally.count)
    done = submit(job.folder, service, what_is_left(job, batched=True).tasks, max_cost)
    if done.jobs:
        cost = f"about ${done.about:.2f}, at most ${done.at_most:.2f}"
        job.say(f"submitted {done.tasks:,} requests in {done.jobs} batch jobs: {cost}")
    if done.left:
        job.say(f"{done.left:,} requests are left out: they could lead over --max-cost {max_cost:g}")
    waiting = sum(len(one.issues) for one in jobs if one.state != ENDED) + done.tasks
    return Annotated(tally, waiting + done.left, waiting)
