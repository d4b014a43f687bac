"""The command line: `python -m eval COMMAND`."""

from __future__ import annotations

from collections.abc import Sequence

from labeler.console.command_line import run_commands

COMMANDS = {
    "score": "score the raw answers of any system",
    "compare": "a model beside baselines on identical issues, with an HTML report",
    "curve": "quality against number of training issues",
    "gate": "may this model replace the published one?",
    "injection": "how far hostile text can steer a model",
    "live": "what became of the labels that the action set",
    "nlbse24": "the NLBSE'24 issue classification benchmark",
    "few-labels": "few or no labels, on mapped issues of one repository",
    "speed": "time labelling, beside transformers",
    "starter": "the bundled model on held-out issues",
}
EXAMPLES = """examples:
  python -m eval compare --data dataset.csv --model labeler/starter --html report.html
  python -m eval gate --candidate new --champion labeler/starter --data dataset.csv
  python -m eval COMMAND --help

read on in the repository: docs/judging.md, docs/speed.md"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code (`labeler.console.command_line`)."""
    about = "Measures what the labeller is worth."
    return run_commands("eval", COMMANDS, about, EXAMPLES, argv)
