"""`python -m training retrain`: from new issues to a published model, or why not."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Any

from labeler.errors import UsageError

HELP = "fetch new issues, label, split, tune, export, evaluate, gate, publish: what has not changed is not done again"
EXAMPLES = """examples:
  python -m training retrain --config retrain.toml --dry-run        # plan, counts and cost; sends nothing to a model
  python -m training retrain --config retrain.toml
  python -m training retrain --repo owner/name --labels labels.yml --model gemini-2.5-flash --to owner/model
  python -m training retrain --config retrain.toml --date 2026-11-20 --only gate --only publish

Run the same command again to go on after a break; --date goes on with an earlier day's. All files are in OUT/DATE, with
report.html; issues and answers in OUT/data are shared by all days. examples/retrain.toml shows every setting.

stages: fetch, prepare, label, split, tune, export, evaluate, gate, publish
exit codes: 0 done; 4 refused by the gate, nothing is published; 1 failed; 2 wrong usage; 3 a bug; 130 interrupted"""
REFUSED = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from training.retrain.job import STAGES

    parser.add_argument("--config", type=Path, metavar="FILE", help="retrain.toml; the options below go over it")
    parser.add_argument("--out", type=Path, default=Path("retrain"), metavar="DIR", help="default: retrain")
    parser.add_argument("--date", type=_day, metavar="DATE", help="name of the folder in it; default: today")
    group = parser.add_argument_group("settings")
    group.add_argument("--repo", metavar="OWNER/NAME", help="whose issues")
    group.add_argument("--labels", metavar="FILE", help="labels.yml; becomes the data folder's own")
    group.add_argument(
        "--model", action="append", metavar="NAME", help="Gemini model that labels new issues; may be repeated"
    )
    group.add_argument("--max-cost", type=float, metavar="USD", help="stop before labelling costs more")
    group.add_argument("--corrections", metavar="PATH", help="what `eval live --out` wrote: people's decisions")
    group.add_argument("--base", metavar="MODEL", help="what is tuned: a folder, or owner/name on the Hub")
    group.add_argument("--champion", metavar="MODEL", help="the model to beat; last (default), none, or a bundle")
    group.add_argument("--to", metavar="WHERE", help="where to publish: owner/name, or github:owner/repo@tag")
    group = parser.add_argument_group("stages")
    group.add_argument(
        "--skip", action="append", default=[], choices=STAGES, metavar="STAGE", help="leave it out; may be repeated"
    )
    group.add_argument(
        "--only", action="append", default=[], choices=STAGES, metavar="STAGE", help="this one alone; may be repeated"
    )
    group.add_argument("--until", choices=STAGES, default="", metavar="STAGE", help="stop after it")
    parser.add_argument("--dry-run", action="store_true", help="fetch and prepare, then say what the rest would do")
    parser.add_argument("--json", action="store_true", help="JSON instead of the tables")


def run(arguments: argparse.Namespace) -> int:
    from synthetic.workspace.lock import alone
    from training.retrain.config import read_config
    from training.retrain.dry_run import as_json, forecast, show
    from training.retrain.job import choose_stages, make_job
    from training.retrain.outcome import outcome_json, show_outcome
    from training.retrain.retraining import LOG, Log, retrain

    config = read_config(arguments.config, _changes(arguments))
    stages = choose_stages(arguments.only, arguments.skip, arguments.until)
    if not stages:
        raise UsageError("No stage is left to do.", "Give less of --skip, --only and --until.")
    day = arguments.date or date.today().isoformat()
    log = Log(None if arguments.dry_run else arguments.out / day / LOG)
    with alone(arguments.out / "data", make=True):
        job = make_job(
            config, arguments.out, day, stages, log, unjudged="gate" in arguments.skip, sends=not arguments.dry_run
        )
        if arguments.dry_run:
            ahead = forecast(job)
        else:
            outcome = retrain(job, log)
    if arguments.dry_run:
        if arguments.json:
            print(as_json(ahead))
        else:
            show(job, ahead)
        return 0
    if arguments.json:
        print(outcome_json(outcome))
    else:
        show_outcome(outcome, str(config.publish_to))
    return REFUSED if outcome.status == "refused" else 0


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings given on the command line, by field of RetrainConfig."""
    given = {
        "repository": arguments.repo,
        "labels": arguments.labels,
        "label_models": arguments.model and tuple(arguments.model),
        "label_max_cost": arguments.max_cost,
        "corrections": arguments.corrections,
        "tune_base": arguments.base,
        "champion": arguments.champion,
        "publish_to": arguments.to,
    }
    return {name: value for name, value in given.items() if value is not None}


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


_day.__name__ = "date like 2026-11-20"  # argparse names it in its error
