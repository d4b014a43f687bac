"""One retraining on one page: report.html, one file without script, and summary.md for a job's summary.

Made from what the stages left in the dated folder, so that it is the same whether they were done now or days ago. What
belongs to another bundle than the present one is not shown.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from labeler.base.markdown_table import markdown_table
from labeler.data.dataset_folder import DATASET, open_dataset
from labeler.data.textfile import one_line
from labeler.files import write_text
from labeler.github.summary import escape
from labeler.model.bundle import MANIFEST, sha256
from training.retrain.dataset import SPLITS
from training.retrain.job import EVALUATION, GATE, PUBLISHED, STAGES, Job, Outcome

REPORT, SUMMARY = "report.html", "summary.md"
_LEADS = {
    "published": "A new model is published.",
    "refused": "Refused: the new model is not published.",
    "done": "Done as far as was asked. Nothing is published.",
}
_FILES = (
    "retrain.log", "dataset/dataset.csv", "run/run.json", "run/log.jsonl", "run/bundle/README.md", "comparison.html",
    "predictions.jsonl", "gate.json", "published.json",
)  # fmt: skip


def write_report(job: Job, outcome: Outcome) -> None:
    """Writes both files. Raises InputError where a file of the folder is damaged."""
    facts = _facts(job, outcome)
    evaluation = job.folder / "evaluation.md"
    systems = evaluation.read_text(encoding="utf-8") if facts["systems"] and evaluation.is_file() else ""
    write_text(job.folder / SUMMARY, _markdown(facts, systems))
    write_text(job.folder / REPORT, _html(facts, job.run / "loss.svg"))


def _facts(job: Job, outcome: Outcome) -> dict[str, Any]:
    bundle = job.bundle / MANIFEST
    present = sha256(bundle) if bundle.is_file() else ""
    evaluation, gate, published = (_of(job.read(name), present) for name in (EVALUATION, GATE, PUBLISHED))
    failed = next((stage for stage in job.stages if stage not in {one.step for one in outcome.steps}), "")
    lead = _LEADS.get(outcome.status) or f"Stopped in the stage {failed}."
    return {
        "title": f"Retraining {one_line(job.config.repository)}, {job.day}",
        "status": outcome.status,
        "lead": lead,
        "why": [one_line(line) for line in outcome.why.splitlines()],
        "pin": outcome.pin,
        "url": published["url"] if published and outcome.pin else "",
        "test": evaluation["test"] if evaluation else 0,
        "systems": [row for row in evaluation["systems"] if row["shown"]] if evaluation else [],
        "rules": gate["rules"] if gate else [],
        "tuned": _tuned(job),
        "stages": [_stage(job, outcome, stage) for stage in STAGES],
        "cost": f"Asking models cost ${outcome.cost:.4f} in this run, ${outcome.total:.4f} in all runs so far."
        if outcome.total
        else "No model was paid for.",
        "files": [name for name in _FILES if (job.folder / name).is_file()],
        **_data(job),
    }


def _of(found: dict[str, Any] | None, bundle: str) -> dict[str, Any] | None:
    return found if found and found["bundle"] == bundle else None


def _data(job: Job) -> dict[str, Any]:
    """Issues of each label by split."""
    if not (job.dataset / DATASET).is_file():
        return {"splits": SPLITS, "labels": {}, "rows": {}}
    dataset = open_dataset(job.dataset)
    rows: Counter[str] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    for row in dataset.rows():
        rows[row.split] += 1
        counts.update((name, row.split) for name in row.labels)
    labels = {one_line(name): [counts[name, split] for split in SPLITS] for name in dataset.labels.names}
    return {"splits": SPLITS, "labels": labels, "rows": {split: rows[split] for split in SPLITS}}


def _tuned(job: Job) -> str:
    from training.tuning.run_record import read_record

    if not (job.run / "run.json").is_file():
        return ""
    record = read_record(job.run)
    base = record.base.name if record.base.revision else Path(record.base.name).name
    told = f"{base} by {record.backend} on {record.device}, {record.precision}"
    if record.result is None:
        return f"{told}; not finished."
    result = record.result
    scored = result.validation_micro_f1
    told += f"; {result.steps:,} steps in {result.seconds:,.0f} s, the best {result.best_step:,}: "
    told += f"validation loss {result.validation_loss:.4f}" + ("" if scored is None else f", micro-F1 {scored:.3f}")
    return one_line(f"{told}.")


def _stage(job: Job, outcome: Outcome, stage: str) -> dict[str, Any]:
    done = next((one for one in outcome.steps if one.step == stage), None)
    if done is None:
        what = "not reached" if stage in job.stages else "not asked for"
        return {"stage": stage, "rows": "", "cost": "", "time": "", "what": what, "dim": True}
    return {
        "stage": stage,
        "rows": f"{done.made.rows:,}",
        "cost": f"${done.made.cost:.4f}" if done.made.cost else "",
        "time": "as before" if done.skipped else f"{done.seconds:,.1f} s",
        "what": one_line(done.made.what),
        "dim": done.skipped,
    }


def _html(facts: dict[str, Any], loss: Path) -> str:
    from markupsafe import Markup

    from eval.reports.html import filled

    drawn = Markup(loss.read_text(encoding="utf-8")) if loss.is_file() else ""
    return filled(Path(__file__).with_name("page.html"), {"signed": _signed}, {"loss": drawn, **facts})


def _signed(value: float) -> str:
    from eval.reports.wording import minus

    return minus(f"{value:+.3f}")


def _markdown(facts: dict[str, Any], systems: str) -> str:
    parts = [f"## {escape(facts['title'], 200)}", f"**{escape(facts['lead'], 200)}**"]
    if facts["why"]:
        parts.append("\n".join(f"- {escape(line)}" for line in facts["why"]))
    if facts["pin"]:
        parts.append(f"In your workflow, under `with:` of the action:\n\n```yaml\nmodel: {facts['pin']}\n```")
    if facts["rules"]:
        marks = {True: "✓", False: "✗", None: "–"}
        rules = ((marks[one["passed"]], one["rule"], escape(one["reason"])) for one in facts["rules"])
        parts.append(markdown_table(("", "gate", ""), [*rules]))
    if systems:
        parts.append(systems.strip())
    stages = (
        (one["stage"], str(one["rows"]), escape(one["cost"]), one["time"], escape(one["what"]))
        for one in facts["stages"]
    )
    parts.append(markdown_table(("stage", "rows", "cost", "time", "what"), [*stages], "lrrrl"))
    parts.append(escape(facts["cost"]))
    return "\n\n".join(parts) + "\n"
