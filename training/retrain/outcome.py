"""What a retraining came to, for a terminal and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from labeler.console.terminal import console
from labeler.data.textfile import one_line
from synthetic.build_report import steps_table
from training.retrain.job import Outcome


def outcome_json(outcome: Outcome) -> str:
    steps = [
        {"stage": one.step, "skipped": one.skipped, "seconds": one.seconds, **asdict(one.made)} for one in outcome.steps
    ]
    facts = {key: str(value) if isinstance(value, Path) else value for key, value in vars(outcome).items()}
    return json.dumps(facts | {"steps": steps}, indent=1, ensure_ascii=False)


def show_outcome(outcome: Outcome, to: str) -> None:
    """Prints the stages, where the report is, and what to do next; `to` is where a model is published, or ""."""
    console().print(steps_table("stage", outcome.steps))
    print(f"\n{outcome.folder / 'report.html'}")
    if outcome.status == "refused":
        print("refused by the gate, and not published:")
        print("\n".join(f"  {one_line(line)}" for line in outcome.why.splitlines()))
    elif outcome.status == "published":
        print(f"\nIn your workflow, under `with:` of the action:\n\n          model: {outcome.pin}")
    elif not to and (outcome.folder / "run" / "bundle").is_dir():
        print(f"next: python -m training publish --bundle {outcome.folder / 'run' / 'bundle'} --to owner/name")
