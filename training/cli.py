"""The command line: `python -m training COMMAND`. torch is imported only by the commands that train."""

from __future__ import annotations

from collections.abc import Sequence

from labeler.console.command_line import run_commands

COMMANDS = {
    "run": "tune a base by LoRA on a dataset; merge, export, fit thresholds, write the card",
    "bundle": "the second half of run by itself: merge, export, thresholds, card",
    "adapt": "continue the pretraining of a base on unlabelled text",
    "publish": "upload a bundle to the Hugging Face Hub or a GitHub release",
    "retrain": "everything from new issues to a published model, or why not",
    "bench": "time training and its memory on a random model of a named shape",
    "export": "turn a merged Gemma 3 checkpoint into a bundle, without torch",
    "quantise": "measure a merged checkpoint in many forms of its weights beside 32 bits",
    "vocabulary": "cut a base down to the tokens that issues use, count them anew, say what it costs by language",
    "starter": "make the bundled starter again by its recipe: tune, round to 4 bits, export, calibrate",
}
EXAMPLES = """examples:
  python -m training run --data dataset.csv --base unsloth/gemma-3-270m-it --out runs/mine
  python -m training publish --bundle runs/mine/bundle --to owner/name
  python -m training COMMAND --help

read on in the repository: docs/tuning.md, docs/bases.md, docs/vocabulary.md"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code (`labeler.console.command_line`)."""
    return run_commands("training", COMMANDS, "Makes the models that the labeller runs.", EXAMPLES, argv)
