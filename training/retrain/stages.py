"""The stages from a dataset to a published model: tune, export, evaluate, gate, publish."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler.data.dataset_folder import DATASET, dataset_sha256
from labeler.data.textfile import one_line
from labeler.errors import InputError, LabelerError
from labeler.files import write_text
from labeler.model.bundle import MANIFEST, read_manifest, sha256
from synthetic.workspace.ledger import Made
from training.retrain.config import NONE
from training.retrain.job import EVALUATION, GATE, PUBLISHED, Job
from training.tuning.settings import TuningSettings

if TYPE_CHECKING:
    from eval.systems.results import Comparison
    from labeler.base.reader import Reader
    from labeler.labels.label_set import LabelSet
    from training.tuning.run_record import RunResult

BASELINES = "linear, majority"
CANDIDATE, CHAMPION = "candidate", "champion"
_ASKED = "asked.json"  # beside the run, not in it: written before there is a run


def tune(job: Job) -> Made:
    """Tunes, or goes on with what was begun with the same data and settings; another run is set aside.

    Raises:
        LabelerError: as `training.tuning.tuning_run.run`; or the process was killed.
    """
    config = job.config
    asked = {
        "data": dataset_sha256(job.dataset / DATASET),
        "base": config.tune_base,
        "backend": config.tune_backend,
        "settings": asdict(job.settings),
    }
    if job.run.is_dir() and job.read(_ASKED) != json.loads(json.dumps(asked)):
        aside = next(path for n in range(1, 1000) if not (path := job.folder / f"run-{n}").exists())
        job.run.rename(aside)
        job.say(f"the tuning that was begun with other data or settings is set aside: {aside}")
    write_text(job.folder / _ASKED, json.dumps(asked, indent=1) + "\n")
    # A process of its own: Unsloth patches what others use, and the memory of a GPU is given back with it.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        try:
            result = pool.submit(
                _tune, job.settings, job.dataset, config.tune_base, job.run, config.tune_backend
            ).result()  # fmt: skip
        except BrokenProcessPool as error:
            remedy = "Often that is too little memory: set batch_size or sequence_length lower, or check_memory=true."
            raise LabelerError("The process that tunes was killed.", f"{remedy}\nThe same command goes on.") from error
    scored = "" if result.validation_micro_f1 is None else f", micro-F1 {result.validation_micro_f1:.3f}"
    told = f"step {result.best_step:,} of {result.steps:,}, validation loss {result.validation_loss:.4f}{scored}"
    return Made(told, _rows(job, "train"))


def _tune(settings: TuningSettings, dataset: Path, base: str, out: Path, backend: str) -> RunResult:
    from training.tuning.tuning_run import run

    resume = (out / "run.json").is_file()
    return run(settings, dataset, base, out, backend=backend, resume=resume, bundle=False)


def _end_with_parent() -> None:
    """Or a retraining that was killed would leave a process behind that writes where the next one does."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def export(job: Job) -> Made:
    """Merges, exports, fits thresholds and calibration, writes the card."""
    from training.fitting.bundle_run import make_bundle

    bundle = make_bundle(
        job.run,
        name=job.config.model_name,
        version=job.day,
        target_precision=job.config.export_target_precision,
        progress=lambda step: job.say(f"  {step} …"),
    )
    manifest = read_manifest(bundle)
    size = sum(facts["size"] for facts in manifest.files.values())
    named = one_line(f"{manifest.name} {manifest.version}")
    return Made(f"{named}, {len(manifest.labels)} labels, {size / 1e6:.1f} MB", _rows(job, "validation"))


