"""What a retraining would do, ask and cost: `--dry-run`. Fetches and prepares, which costs nothing, and stops there."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from synthetic.annotating.plan import Plan, read_prepared
from synthetic.pipeline import FREE, rehearse, what_is_left
from training.retrain.config import NONE
from training.retrain.job import STAGES, Job

if TYPE_CHECKING:
    from synthetic.llm.estimate import Estimate

SKIPPED = "not asked for"
NO_NETWORK = "not done: no network; what was fetched before counts"


@dataclass(frozen=True)
class Forecast:
    """What would be done, stage by stage, and what the annotators would cost."""

    stages: dict[str, str]
    estimate: tuple[Estimate, ...]


def forecast(job: Job) -> Forecast:
    """Brings the data folder up to date as far as `job.stages` ask for it, and says what would follow.

    Raises:
        LabelerError: of fetching or preparing.
    """
    from synthetic.llm.estimate import estimate

    built = rehearse(job.data, job.recipe, job.say, only=[step for step in FREE if step in job.stages])
    issues = read_prepared(job.data)
    labelled = len(issues) if job.recipe.annotators else sum(bool(one.labels) for one in issues)
    planned = what_is_left(job.data, job.recipe)
    rows = estimate(planned.tasks, planned.measured, job.config.label_concurrency) if "label" in job.stages else []
    said = {done.step: f"{done.made.rows:,} issues; {done.made.what}" for done in built.steps}
    said |= _ahead(job, planned, labelled)
    return Forecast(
        {stage: said.get(stage, NO_NETWORK) if stage in job.stages else SKIPPED for stage in STAGES}, tuple(rows)
    )


def _ahead(job: Job, planned: Plan, labelled: int) -> dict[str, str]:
    config, settings = job.config, job.settings
    train, validation, test = (round(labelled * share) for share in config.split_shares)
    steps = math.ceil(train / (settings.batch_size * settings.accumulation)) * settings.epochs
    names = ", ".join(one.name for one in job.recipe.annotators)
    asked = f"{len(planned.tasks):,} questions to {names}; {planned.answered:,} are answered"
    limit = "" if config.label_max_cost is None else f"; at most ${config.label_max_cost:g}"
    batches = f"{settings.epochs} epochs"
    batches += "" if settings.batch_tokens else f", about {steps:,} steps of {settings.batch_size} rows"
    champion = "no champion" if job.champion == NONE else f"champion {job.champion}"
    where = config.publish_to + (" (private)" if config.publish_private else "")
    return {
        "label": asked + limit if job.recipe.annotators else "the repository's own labels and people's decisions",
        "split": (f"test issues from {config.split_test_from}" if config.split_test_from else
                  f"about {train:,} train, {validation:,} validation, {test:,} test of {labelled:,} labelled issues")
        + (f"; with {config.corrections}" if config.corrections else ""),
        "tune": f"{config.tune_base}, preset {config.tune_preset}; {batches}",
        "export": f"{config.model_name} {job.day}",
        "evaluate": f"{champion}, linear baseline",
        "gate": "refuses with exit code 4",
        "publish": where or "nowhere: publish.to is not set",
    }  # fmt: skip


def as_json(found: Forecast) -> str:
    document: dict[str, Any] = {"stages": found.stages, "estimate": [asdict(row) for row in found.estimate]}
    return json.dumps(document, indent=1, ensure_ascii=False)


def show(job: Job, found: Forecast) -> None:
    from rich.table import Column
    from rich.text import Text

    from labeler.console.tables import styled, table
    from labeler.console.terminal import console
    from labeler.data.textfile import one_line
    from synthetic.llm.estimate import print_estimate

    output = console()
    output.print(Text(f"{one_line(job.config.repository)}, in {job.folder}", "bold"), soft_wrap=True)
    rows = (styled("dim" if row[1] == SKIPPED else "", row) for row in found.stages.items())
    output.print(table((Column(no_wrap=True), Column(overflow="fold")), rows, heads=False))
    if found.estimate:
        print_estimate(found.estimate)
    elif job.recipe.annotators:
        output.print("nothing is left to ask", style="dim")
