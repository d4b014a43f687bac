"""`python -m training run`: from a dataset and a base to an adapter, a merged model and a bundle."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from labeler.console.argument_types import positive
from training.backends import BACKENDS
from training.vocabulary.options import add_vocabulary, vocabulary_settings

HELP = "tune a base by LoRA on a dataset; merge, export, fit thresholds, write the card"
EXAMPLES = """examples:
  python -m training run --data dataset.csv --base unsloth/gemma-3-270m-it --out runs/mine
  python -m training run --data dataset.csv --base unsloth/gemma-3-270m-it --out runs/mine --dry-run
  python -m training run --data dataset.csv --base gemma-3-270m.gguf --out runs/mine
  python -m training run --data data/ --base labeler/starter --out runs/mine --preset few     # also without a GPU
  accelerate launch -m training run --data data/ --base google/gemma-3-1b-it --out runs/large"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="a CSV-label file, or a folder with dataset.csv")
    parser.add_argument(
        "--base", required=True,
        help="a Gemma 3 model: its folder, a GGUF file, owner/name[@revision] or owner/name@revision/FILE.gguf on the "
        "Hugging Face Hub; or a bundle's folder",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument(
        "--preset",
        default="default",
        metavar="NAME|FILE",
        help="default, few, reference, or a TOML file",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
        help="one setting, repeatable; training/presets/default.toml explains them",
    )  # fmt: skip
    add_vocabulary(parser)
    parser.add_argument(
        "--backend", choices=BACKENDS, default="auto",
        help="auto (default): on a GPU unsloth where it and bitsandbytes are installed, else fast (compiled layers; "
        "measured on no GPU yet); on a CPU peft",
    )  # fmt: skip
    parser.add_argument(
        "--report-to", choices=("none", "tensorboard", "mlflow", "wandb"), default="none",
        help="send the course of the run there as well",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with the run that --out holds")
    parser.add_argument(
        "--trials",
        type=positive,
        metavar="N",
        help="search for better settings first, by so many runs; the best becomes the run",
    )
    parser.add_argument("--no-bundle", action="store_true", help="stop after the adapter")
    parser.add_argument("--dry-run", action="store_true", help="print what the run would do, and stop")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    from training.tuning.prepare import Processes
    from training.tuning.settings import read_settings
    from training.tuning.tuning_run import run as tune
    from training.tuning.tuning_run import say

    changes = [*arguments.changes, *vocabulary_settings(arguments)]
    settings, resume = read_settings(arguments.preset, changes), arguments.resume
    if arguments.dry_run:
        from training.tuning.plan import print_plan, refuse_what_cannot_fit
        from training.tuning.prepare import prepare

        found = prepare(settings, arguments.data, arguments.base, arguments.out, arguments.backend)
        if arguments.json:
            print(json.dumps(found.plan.to_dict(), indent=1))
        else:
            print_plan(found.plan, found.device, found.numerics, found.backend)
        refuse_what_cannot_fit(found.plan, found.batches, found.device, settings)
        return 0
    if arguments.trials:
        from training.search.trials import search

        settings = search(
            settings,
            arguments.data,
            arguments.base,
            arguments.out,
            arguments.trials,
            backend=arguments.backend,
            report_to=arguments.report_to,
            resume=resume,
            note=say,
        ).best
        resume = True
    result = tune(
        settings,
        arguments.data,
        arguments.base,
        arguments.out,
        backend=arguments.backend,
        report_to=arguments.report_to,
        resume=resume,
        bundle=not arguments.no_bundle,
    )
    if not Processes.here().is_main:
        return 0
    if arguments.json:
        print(json.dumps({key: str(v) if isinstance(v, Path) else v for key, v in vars(result).items()}))
        return 0
    scored = "" if result.validation_micro_f1 is None else f", micro-F1 {result.validation_micro_f1:.3f}"
    print(f"{result.bundle or result.adapter}: step {result.best_step:,} of {result.steps:,}, "
          f"validation loss {result.validation_loss:.4f}{scored}")  # fmt: skip
    return 0
