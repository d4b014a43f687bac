"""The command line: `python -m synthetic COMMAND`."""

from __future__ import annotations

from collections.abc import Sequence

from labeler.console.command_line import run_commands

COMMANDS = {
    "build": "all of the following in one go, resumable",
    "fetch": "a repository's issues into a folder",
    "prepare": "drop bots and duplicates, strip templates, map labels, redact secrets",
    "stats": "what is in the folder: counts, lengths, duplicates; table, JSON, picture",
    "annotate": "have large language models label the issues",
    "agreement": "how far the annotators agree, and what the consensus is",
    "review": "decide disputed issues in the terminal",
    "export": "disputed issues for Argilla or Label Studio",
    "import": "decisions made in Argilla or Label Studio",
    "split": "write the dataset with its train, validation and test rows",
    "active": "pick the issues that a model is least sure of",
    "generate": "have the model write issues for labels with few examples",
    "publish": "upload the dataset to the Hugging Face Hub",
    "redaction": "measure redaction on planted secrets; renew its rules",
}
EXAMPLES = """examples:
  python -m synthetic build owner/name --labels labels.yml --model gemini-2.5-flash --out data/name
  python -m synthetic fetch owner/name --out data/name
  python -m synthetic annotate data/name --labels labels.yml --model gemini-2.5-flash --dry-run
  python -m synthetic COMMAND --help

read on in the repository: docs/datasets.md, docs/csv-label.md"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code (`labeler.console.command_line`)."""
    about = "Makes a CSV-label dataset from a repository's history and a large language model."
    return run_commands("synthetic", COMMANDS, about, EXAMPLES, argv)