def evaluate(job: Job) -> Made:
    """Candidate, champion and baselines on the test rows, as a page, Markdown, JSON and raw answers."""
    from eval.benchmarks.comparison import compare, entrants
    from eval.metrics.predictions import prediction_lines
    from eval.reports.html import write_html
    from eval.reports.markdown import markdown
    from labeler.base.examples import read_splits
    from labeler.base.store import default_store

    splits = read_splits(job.dataset)
    models = _readers(job, splits.labels)
    chosen = entrants(BASELINES, models, None)
    comparison = compare(splits, chosen, default_store(), cold_runs=1, say=lambda name: job.say(f"  {name} …"))
    named = [f"{key} {_title(reader)}" for key, reader in models.items()]
    comparison = replace(comparison, title=f"{', '.join(named)}: {job.config.repository}")
    lines = (json.dumps(line, ensure_ascii=False) for line in prediction_lines(comparison))
    write_text(job.folder / "predictions.jsonl", "".join(f"{line}\n" for line in lines))
    write_html(comparison, job.folder / "comparison.html")
    write_text(job.folder / "evaluation.md", markdown(comparison))
    found = _figures(comparison, {key: _title(reader) for key, reader in models.items()})
    found |= {"bundle": sha256(job.bundle / MANIFEST), "champion": job.champion}
    write_text(job.folder / EVALUATION, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    scores = [f"{row['name']} {row['micro_f1'][0]:.3f}" for row in found["systems"] if row["shown"]]
    return Made(f"micro-F1: {', '.join(scores)}", len(splits.test))


def judge(job: Job) -> Made:
    """Asks the gate, and writes gate.json whatever it says."""
    from eval.gate.evidence import gather
    from eval.gate.gating import judge as ask
    from labeler.base.examples import read_splits
    from labeler.base.store import default_store

    splits = read_splits(job.dataset)
    models = _readers(job, splits.labels)
    evidence = gather(
        models[CANDIDATE], models.get(CHAMPION), splits, job.rules, default_store(),
        lambda step: job.say(f"  {step} …"),
    )  # fmt: skip
    findings = ask(evidence, job.rules)
    refusing = [one.rule for one in findings if one.passed is False]
    rules = [{"rule": one.rule, "passed": one.passed, "reason": one.reason} for one in findings]
    verdict = {"passed": not refusing, "champion": job.champion, "bundle": sha256(job.bundle / MANIFEST)}
    write_text(job.folder / GATE, json.dumps(verdict | {"rules": rules}, indent=1, ensure_ascii=False) + "\n")
    told = f"refused by {', '.join(refusing)}" if refusing else "may be published"
    return Made(told, len(splits.test))


def publish(job: Job) -> Made:
    """Uploads the bundle, fetches it back and notes the pin."""
    from training.publish import parse_target, read_content

    content = read_content(job.bundle)
    target = parse_target(job.config.publish_to, content.name)
    done = target.publish(content, job.recipe.machine, private=job.config.publish_private, wait=time.sleep)
    facts = {"pin": done.pin, "url": done.url, "bundle": sha256(job.bundle / MANIFEST), "champion": job.champion}
    write_text(job.folder / PUBLISHED, json.dumps(facts, indent=1) + "\n")
    return Made(done.pin + ("" if done.changed else ", which was there already"), len(content.files))


def check_verdict(job: Job) -> str:
    """Why the bundle may not be published; "" where it may.

    Raises:
        InputError: the gate was not asked of this bundle.
    """
    verdict = job.read(GATE)
    if verdict is None or verdict["bundle"] != sha256(job.bundle / MANIFEST):
        what = f"{job.bundle}: the gate has not judged it"
        raise InputError(what, "Do the stage gate too, or publish without it: --skip gate.")
    reasons = [f"{one['rule']}: {one['reason']}" for one in verdict["rules"] if one["passed"] is False]
    return "" if verdict["passed"] else "\n".join(reasons)


def _readers(job: Job, labels: LabelSet) -> dict[str, Reader]:
    """The candidate and, where there is one, the champion, both asked with the dataset's labels."""
    from eval.systems.bundles import open_reader
    from labeler.base.store import default_store

    store = default_store()
    found = {CANDIDATE: open_reader(str(job.bundle), labels, store)}
    if job.champion != NONE:
        found[CHAMPION] = open_reader(job.champion, labels, store)
    return found


def _title(reader: Reader) -> str:
    manifest = read_manifest(reader.folder)
    return one_line(f"{manifest.name} {manifest.version}")


def _figures(comparison: Comparison, titles: dict[str, str]) -> dict[str, Any]:
    """What the report shows; `shown`: whether a reader in a hurry wants the row. Intervals: [value, low, high]."""
    from eval.benchmarks.comparison import MAIN
    from eval.reports.figures import LINEAR, rows

    found = []
    for row in rows(comparison):
        result, less = row.worth.result, row.difference
        label = result.key.partition(":")[2] or (CANDIDATE if len(titles) == 1 else "")
        by_thresholds = result.key.partition(":")[0] == MAIN
        found.append(
            {
                "key": result.key,
                "name": f"{label} {titles[label]}" if by_thresholds else result.name,
                "shown": by_thresholds or result.key == LINEAR,
                "main": result.key == comparison.main,
                "micro_f1": [row.micro_f1.value, row.micro_f1.low, row.micro_f1.high],
                "macro_f1": [row.macro_f1.value, row.macro_f1.low, row.macro_f1.high],
                "less_main": less and [less.value, less.low, less.high],
                "coverage": row.worth.coverage.value,
                "precision": row.worth.precision.value,
                "seconds_an_issue": result.seconds_an_issue,
                "cold_seconds": result.cold_seconds,
                "megabytes": result.size_megabytes,
            }
        )
    return {"test": len(comparison.test), "train": comparison.train_size, "systems": found}


def _rows(job: Job, split: str) -> int:
    from labeler.data.dataset import read_dataset

    return sum(row.split == split for row in read_dataset(job.dataset / DATASET))
