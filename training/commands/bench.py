"""`python -m training bench`: what tuning takes, on a random model of a named shape."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from training.backends import BACKENDS

if TYPE_CHECKING:
    from training.bench.findings import Report

HELP = "time training and its memory on a random model of a named shape"
EXAMPLES = """examples:
  python -m training bench --shape gemma-3-270m                    # on a GPU: the default preset
  python -m training bench --shape gemma-3-270m --memory-gib 12    # what would fit an RTX 3060?
  python -m training bench --shape tiny --steps 20                 # on a CPU
  python -m training bench --shape gemma-3-270m --layers 6 --vocabulary 16384 --set batch_size=2"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shape", default="gemma-3-270m", help="gemma-3-270m (default) or tiny; eval/speed/shapes.py")
    parser.add_argument("--layers", type=int, help="only the first so many layers of the shape")
    parser.add_argument("--vocabulary", type=int, help="a vocabulary of so many tokens instead of the shape's")
    parser.add_argument("--steps", type=int, default=10, help="steps to time (10), after two to warm up")
    parser.add_argument("--memory-gib", type=float, help="take at most so much memory, as a smaller card would have")
    parser.add_argument("--preset", default="default", metavar="NAME|FILE", help="settings, as for training run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="one setting, repeatable"
    )
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="as for training run")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    from labeler.errors import UsageError
    from training.bench.benchmark import GIB, Request, bench
    from training.tuning.settings import read_settings

    for name in ("steps", "layers", "vocabulary", "memory_gib"):
        value = getattr(arguments, name)
        if value is not None and value <= 0:
            raise UsageError(f"--{name.replace('_', '-')} is {value}.", "Give a number above 0.")
    request = Request(
        shape=arguments.shape,
        layers=arguments.layers,
        vocabulary=arguments.vocabulary,
        steps=arguments.steps,
        memory=round(arguments.memory_gib * GIB) if arguments.memory_gib else None,
        backend=arguments.backend,
    )
    settings = read_settings(arguments.preset, arguments.changes)
    with tempfile.TemporaryDirectory() as folder:
        report = bench(settings, request, Path(folder), lambda text: print(text, file=sys.stderr, flush=True))
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=1))
    else:
        _print(report)
    return 0


def _print(report: Report) -> None:
    from rich.table import Column

    from labeler.console.tables import right, table
    from labeler.console.terminal import console
    from training.bench.findings import EPOCHS, ISSUES
    from training.tuning.logs import duration

    times = report.times
    batch = f"{report.batch_size} x {report.sequence_length:,} tokens"
    if report.batch_size < report.wanted:
        batch += f" ({report.wanted} do not fit), accumulation {report.accumulation}"
    checkpointing = ", gradient checkpointing" if report.checkpointing else ""
    if report.checkpointing and report.checkpoint_above:
        checkpointing += f" of batches above {report.checkpoint_above:,} tokens"
    facts = {
        "shape": f"{report.shape}, {report.parameters / 1e6:,.1f} M weights",
        "on": f"{report.device}; {report.backend}, {report.precision}, {report.optimizer}",
        "largest batch": batch + checkpointing,
        "peak memory": f"{_gib(report.peak)} of full batches (a run's plan would say {_gib(report.estimated)})",
        "speed": f"{times.rows / times.seconds:,.2f} samples/s, {times.tokens / times.seconds:,.0f} tokens/s "
        f"({times.steps} steps, {times.tokens / times.rows:,.0f} tokens a sample)",
        f"{ISSUES:,} issues x {EPOCHS}": f"about {duration(report.run_seconds())}, evaluations not counted",
    }
    rows = ((name, f"{seconds * 1000:,.1f}", f"{times.share(name):.1%}") for name, seconds in times.parts.items())
    around = times.share("tokenising", "collating", "logging")
    output = console()
    output.print(table((Column(style="dim", no_wrap=True), ""), facts.items(), heads=False))
    output.print()
    output.print(table(("where time goes", *right("ms", "share")), rows))
    output.print(f"tokenising, collating and logging together: {around:.1%}")


def _gib(size: int) -> str:
    from training.bench.benchmark import GIB

    return f"{size / GIB:.2f} GiB"
