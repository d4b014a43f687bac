"""Requests by the service's Batch API, at half the price: submitted now, collected by synthetic.annotating.collecting.

batch.json holds each job from before it is created, so that no kill makes it be paid twice: a job that was about to be
created is looked for by its display name, which is unique, before anything is submitted again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from labeler.errors import InputError
from labeler.files import write_text
from synthetic.annotating.plan import Task
from synthetic.llm.cost import estimated_tokens
from synthetic.llm.failures import SchemaRefused
from synthetic.llm.messages import Request
from synthetic.llm.provider import Batching
from synthetic.llm.schemas import NOTE, plain

BATCH = "batch.json"
MOST_BYTES = 15_000_000  # of one job's requests; the service takes 20 MB
MOST_REQUESTS = 5000
CREATING, WAITING, ENDED, UNMATCHED = "creating", "waiting", "ended", "unmatched"
WITH_SERVICE = (CREATING, WAITING)
HOLDING = (*WITH_SERVICE, UNMATCHED)


@dataclass(frozen=True)
class Job:
    """One batch job as batch.json has it.

    Attributes:
        name: given by the service; "" while `state` is "creating".
        state: "creating", "waiting", "ended" (collected, or never created), or "unmatched": answered, and paid, but
            which of the answers are to `issues` cannot be told.
        detail: the service's own word for the state.
        names: the labels asked for.
        prices: of Price, on the day of submission.
        issues: id -> "cut", the characters cut away, and "prompt", the tokens estimated; in the order of submission.
        plain: whether the model refuses the schema with the list of labels, and is to be asked for plain strings.
    """

    display_name: str
    name: str
    state: str
    detail: str
    model: str
    annotator: str
    prompt: str
    names: tuple[str, ...]
    prices: Mapping[str, float | None]
    issues: Mapping[str, Mapping[str, int]]
    created_at: str
    plain: bool = False


@dataclass(frozen=True)
class Submitted:
    """What was submitted, and how many tasks were left out because of the limit of cost; `about` and `at_most` in US
    dollars: estimated, and the most that it can cost."""

    jobs: int
    tasks: int
    left: int
    about: float
    at_most: float


def read_jobs(folder: Path) -> list[Job]:
    """All jobs of the folder. Raises InputError where batch.json is damaged."""
    path = folder / BATCH
    if not path.is_file():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["jobs"]
        return [Job(**{**one, "names": tuple(one["names"])}) for one in found]
    except (ValueError, KeyError, TypeError) as error:
        remedy = "Restore it, or delete it: what its jobs answered is then lost, though paid."
        raise InputError(f"{path}: damaged: {error}", remedy) from error


def write_jobs(folder: Path, jobs: Sequence[Job]) -> None:
    write_text(folder / BATCH, json.dumps({"jobs": [asdict(job) for job in jobs]}, indent=1))


def under_way(jobs: Sequence[Job], states: Collection[str] = HOLDING) -> Iterator[tuple[str, str, str]]:
    """The keys of the tasks (synthetic.annotating.plan.Task.key) that jobs in these states hold: not to be asked."""
    for job in jobs:
        if job.state in states:
            yield from ((identity, job.annotator, job.prompt) for identity in job.issues)


def adopt(folder: Path, service: Batching) -> int:
    """Finds out what became of jobs that were about to be created; returns how many of them the service has."""
    jobs = read_jobs(folder)
    if not any(job.state == CREATING for job in jobs):
        return 0
    known = {one.display_name: one.name for one in service.batches()}
    adopted = 0
    for position, job in enumerate(jobs):
        if job.state == CREATING and job.display_name in known:
            adopted += 1
            jobs[position] = replace(job, state=WAITING, name=known[job.display_name])
        elif job.state == CREATING:
            jobs[position] = replace(job, state=ENDED, detail="never created")
    write_jobs(folder, jobs)
    return adopted


def release(folder: Path) -> None:
    """Has the issues asked about again, and paid again, whose answers could not be matched."""
    jobs = read_jobs(folder)
    if any(job.state == UNMATCHED for job in jobs):
        given_up = "given up: asked again"
        write_jobs(
            folder, [replace(job, state=ENDED, detail=given_up) if job.state == UNMATCHED else job for job in jobs]
        )


def submit(
    folder: Path,
    service: Batching,
    tasks: Sequence[Task],
    max_cost: float | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Submitted:
    """Submits the tasks, a job for each annotator and 15 MB.

    Args:
        max_cost: US dollars; tasks that could lead over it are left out. A job cannot be stopped half-way, so each
            counts with the most that it can cost.
        tell: told where a model refuses the schema, and is asked for plain strings.
    """
    chosen: dict[str, list[tuple[Task, Request, int]]] = {}
    about, at_most, taken = 0.0, 0.0, 0
    for task in tasks:
        request, cut = task.annotator.request(task.issue.issue)
        price = task.annotator.price
        worst = price.worst(request) * price.batch_share
        if max_cost is not None and at_most + worst > max_cost:
            break
        at_most += worst
        about += price.of(estimated_tokens(request, {}, price), batched=True)
        taken += 1
        chosen.setdefault(task.annotator.name, []).append((task, request, cut))
    count = 0
    for many in chosen.values():
        for part in _parts(many):
            _submit(folder, service, part, tell)
            count += 1
    return Submitted(count, taken, len(tasks) - taken, about, at_most)


def _submit(
    folder: Path, service: Batching, part: Sequence[tuple[Task, Request, int]], tell: Callable[[str], None]
) -> None:
    annotator = part[0][0].annotator
    price = annotator.price
    job = Job(
        display_name=f"issue-labeler {annotator.name} {secrets.token_hex(8)}",
        name="",
        state=CREATING,
        detail="",
        model=annotator.model,
        annotator=annotator.name,
        prompt=annotator.prompt.hash,
        names=annotator.prompt.names,
        prices={kind: getattr(price, kind) for kind in ("input", "output", "cached", "batch_share")},
        issues={
            task.issue.id: {"cut": cut, "prompt": estimated_tokens(request, {}, price)["prompt"]}
            for task, request, cut in part
        },
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    jobs = read_jobs(folder)
    if any(one.plain and (one.model, one.prompt) == (job.model, job.prompt) for one in jobs):
        job = replace(job, plain=True)
    write_jobs(folder, [*jobs, job])
    asked = [(task.issue.id, request) for task, request, _ in part]
    try:
        name = service.submit([(key, plain(one) if job.plain else one) for key, one in asked], job.display_name)
    except SchemaRefused:
        if job.plain:
            raise
        tell(f"{job.model} {NOTE}")
        job = replace(job, plain=True)
        name = service.submit([(key, plain(one)) for key, one in asked], job.display_name)
    write_jobs(folder, [*jobs, replace(job, state=WAITING, name=name)])


def _parts(many: Sequence[tuple[Task, Request, int]]) -> Iterator[list[tuple[Task, Request, int]]]:
    part: list[tuple[Task, Request, int]] = []
    size = 0
    for one in many:
        request = one[1]
        # As JSON a character may take up to six bytes for its UTF-16 escape, as Google's client writes it.
        bytes_ = len(json.dumps([request.system, request.user, dict(request.schema)]))
        if part and (size + bytes_ > MOST_BYTES or len(part) >= MOST_REQUESTS):
            yield part
            part, size = [], 0
        part.append(one)
        size += bytes_
    if part:
        yield part
