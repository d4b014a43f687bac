"""The first four stages, from new issues to a dataset: fetch, prepare, label, split.

Each has two ledgers over it. The data folder's, the same as `synthetic build` keeps, asks whether anything has changed
there since the stage was last done; that of the dated folder, one above, holds a retraining to its data: once its
dataset is split, going on with it another day does not begin again with newer issues.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from labeler.console.progress import counted, counted_with
from labeler.data.dataset_folder import DATASET
from labeler.errors import GitHubError, LabelerError
from synthetic.annotating.agreement_report import write_report
from synthetic.annotating.annotation import Tally, annotate
from synthetic.annotating.consensus import Rule, read_answers, read_decisions
from synthetic.annotating.plan import Plan, plan, read_prepared
from synthetic.annotating.reliability import measure
from synthetic.dataset.splitting import Wanted as Splitting
from synthetic.dataset.splitting import split
from synthetic.fetching.fetcher import Wanted as Fetching
from synthetic.fetching.fetcher import fetch
from synthetic.llm.batch import read_jobs, under_way
from synthetic.llm.failures import OverBudget
from synthetic.preparing.preparation import Wanted as Preparing
from synthetic.preparing.preparation import prepare
from synthetic.workspace.ledger import Incomplete, Ledger, Made
from synthetic.workspace.records import AGREEMENT, ANSWERS, DECISIONS, ISSUES, PREPARED, SYNTHETIC, labels_file
from training.retrain.dataset import assemble
from training.retrain.job import Job


def fetch_issues(job: Job) -> Made:
    """Brings the data folder's issues up to date. Raises GitHubError."""
    from labeler.github.client import GitHub
    from labeler.github.refusals import RateLimited
    from synthetic.fetching.fetcher import PATIENCE_SECONDS, TOKEN_REMEDY

    token = job.machine.github_token
    api_url = (job.config.fetch_api_url or job.machine.github_api_url).rstrip("/")
    wanted = Fetching(job.config.repository, api_url, events=job.config.events, waits=bool(token))
    github = GitHub(token, api_url, budget_seconds=PATIENCE_SECONDS, on_wait=job.say)
    try:
        found = fetch(github, wanted, job.data, tell=job.say)
    except GitHubError as error:
        if isinstance(error, RateLimited) and not token:
            raise type(error)(error.what, TOKEN_REMEDY) from error
        raise
    totals = found.totals
    return Made(f"{found.new:,} new, {found.changed:,} changed", totals.open + totals.closed + totals.unknown)


def prepare_issues(job: Job) -> Made:
    """Drops, strips, maps and redacts."""

    def make() -> Made:
        report = prepare(job.data, job.labels, wanted, counted)
        dropped = [f"{count:,} {reason}" for reason, count in report.dropped.items() if count]
        redacted = f"{sum(report.redacted.values()):,} secrets and addresses redacted"
        return Made(f"dropped: {', '.join(dropped) or 'none'}; {redacted}", report.kept)

    wanted = Preparing()
    return _once(job, "prepare", [ISSUES, labels_file(job.data).name], asdict(wanted), PREPARED, make)


def label_issues(job: Job) -> Made:
    """Has the annotators label what has no answer of theirs yet, and says how far they agree.

    Raises:
        LabelerError: the service ended it, or the next request could cost more than `label.max_cost` allows; what is
            answered by then is kept.
    """
    cost = 0.0
    told = "the repository's own labels"
    count = len(read_prepared(job.data))
    if job.annotators:
        made = _once(
            job, "annotate", [PREPARED], [(one.name, one.prompt.hash) for one in job.annotators], ANSWERS,
            lambda: _annotate(job), again=bool(what_is_left(job).tasks),
        )  # fmt: skip
        told, count, cost = made.what, made.rows, made.cost
    if read_answers(job.data, job.labels).annotators:
        files = [PREPARED, ANSWERS, DECISIONS, labels_file(job.data).name]
        made = _once(job, "agreement", files, asdict(rule_of(job)), AGREEMENT, lambda: _agreement(job))
        told += f"; {made.what}"
    return Made(told, count, cost)


