"""Answers by the service's Batch API, at half the price: submit, look, collect, over as many runs and days as it takes.

batch.json holds each job from before it is created, so that no kill makes it be paid twice: a job that was about to be
created is looked for by its display name, which is unique, before anything is submitted again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from labeler.errors import InputError
from labeler.files import write_text
from synthetic.annotating.instruction import parse_labels
from synthetic.annotating.plan import Task
from synthetic.llm.cost import ASSUMED_OUTPUT_TOKENS, Price, estimated_tokens
from synthetic.llm.failures import GeminiError, OffSchema, Refused
from synthetic.llm.messages import GONE, Batch, Reply, Request
from synthetic.llm.provider import Batching
from synthetic.workspace.jsonl import Appender, read_lines
from synthetic.workspace.records import ANSWERS, Answer, from_line, to_line

BATCH = "batch.json"
MOST_BYTES = 15_000_000  # of one job's requests; the service takes 20 MB
MOST_REQUESTS = 5000
CREATING, WAITING, ENDED = "creating", "waiting", "ended"


@dataclass(frozen=True)
class Job:
    """One batch job as batch.json has it.

    Attributes:
        name: given by the service; "" while `state` is "creating".
        state: "creating", "waiting" or "ended" (collected, or never created).
        detail: the service's own word for the state.
        names: the labels asked for.
        prices: of Price, on the day of submission.
        issues: id -> "cut", the characters cut away, and "prompt", the tokens estimated.
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


def under_way(jobs: Sequence[Job]) -> Iterator[tuple[str, str, str]]:
    """The keys of the tasks (synthetic.annotating.annotation.Task.key) that a job holds."""
    for job in jobs:
        if job.state != ENDED:
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
    _write_jobs(folder, jobs)
    return adopted


def collect(folder: Path, service: Batching, on_answer: Callable[[Answer], None] = lambda answer: None) -> list[Job]:
    """Looks at each waiting job once, and appends the answers of those that have ended; returns all jobs.

    What a job that failed or expired did not answer is open again for `submit`.
    """
    jobs = read_jobs(folder)
    for position, job in enumerate(jobs):
        if job.state != WAITING:
            continue
        try:
            batch = service.batch(job.name)
        except Refused as error:  # deleted, or older than the service keeps it
            batch = Batch(job.name, job.display_name, GONE, error.what, ())
        if batch.results is None:
            jobs[position] = replace(job, detail=batch.detail)
        else:
            _keep(folder, job, batch, on_answer)
            jobs[position] = replace(job, state=ENDED, detail=batch.detail)
        _write_jobs(folder, jobs)
    return jobs


def submit(folder: Path, service: Batching, tasks: Sequence[Task], max_cost: float | None = None) -> Submitted:
    """Submits the tasks, a job for each annotator and 15 MB.

    Args:
        max_cost: US dollars; tasks that could lead over it are left out. A job cannot be stopped half-way, so each
            counts with the most that it can cost.
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
            _submit(folder, service, part)
            count += 1
    return Submitted(count, taken, len(tasks) - taken, about, at_most)


def _submit(folder: Path, service: Batching, part: Sequence[tuple[Task, Request, int]]) -> None:
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
    _write_jobs(folder, [*jobs, job])
    name = service.submit([(task.issue.id, request) for task, request, _ in part], job.display_name)
    _write_jobs(folder, [*jobs, replace(job, state=WAITING, name=name)])


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


def _keep(folder: Path, job: Job, batch: Batch, on_answer: Callable[[Answer], None]) -> None:
    """Appends the job's answers. A kill half-way leaves some: those are passed over when it is done again."""
    kept = {
        one.id
        for one in (from_line(Answer, line, ANSWERS) for line in read_lines(folder / ANSWERS))
        if (one.annotator, one.prompt) == (job.annotator, job.prompt) and one.labels is not None
    }
    results = dict(batch.results or ())
    with Appender(folder / ANSWERS) as answers:
        for identity in job.issues:
            if identity in kept or (identity not in results and batch.state == GONE):
                continue
            missing = GeminiError("The batch came back without an answer to this issue.")
            answer = _answer(job, identity, results.get(identity, missing))
            answers.write(to_line(answer))
            on_answer(answer)


def _answer(job: Job, identity: str, result: Reply | GeminiError) -> Answer:
    labels, error = None, ""
    if isinstance(result, GeminiError):
        error = result.what
    else:
        try:
            labels = parse_labels(result.text, job.names)
        except OffSchema as off:
            error = off.what
    tokens = result.tokens
    if tokens is None:
        # The service fails for nothing; what it answered without counting is estimated.
        assumed = {"prompt": job.issues[identity]["prompt"], "output": ASSUMED_OUTPUT_TOKENS, "estimated": 1}
        tokens = {} if isinstance(result, GeminiError) else assumed
    return Answer(
        id=identity,
        annotator=job.annotator,
        labels=labels,
        prompt=job.prompt,
        error=error,
        cut_characters=job.issues[identity]["cut"],
        tokens=tokens,
        cost=Price(job.model, **job.prices).of(tokens, batched=True),  # type: ignore[arg-type]
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _write_jobs(folder: Path, jobs: Sequence[Job]) -> None:
    write_text(folder / BATCH, json.dumps({"jobs": [asdict(job) for job in jobs]}, indent=1))
