"""From new issues to a published model, or to the reason why there is none: stages over a ledger, a log, a report.

A stage is done again only where what it rests on has changed, so a retraining that broke off is simply run again. Only
what the gate has passed is published.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path

from labeler.data.textfile import one_line
from labeler.errors import InputError, LabelerError
from labeler.model.bundle import MANIFEST
from synthetic.pipeline import spent
from synthetic.workspace.ledger import Ledger, Made
from training.retrain import data_stages
from training.retrain import stages as retrain_stages
from training.retrain.job import EVALUATION, GATE, PUBLISHED, Job, Outcome
from training.retrain.page import write_report

LOG = "retrain.log"
_MAKE: Mapping[str, Callable[[Job], Made]] = {
    "fetch": data_stages.fetch_issues,
    "prepare": data_stages.prepare_issues,
    "label": data_stages.label_issues,
    "split": data_stages.split_issues,
    "tune": retrain_stages.tune,
    "export": retrain_stages.export,
    "evaluate": retrain_stages.evaluate,
    "gate": retrain_stages.judge,
    "publish": retrain_stages.publish,
}
_NEEDS = {
    "prepare": "fetch", "label": "prepare", "split": "prepare", "tune": "split", "export": "tune",
    "evaluate": "export", "gate": "export", "publish": "export",
}  # fmt: skip


class Log:
    """Says things on stderr and, with their time, in a file. The file is made with the first word."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __call__(self, text: str) -> None:
        print(one_line(text), file=sys.stderr, flush=True)
        self.note(text)

    def note(self, text: str) -> None:
        """For the file alone."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        now = datetime.now().isoformat(" ", "seconds")
        with open(self._path, "a", encoding="utf-8") as file:
            file.writelines(f"{now} {one_line(line)}\n" for line in text.splitlines())


def retrain(job: Job, log: Log) -> Outcome:
    """Does what is left to do, and writes the report whatever comes of it. The caller keeps other runs out of the data
    folder (`synthetic.workspace.lock`).

    Raises:
        LabelerError: of any stage, or because the gate was not asked; what is done by then is kept.
    """
    ledger, before = Ledger(job.folder, log), spent(job.data)

    def outcome(status: str, why: str = "") -> Outcome:
        published = job.read(PUBLISHED) if status == "published" else None
        total = spent(job.data)
        pin = published["pin"] if published else ""
        return Outcome(status, why, pin, job.folder, tuple(ledger.steps), total - before, total)

    log.note(f"retraining {job.config.repository}: {', '.join(job.stages)}; champion {job.champion}")
    try:
        found = outcome(*_stages(job, ledger, log))
    except LabelerError as error:
        log.note(f"error: {error}")
        write_report(job, outcome("stopped", error.what))
        raise
    except BaseException:
        log.note(traceback.format_exc())
        raise
    log.note(f"{found.status} {found.pin}{found.why}")
    write_report(job, found)
    return found


def _stages(job: Job, ledger: Ledger, log: Log) -> tuple[str, str]:
    """Status and reason."""
    for stage in job.stages:
        _check_needs(job, stage)
        if stage == "publish":
            if not job.config.publish_to:
                log("publish: nowhere, since publish.to is not set")
                continue
            if job.unjudged:
                log("the gate is skipped: what is published has not been judged")
            elif why := retrain_stages.check_verdict(job):
                return "refused", why
        files, options, output = _inputs(job, stage)
        ledger.once(stage, files, options, output, partial(_MAKE[stage], job))
        done = next(one for one in ledger.steps if one.step == stage)
        log(f"  {'as before: ' if done.skipped else ''}{done.made.what}")
        if stage == "gate" and (why := retrain_stages.check_verdict(job)):
            return "refused", why
    return ("published" if "publish" in {one.step for one in ledger.steps} else "done"), ""


def _check_needs(job: Job, stage: str) -> None:
    needed = _NEEDS.get(stage)
    if needed and not (path := job.folder / _inputs(job, needed)[2]).is_file():
        raise InputError(f"{stage}: there is no {path}", f"Do the stage {needed} too: it makes it.")


def _inputs(job: Job, stage: str) -> tuple[list[str], object, str]:
    """Files that a stage reads, what else it rests on, and what it writes: paths from the dated folder.

    Of the data folder's files those count that people write. The others grow from run to run, and a retraining stays
    with the issues it began with.
    """
    config, data = job.config, "../data"
    people = [f"{data}/labels.yml", f"{data}/decisions.jsonl"]
    issues = [config.repository, config.fetch_api_url, config.events]
    labelled = [*issues, [(one.name, one.prompt.hash) for one in job.recipe.annotators], asdict(job.recipe.rule)]
    split = [*labelled, asdict(job.recipe.splitting)]
    dataset = [f"dataset/{name}" for name in ("dataset.csv", "labels.yml", "sources.yml")]
    bundle = f"run/bundle/{MANIFEST}"
    return {
        "fetch": ([], issues, f"{data}/issues.jsonl"),
        "prepare": (people[:1], issues, f"{data}/prepared.jsonl"),
        "label": (people, labelled, f"{data}/prepared.jsonl"),
        "split": ([*people, *_corrections(job)], split, dataset[0]),
        "tune": (
            dataset,
            [config.tune_base, config.tune_backend, asdict(job.settings)],
            "run/adapter/adapter_config.json",
        ),
        "export": (
            ["run/adapter/adapter_model.safetensors", *dataset],
            [config.model_name, job.day, config.export_target_precision],
            bundle,
        ),
        "evaluate": ([*dataset, bundle], [job.champion, retrain_stages.BASELINES], EVALUATION),
        "gate": ([*dataset, bundle], [job.champion, asdict(job.rules)], GATE),
        "publish": ([bundle], [config.publish_to, config.publish_private], PUBLISHED),
    }[stage]


def _corrections(job: Job) -> list[str]:
    from labeler.data.dataset_folder import LABELS, SOURCES
    from training.retrain.dataset import CORRECTIONS

    given = job.path(job.config.corrections)
    if given is None:
        return []
    file = (given / CORRECTIONS if given.is_dir() else given).resolve()
    return [str(path) for path in (file, file.parent / LABELS, file.parent / SOURCES)]
