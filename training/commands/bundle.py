"""`python -m training bundle`: what `run` does after tuning, by itself."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.errors import UsageError

if TYPE_CHECKING:
    from labeler.model.bundle import Manifest

HELP = "make the bundle of a tuned run: merge, export, calibration, thresholds, figures, card"
EXAMPLES = """examples:
  python -m training bundle --run runs/mine
  python -m training bundle --run runs/mine --target-precision 0.9 --name my-labels --version 1.2.0
  python -m training bundle --run runs/mine --merge-share 0.5     # half way back to the base"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=Path, required=True, help="a folder that `training run` wrote")
    parser.add_argument("--name", default="", help="the model's name; default: the folder's")
    parser.add_argument("--version", default="", help="the model's version; default: today's date")
    parser.add_argument(
        "--target-precision",
        type=float,
        metavar="P",
        help="set a label only where that is right with this share on validation; default: each label's best F1",
    )
    parser.add_argument(
        "--merge-share",
        type=float,
        metavar="S",
        help="go this share of the way from base to tuned weights, above 0 up to 1, instead of the run's merge_share",
    )


def run(arguments: argparse.Namespace) -> int:
    from labeler.model.bundle import read_manifest
    from training.fitting.bundle_run import make_bundle

    target = arguments.target_precision
    if target is not None and not 0 < target < 1:
        raise UsageError(f"--target-precision {target}: not between 0 and 1", "Give a share, like 0.9.")
    share = arguments.merge_share
    if share is not None and not 0 < share <= 1:
        raise UsageError(f"--merge-share {share}: not above 0 and up to 1", "Give a share, like 0.5.")
    folder = make_bundle(
        arguments.run,
        name=arguments.name,
        version=arguments.version,
        target_precision=target,
        merge_share=share,
        progress=lambda step: print(f"{step} …", file=sys.stderr),
    )
    _show(folder, read_manifest(folder))
    return 0


def _show(folder: Path, manifest: Manifest) -> None:
    from labeler.console.tables import right, table
    from labeler.console.terminal import console
    from training.model.card import ROWS, figure

    columns = {name: found for name in ("test", "validation") if (found := manifest.metrics.get(name))}
    heads = right(*(f"{name} (n = {found['issues']:,})" for name, found in columns.items()))
    rows = [(what, *(figure(found[key]) for found in columns.values())) for key, what in ROWS.items()]
    rows.append(("calibration error", *(f"{found['calibration_error']:.3f}" for found in columns.values())))
    size = sum(facts["size"] for facts in manifest.files.values())
    console().print(table(("", *heads), rows))
    method = manifest.metrics["calibration"]["method"]
    print(f"calibration: {method}")
    print(f"{folder}: {manifest.name} {manifest.version}, {len(manifest.labels)} labels, {size / 1e6:.1f} MB")
