"""Collects what batch jobs answered: each paid answer is kept and booked, whether its issue is known or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from synthetic.annotating.instruction import parse_labels
from synthetic.llm.batch import ENDED, UNMATCHED, WAITING, Job, read_jobs, write_jobs
from synthetic.llm.cost import ASSUMED_OUTPUT_TOKENS, Price
from synthetic.llm.failures import GeminiError, NotServed, NotThere, OffSchema, SchemaRefused
from synthetic.llm.matching import match
from synthetic.llm.messages import GONE, Batch, Result
from synthetic.llm.provider import Batching
from synthetic.llm.schemas import NOTE
from synthetic.workspace.jsonl import Appender, read_lines
from synthetic.workspace.records import ANSWERS, UNMATCHED_ANSWERS, Answer, from_line, to_line

MISSING = "The batch came back without an answer to this issue."


@dataclass(frozen=True)
class Collected:
    """All jobs as they stand now. Of this run: answers `unmatched` to an issue, and their `cost` in US dollars; and
    why a model takes no request of ours, where it has refused plain strings too."""

    jobs: tuple[Job, ...]
    unmatched: int = 0
    cost: float = 0.0
    refused: SchemaRefused | None = None


def collect(
    folder: Path,
    service: Batching,
    on_answer: Callable[[Answer], None] = lambda answer: None,
    tell: Callable[[str], None] = lambda text: None,
) -> Collected:
    """Looks at each waiting job once, and appends the answers of those that have ended.

    What a job that failed or expired did not answer is open again for `submit`. What it answered without saying which
    issues goes to unmatched.jsonl, and its issues stay the job's.

    Raises:
        GeminiError: the service refuses, or is out of reach.
    """
    jobs = read_jobs(folder)
    unmatched, cost, refused = 0, 0.0, None
    for position, job in enumerate(jobs):
        if job.state != WAITING:
            continue
        try:
            batch = service.batch(job.name)
        except NotThere as error:  # deleted, or older than the service keeps it
            batch = Batch(job.name, job.display_name, GONE, error.what, ())
        if batch.results is None:
            jobs[position] = replace(job, detail=batch.detail)
        else:
            jobs[position], left, why = _end(folder, job, batch, on_answer, tell)
            unmatched, cost, refused = unmatched + len(left), cost + sum(left), why or refused
        write_jobs(folder, jobs)
    return Collected(tuple(jobs), unmatched, cost, refused)


def _end(
    folder: Path, job: Job, batch: Batch, on_answer: Callable[[Answer], None], tell: Callable[[str], None]
) -> tuple[Job, list[float], SchemaRefused | None]:
    """The job as it is then, the costs of its answers that are nobody's, and why nothing helps, if so."""
    results = batch.results or ()
    found = match({identity: one["prompt"] for identity, one in job.issues.items()}, results)
    if found.by_order:
        tell(f"{job.name}: {found.by_order:,} answers came back without a key: matched by their order")
    strict = next((one for _, one in results if isinstance(one, SchemaRefused)), None)
    if strict and not job.plain:
        tell(f"{job.model} {NOTE}")
    # What the schema alone forbade is open again at once: it is no failure of the issue.
    again = not job.plain and strict is not None
    kept = {key: one for key, one in found.results.items() if not (again and isinstance(one, SchemaRefused))}
    costs = _put_aside(folder, job, [(place, one) for place, one in found.left if _paid(one)])
    absent = [identity for identity in job.issues if identity not in found.results]
    held = bool(absent) and (bool(costs) or (batch.state != GONE and not results))
    silent = [] if held or batch.state == GONE or again else absent
    _keep(folder, job, {**kept, **{identity: GeminiError(MISSING) for identity in silent}}, on_answer)
    ended = replace(job, state=ENDED, detail=batch.detail, plain=job.plain or again)
    if held:
        ended = replace(ended, state=UNMATCHED, issues={identity: job.issues[identity] for identity in absent})
    return ended, costs, strict if job.plain else None


def _paid(result: Result) -> bool:
    """The service fails for nothing; whatever a model made of the request costs."""
    return not isinstance(result, NotServed | SchemaRefused)


def _put_aside(folder: Path, job: Job, left: Sequence[tuple[int, Result]]) -> list[float]:
    """Appends the answers that are nobody's to unmatched.jsonl, but for those that a kill left there; their costs."""
    path = folder / UNMATCHED_ANSWERS
    there = {(line.get("batch"), line.get("place")) for line in read_lines(path)} if left else set()
    mean = round(sum(one["prompt"] for one in job.issues.values()) / max(1, len(job.issues)))
    costs = []
    for place, result in left:
        tokens, cost = _booked(job, result, mean)
        text, error = ("", result.what) if isinstance(result, GeminiError) else (result.text, "")
        line = {"batch": job.name, "place": place, "annotator": job.annotator, "prompt": job.prompt, "text": text,
                "error": error, "tokens": dict(tokens), "cost": cost, "at": _now()}  # fmt: skip
        costs.append(cost)
        if (job.name, place) not in there:
            with Appender(path) as file:
                file.write(line)
    return costs


def _keep(folder: Path, job: Job, results: Mapping[str, Result], on_answer: Callable[[Answer], None]) -> None:
    """Appends the job's answers. A kill half-way leaves some: those are passed over when it is done again."""
    kept = {
        one.id
        for one in (from_line(Answer, line, ANSWERS) for line in read_lines(folder / ANSWERS))
        if (one.annotator, one.prompt) == (job.annotator, job.prompt) and one.labels is not None
    }
    with Appender(folder / ANSWERS) as answers:
        for identity in job.issues:
            if identity in results and identity not in kept:
                answer = _answer(job, identity, results[identity])
                answers.write(to_line(answer))
                on_answer(answer)


def _answer(job: Job, identity: str, result: Result) -> Answer:
    labels, error = None, ""
    if isinstance(result, SchemaRefused):
        error = f"{result.what} {result.remedy}"
    elif isinstance(result, GeminiError):
        error = result.what
    else:
        try:
            labels = parse_labels(result.text, job.names)
        except OffSchema as off:
            error = off.what
    tokens, cost = _booked(job, result, job.issues[identity]["prompt"])
    return Answer(
        id=identity,
        annotator=job.annotator,
        labels=labels,
        prompt=job.prompt,
        error=error,
        cut_characters=job.issues[identity]["cut"],
        tokens=tokens,
        cost=cost,
        at=_now(),
    )


def _booked(job: Job, result: Result, prompt: int) -> tuple[Mapping[str, int], float]:
    """Tokens and US dollars of a result; `prompt` tokens are assumed where the service answered without counting."""
    tokens = result.tokens
    if tokens is None:
        assumed = {"prompt": prompt, "output": ASSUMED_OUTPUT_TOKENS, "estimated": 1}
        tokens = assumed if _paid(result) and type(result) is not GeminiError else {}
    return tokens, Price(job.model, **job.prices).of(tokens, batched=True)  # type: ignore[arg-type]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
