"""The first four stages, from new issues to a dataset: what `synthetic build` does, less its writing and uploading.

Each has two ledgers over it. The data folder's, which `synthetic.pipeline` keeps, asks whether anything has changed
there since the step was last done; that of the dated folder, one above, holds a retraining to its data: once its
dataset is split, going on with it another day does not begin again with newer issues.
"""

from __future__ import annotations

from collections.abc import Mapping

from labeler.errors import LabelerError
from synthetic.annotating.plan import read_prepared
from synthetic.pipeline import Built, build, what_is_left
from synthetic.recipe import Step
from synthetic.workspace.ledger import Made
from training.retrain.dataset import assemble
from training.retrain.job import Job

# What the pipeline calls the steps of a stage.
_STEPS: Mapping[str, tuple[Step, ...]] = {
    "fetch": ("fetch",), "prepare": ("prepare",), "label": ("annotate", "agreement"), "split": ("split",),
}  # fmt: skip


def fetch_issues(job: Job) -> Made:
    """Brings the data folder's issues up to date. Raises GitHubError."""
    return _build(job, "fetch").steps[-1].made


def prepare_issues(job: Job) -> Made:
    """Drops, strips, maps and redacts."""
    return _build(job, "prepare").steps[-1].made


def label_issues(job: Job) -> Made:
    """Has the annotators label what has no answer of theirs yet, and says how far they agree.

    Raises:
        LabelerError: the service ended it, or the next request could cost more than `label.max_cost` allows; what is
            answered by then is kept.
    """
    built = _build(job, "label")
    if built.over_budget:
        left, limit = len(what_is_left(job.data, job.recipe).tasks), job.config.label_max_cost or 0.0
        what = f"{left:,} questions are open, and asking on could cost more than label.max_cost = {limit:g} US dollars."
        raise LabelerError(what, "Run the same command again to go on: what is answered is kept. Or allow more.")
    made = {one.step: one.made for one in built.steps}
    asked = made.get("annotate") or Made("the repository's own labels", len(read_prepared(job.data)))
    compared = made.get("agreement")
    return Made(f"{asked.what}; {compared.what}" if compared else asked.what, asked.rows, asked.cost)


def split_issues(job: Job) -> Made:
    """Splits in the data folder, then writes the dated folder's dataset."""
    _build(job, "split")
    found = assemble(job.data, job.dataset, job.path(job.config.corrections))
    told = ", ".join(f"{name} {count:,}" for name, count in found.rows.items())
    if job.config.corrections:
        told += f"; {found.corrected:,} of train as corrected in the field"
    left_out = [f"{count:,} {reason}" for reason, count in found.left_out.items() if count]
    return Made(told + (f"; left out: {', '.join(left_out)}" if left_out else ""), sum(found.rows.values()))


def _build(job: Job, stage: str) -> Built:
    """Which step begins is not said: the stage is."""
    return build(job.data, job.recipe, job.say, only=_STEPS[stage], on_step=lambda step: None)
