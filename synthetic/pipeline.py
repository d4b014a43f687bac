"""All steps from a repository's issues to a dataset in one go.

Every step is resumable by itself, and done again only where what it rests on has changed (synthetic.workspace.ledger):
a run that was killed, or that ended at a limit of cost, is simply run again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.console.progress import counted
from labeler.data.dataset import Row
from labeler.data.dataset_folder import DATASET, open_dataset
from labeler.labels.label_set import LabelSet
from synthetic.annotating.agreement_report import write_report
from synthetic.annotating.consensus import Rule, read_answers, read_decisions
from synthetic.annotating.generation import REQUESTS, SOURCE, generate, read_written
from synthetic.annotating.plan import Plan, plan, read_prepared
from synthetic.annotating.reliability import measure
from synthetic.dataset.splitting import Wanted as Splitting
from synthetic.dataset.splitting import split
from synthetic.llm.batch import read_jobs, under_way
from synthetic.llm.failures import OverBudget
from synthetic.preparing.preparation import Wanted as Preparing
from synthetic.preparing.preparation import prepare
from synthetic.workspace.jsonl import read_lines
from synthetic.workspace.ledger import Done, Incomplete, Ledger, Made
from synthetic.workspace.records import AGREEMENT, ANSWERS, DECISIONS, ISSUES, PREPARED, SYNTHETIC, labels_file

if TYPE_CHECKING:
    from labeler.fetch.hub_upload import Upload
    from synthetic.annotating.annotation import Tally
    from synthetic.annotating.writer import Writer
    from synthetic.fetching.fetcher import Fetched
    from synthetic.llm.gemini import Annotator


@dataclass(frozen=True)
class Recipe:
    """What is to be made, and by whom.

    Attributes:
        fetch: brings issues.jsonl up to date.
        annotators: none: the labels are the repository's own, and what people decided.
        annotate: has a plan's tasks done.
        writer: writes issues until each label has `per_label` training rows; None for none.
        publish: uploads the dataset to `published_as`; None for not.
    """

    labels: LabelSet
    fetch: Callable[[], Fetched]
    annotators: Sequence[Annotator]
    annotate: Callable[[Plan], Tally]
    preparing: Preparing = field(default_factory=Preparing)
    rule: Rule = field(default_factory=Rule)
    splitting: Splitting = field(default_factory=Splitting)
    writer: Writer | None = None
    per_label: int = 0
    publish: Callable[[], Upload] | None = None
    published_as: str = ""


@dataclass(frozen=True)
class Built:
    """What a run came to.

    Attributes:
        cost: US dollars of all runs so far.
        undecided: disputed issues that wait for people.
        over_budget: --max-cost ended the run before all was done.
    """

    steps: tuple[Done, ...]
    cost: float
    undecided: int
    over_budget: bool


def build(folder: Path, recipe: Recipe, say: Callable[[str], None] = lambda text: None) -> Built:
    """Does what is left to do. `say` is told of each step as it begins.

    Raises:
        LabelerError: of any step; what is done by then is kept.
    """
    run = _Run(folder, recipe, say)
    over_budget = False
    try:
        run.all()
    except OverBudget:
        over_budget = True
    return Built(tuple(run.ledger.steps), spent(folder), run.undecided, over_budget)


def what_is_left(folder: Path, recipe: Recipe, say: Callable[[str], None] = lambda text: None) -> Plan:
    """Fetches and prepares, and says what would then be asked: for an estimate."""
    run = _Run(folder, recipe, say)
    run.fetch_and_prepare()
    return run.plan()


def spent(folder: Path) -> float:
    """US dollars of all requests that the folder knows of."""
    lines = (line for name in (ANSWERS, REQUESTS) for line in read_lines(folder / name))
    return sum(float(line.get("cost", 0.0)) for line in lines)


class _Run:
    """One run over the steps."""

    def __init__(self, folder: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        self.folder, self.recipe = folder, recipe
        self.ledger, self.undecided = Ledger(folder, say), 0
        self.labels_file = labels_file(folder).name

    def all(self) -> None:
        recipe, once = self.recipe, self.ledger.once
        self.fetch_and_prepare()
        if recipe.annotators:
            annotators = [(one.name, one.prompt.hash) for one in recipe.annotators]
            if self.plan().tasks:
                self.ledger.forget("annotate")  # answers that were there are gone
            once("annotate", [PREPARED], annotators, ANSWERS, self._annotate)
        if read_answers(self.folder, recipe.labels).annotators:
            files = [PREPARED, ANSWERS, DECISIONS, self.labels_file]
            once("agreement", files, asdict(recipe.rule), AGREEMENT, self._agreement)
            found = json.loads((self.folder / AGREEMENT).read_text(encoding="utf-8"))
            self.undecided = int(found["undecided"])
        self._split()
        if recipe.writer is not None:
            # Not by the training rows themselves: the next split may exchange some with validation.
            counts = Counter(name for row in self._real_rows() if row.split != "test" for name in row.labels)
            options = [counts, recipe.writer.model, recipe.per_label]
            once("generate", [self.labels_file], options, SYNTHETIC, self._generate)
            self._split()
        if recipe.publish is not None:
            once("publish", [DATASET, self.labels_file, AGREEMENT], recipe.published_as, DATASET, self._publish)

    def fetch_and_prepare(self) -> None:
        # GitHub is always asked what has changed: one request where nothing has.
        self.ledger.always("fetch", self._fetch)
        files = [ISSUES, self.labels_file]
        self.ledger.once("prepare", files, asdict(self.recipe.preparing), PREPARED, self._prepare)

    def plan(self) -> Plan:
        held = list(under_way(read_jobs(self.folder)))
        return plan(self.folder, self.recipe.annotators, under_way=held)

    def _real_rows(self) -> list[Row]:
        return [row for row in open_dataset(self.folder).rows() if row.source != SOURCE]

    def _split(self) -> None:
        files = [PREPARED, ANSWERS, DECISIONS, AGREEMENT, SYNTHETIC, self.labels_file]
        self.ledger.once("split", files, asdict(self.recipe.splitting), DATASET, self._split_now)

    def _fetch(self) -> Made:
        found = self.recipe.fetch()
        totals = found.totals
        more = "" if found.complete else "; there are more"
        return Made(f"{found.new:,} new, {found.changed:,} changed{more}", totals.open + totals.closed + totals.unknown)

    def _prepare(self) -> Made:
        report = prepare(self.folder, self.recipe.labels, self.recipe.preparing, counted)
        dropped = [f"{count:,} {reason}" for reason, count in report.dropped.items() if count]
        redacted = f"{sum(report.redacted.values()):,} secrets and addresses redacted"
        return Made(f"dropped: {', '.join(dropped) or 'none'}; {redacted}", report.kept)

    def _annotate(self) -> Made:
        planned = self.plan()
        if planned.other_prompts:
            others = f"{planned.other_prompts:,} answers are to another prompt or label list"
            self.ledger.say(f"{others}: they stay, and do not count")
        tally = self.recipe.annotate(planned)
        told = f"answers of {', '.join(one.name for one in self.recipe.annotators)}"
        told += f"; {tally.failed:,} failed" if tally.failed else ""
        made = Made(told, planned.answered + tally.labelled, tally.cost)
        # A failure may pass: the next run tries again.
        if tally.error is not None or tally.failed:
            raise Incomplete(made, tally.error)
        return made

    def _agreement(self) -> Made:
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

    def _generate(self) -> Made:
        writer = self.recipe.writer
        assert writer is not None
        before = writer.asker.budget.spent
        found = generate(self.folder, writer, self.recipe.per_label)
        told = f"{sum(found.kept.values()):,} new, {sum(found.dropped.values()):,} dropped"
        made = Made(told, len(read_written(self.folder)), writer.asker.budget.spent - before)
        if found.error is not None:
            raise Incomplete(made, found.error)
        return made

    def _publish(self) -> Made:
        assert self.recipe.publish is not None
        done = self.recipe.publish()
        rows = next(one.made.rows for one in self.ledger.steps if one.step == "split")
        return Made(f"{done.url}, commit {done.commit[:12]}" + ("" if done.changed else ", unchanged"), rows)
