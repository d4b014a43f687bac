"""All steps from a repository's issues to a dataset, or some of them: of `synthetic build`, and of a retraining.

Every step is resumable by itself, and done again only where what it rests on has changed (synthetic.workspace.ledger):
a run that was killed, or that ended at a limit of cost, is simply run again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from labeler.console.progress import counted
from labeler.data.dataset_folder import DATASET, open_dataset
from labeler.github.refusals import NoNetwork
from synthetic.annotating.agreement_report import write_report
from synthetic.annotating.consensus import read_answers, read_decisions
from synthetic.annotating.generation import REQUESTS, SOURCE, generate, read_written
from synthetic.annotating.plan import Plan, plan, read_prepared
from synthetic.annotating.reliability import measure
from synthetic.annotating.spending import annotate_with_bar
from synthetic.dataset.splitting import split
from synthetic.fetching.fetcher import read_state
from synthetic.fetching.from_github import fetch_from_github
from synthetic.llm.batch import read_jobs, under_way
from synthetic.llm.failures import OverBudget
from synthetic.preparing.preparation import prepare
from synthetic.recipe import STEPS, Recipe, Step
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.ledger import Done, Incomplete, Ledger, Made
from synthetic.workspace.records import AGREEMENT, ANSWERS, DECISIONS, ISSUES, PREPARED, SYNTHETIC, labels_file

Say = Callable[[str], None]
FREE: tuple[Step, ...] = ("fetch", "prepare")  # before anybody is asked: as far as a dry run goes


@dataclass(frozen=True)
class Built:
    """What a run came to.

    Attributes:
        cost: US dollars of all runs so far.
        undecided: disputed issues that wait for people.
        over_budget: the limit of cost ended the run before all was done.
    """

    steps: tuple[Done, ...]
    cost: float
    undecided: int
    over_budget: bool


def build(
    folder: Path,
    recipe: Recipe,
    say: Say = lambda text: None,
    *,
    only: Collection[Step] = STEPS,
    on_step: Say | None = None,
) -> Built:
    """Does what is left to do of the steps `only`, in the order of STEPS.

    Args:
        say: told what a person should know beside the result.
        on_step: told of each step as it begins; None for `say`.

    Raises:
        LabelerError: of any step; what is done by then is kept.
    """
    run = _Run(folder, recipe, say, only, on_step or say)
    over_budget = False
    try:
        run.all()
    except OverBudget:
        over_budget = True
    return Built(tuple(run.ledger.steps), spent(folder), run.undecided, over_budget)


def rehearse(folder: Path, recipe: Recipe, say: Say = lambda text: None, only: Collection[Step] = FREE) -> Built:
    """`build` as far as a dry run goes. Without a network it goes by the issues that are there already."""
    try:
        return build(folder, recipe, say, only=only)
    except NoNetwork as error:
        if not (folder / ISSUES).is_file():
            raise
        say(f"{error.what} Going by the issues that were fetched before.")
        return build(folder, recipe, say, only=[step for step in only if step != "fetch"])


def what_is_left(folder: Path, recipe: Recipe) -> Plan:
    """What the annotators would be asked about the prepared issues. Raises InputError where there are none."""
    held = list(under_way(read_jobs(folder)))
    return plan(folder, recipe.annotators, under_way=held)


def spent(folder: Path) -> float:
    """US dollars of all requests that the folder knows of."""
    lines = (line for name in (ANSWERS, REQUESTS) for line in read_lines(folder / name))
    return sum(float(line.get("cost", 0.0)) for line in lines)


class _Run:
    """One run over the steps. Of each, one method asks the ledger whether it is to be done, and one does it."""

    def __init__(self, folder: Path, recipe: Recipe, say: Say, only: Collection[Step], on_step: Say) -> None:
        self.folder, self.recipe, self.say, self.only = folder, recipe, say, only
        self.ledger, self.undecided = Ledger(folder, on_step), 0
        self.labels_file = labels_file(folder).name

    def all(self) -> None:
        steps: dict[Step, Callable[[], None]] = {
            "fetch": self._fetch, "prepare": self._prepare, "annotate": self._annotate, "agreement": self._agreement,
            "split": self._split, "generate": self._generate, "publish": self._publish,
        }  # fmt: skip
        for step in STEPS:
            if step in self.only:
                steps[step]()

    def _fetch(self) -> None:
        # GitHub is always asked what has changed: one request where nothing has.
        self.ledger.always("fetch", self._fetch_now)

    def _prepare(self) -> None:
        state = None if "fetch" in self.only else read_state(self.folder)
        if state is not None and not state.complete:
            self.say(f"{self.folder / ISSUES}: not all issues are fetched; there are more")
        files = [ISSUES, self.labels_file]
        self.ledger.once("prepare", files, asdict(self.recipe.preparing), PREPARED, self._prepare_now)

    def _annotate(self) -> None:
        if not self.recipe.annotators:
            return
        annotators = [(one.name, one.prompt.hash) for one in self.recipe.annotators]
        if what_is_left(self.folder, self.recipe).tasks:
            self.ledger.forget("annotate")  # answers that were there are gone
        self.ledger.once("annotate", [PREPARED], annotators, ANSWERS, self._annotate_now)

    def _agreement(self) -> None:
        if not read_answers(self.folder, self.recipe.labels).annotators:
            return
        files = [PREPARED, ANSWERS, DECISIONS, self.labels_file]
        self.ledger.once("agreement", files, asdict(self.recipe.rule), AGREEMENT, self._agreement_now)
        found = json.loads((self.folder / AGREEMENT).read_text(encoding="utf-8"))
        self.undecided = int(found["undecided"])

    def _split(self) -> None:
        files = [PREPARED, ANSWERS, DECISIONS, AGREEMENT, SYNTHETIC, self.labels_file]
        self.ledger.once("split", files, asdict(self.recipe.splitting), DATASET, self._split_now)

    def _generate(self) -> None:
        writing = self.recipe.writing
        if writing is None:
            return
        # Not by the training rows themselves: the next split may exchange some with validation.
        real = [row for row in open_dataset(self.folder).rows() if row.source != SOURCE]
        counts = Counter(name for row in real if row.split != "test" for name in row.labels)
        options = [counts, writing.writer.model, writing.per_label]
        self.ledger.once("generate", [self.labels_file], options, SYNTHETIC, self._generate_now)
        self._split()

    def _publish(self) -> None:
        if self.recipe.publishing is None:
            return
        files = [DATASET, self.labels_file, AGREEMENT]
        self.ledger.once("publish", files, self.recipe.publishing.repository, DATASET, self._publish_now)

    def _fetch_now(self) -> Made:
        found = fetch_from_github(self.recipe.machine, self.recipe.fetching, self.folder, self.say)
        totals = found.totals
        more = "" if found.complete else "; there are more"
        return Made(f"{found.new:,} new, {found.changed:,} changed{more}", totals.open + totals.closed + totals.unknown)

    def _prepare_now(self) -> Made:
        report = prepare(self.folder, self.recipe.labels, self.recipe.preparing, counted)
        dropped = [f"{count:,} {reason}" for reason, count in report.dropped.items() if count]
        redacted = f"{sum(report.redacted.values()):,} secrets and addresses redacted"
        return Made(f"dropped: {', '.join(dropped) or 'none'}; {redacted}", report.kept)

    def _annotate_now(self) -> Made:
        planned = what_is_left(self.folder, self.recipe)
        if planned.other_prompts:
            others = f"{planned.other_prompts:,} answers are to another prompt or label list"
            self.say(f"{others}: they stay, and do not count")
        recipe = self.recipe
        tally = annotate_with_bar(self.folder, planned.tasks, recipe.asker, self.say, concurrency=recipe.concurrency)
        for error, count in sorted(tally.errors.items(), key=lambda one: -one[1])[:5]:
            self.say(f"  {count:,} × {error}")
        told = f"{tally.labelled:,} new answers of {', '.join(one.name for one in recipe.annotators)}"
        told += f"; {tally.failed:,} failed" if tally.failed else ""
        made = Made(told, planned.answered + tally.labelled, tally.cost)
        # A failure may pass: the next run tries again.
        if tally.error is not None or tally.failed:
            raise Incomplete(made, tally.error)
        return made

    def _agreement_now(self) -> Made:
        labels = self.recipe.labels
        decisions = read_decisions(self.folder, labels)
        decided = {issue: one for issue, one in decisions.items() if one.labels is not None}
        answers = read_answers(self.folder, labels)
        found = measure(read_prepared(self.folder), answers, labels, self.recipe.rule, decided)
        write_report(self.folder, found)
        mean = "" if found.mean_jaccard is None else f"mean Jaccard index {found.mean_jaccard:.2f}, "
        return Made(f"{mean}{len(found.disputed):,} disputed, {found.undecided:,} of them undecided", found.issues)

    def _split_now(self) -> Made:
        report = split(self.folder, self.recipe.labels, self.recipe.splitting)
        told = ", ".join(f"{name} {count:,}" for name, count in report.rows.items())
        left_out = sum(report.left_out.values())
        return Made(told + (f"; {left_out:,} left out" if left_out else ""), sum(report.rows.values()))

    def _generate_now(self) -> Made:
        writing = self.recipe.writing
        assert writing is not None
        budget = writing.writer.asker.budget
        before = budget.spent
        found = generate(self.folder, writing.writer, writing.per_label)
        told = f"{sum(found.kept.values()):,} new, {sum(found.dropped.values()):,} dropped"
        made = Made(told, len(read_written(self.folder)), budget.spent - before)
        if found.error is not None:
            raise Incomplete(made, found.error)
        return made

    def _publish_now(self) -> Made:
        from synthetic.dataset.publication import package, send

        machine, publishing = self.recipe.machine, self.recipe.publishing
        assert publishing is not None
        made = package(self.folder, repository=publishing.repository)
        done = send(machine, publishing.repository, made, "Update the dataset", private=publishing.private)
        rows = sum(1 for _ in open_dataset(self.folder).rows())
        return Made(f"{done.url}, commit {done.commit[:12]}" + ("" if done.changed else ", unchanged"), rows)