def split_issues(job: Job) -> Made:
    """Splits in the data folder, then writes the dated folder's dataset."""
    _once(
        job, "split", [PREPARED, ANSWERS, DECISIONS, AGREEMENT, SYNTHETIC, labels_file(job.data).name],
        asdict(splitting_of(job)), DATASET, lambda: _split(job),
    )  # fmt: skip
    found = assemble(job.data, job.dataset, job.path(job.config.corrections))
    told = ", ".join(f"{name} {count:,}" for name, count in found.rows.items())
    if job.config.corrections:
        told += f"; {found.corrected:,} of train as corrected in the field"
    left_out = [f"{count:,} {reason}" for reason, count in found.left_out.items() if count]
    return Made(told + (f"; left out: {', '.join(left_out)}" if left_out else ""), sum(found.rows.values()))


def what_is_left(job: Job) -> Plan:
    """What the annotators would be asked."""
    return plan(job.data, job.annotators, under_way=list(under_way(read_jobs(job.data))))


def budget_of(job: Job) -> str:
    limit = job.config.label_max_cost
    return "anything" if limit is None else f"label.max_cost = {limit:g} US dollars"


def rule_of(job: Job) -> Rule:
    return Rule(job.config.label_votes or None, job.config.label_min_agreement)


def splitting_of(job: Job) -> Splitting:
    """Labels of one kind only: beside the annotators' the repository's own would be another task."""
    config = job.config
    train, validation, test = config.split_shares
    labels_from = "annotators" if job.annotators else "repository"
    return Splitting((train, validation, test), config.split_test_from, config.split_seed, labels_from)


def _once(
    job: Job,
    step: str,
    files: list[str],
    options: object,
    output: str,
    make: Callable[[], Made],
    *,
    again: bool = False,
) -> Made:
    """Does a step of the data folder unless its inputs are the same; `again` has it done all the same."""
    ledger = Ledger(job.data, lambda step: None)
    if again:
        ledger.forget(step)
    ledger.once(step, files, options, output, make)
    return ledger.steps[-1].made


def _annotate(job: Job) -> Made:
    planned = what_is_left(job)
    tally = _ask(job, planned)
    told = f"{tally.labelled:,} new answers of {', '.join(one.name for one in job.annotators)}"
    told += f", {tally.failed:,} failed" if tally.failed else ""
    made = Made(told, planned.answered + tally.labelled, tally.cost)
    if isinstance(tally.error, OverBudget):
        what = f"{len(planned.tasks) - tally.labelled:,} questions are open, and asking on could cost more than "
        what += f"{budget_of(job)}."
        remedy = "Run the same command again to go on: what is answered is kept. Or allow more."
        raise Incomplete(made, LabelerError(what, remedy))
    # A failure may pass: the next run tries again.
    if tally.error is not None or tally.failed:
        raise Incomplete(made, tally.error)
    return made


def _ask(job: Job, planned: Plan) -> Tally:
    budget = job.asker.budget
    before = budget.spent
    with counted_with(len(planned.tasks), "asking", "${:.4f}") as advance:
        tally = annotate(
            job.data,
            planned.tasks,
            job.asker.pace,
            concurrency=job.config.label_concurrency,
            on_answer=lambda answer: advance(budget.spent),
            on_interrupt=lambda count: job.say(f"waiting for {count} requests under way, which are paid"),
        )
    for error, count in sorted(tally.errors.items(), key=lambda one: -one[1])[:5]:
        job.say(f"  {count:,} × {error}")
    # What a task cost that was given up half-way is in no answer, but it is spent.
    tally.cost = budget.spent - before
    return tally


def _agreement(job: Job) -> Made:
    decisions = read_decisions(job.data, job.labels)
    decided = {issue: one for issue, one in decisions.items() if one.labels is not None}
    answers = read_answers(job.data, job.labels)
    found = measure(read_prepared(job.data), answers, job.labels, rule_of(job), decided)
    write_report(job.data, found)
    mean = "" if found.mean_jaccard is None else f"mean Jaccard index {found.mean_jaccard:.2f}, "
    return Made(f"{mean}{len(found.disputed):,} disputed, {found.undecided:,} of them undecided", found.issues)


def _split(job: Job) -> Made:
    report = split(job.data, job.labels, splitting_of(job))
    told = ", ".join(f"{name} {count:,}" for name, count in report.rows.items())
    left_out = sum(report.left_out.values())
    return Made(told + (f"; {left_out:,} left out" if left_out else ""), sum(report.rows.values()))
