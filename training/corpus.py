"""The labelled raw material of the starter model: gzipped JSON lines of issues and commits."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.textfile import parsed_json

FILES = {
    # source, repo, title, body, labels, label_space (what the source uses), split (train or dev)
    "issues": "labelled_issues.jsonl.gz",
    # title, body, labels (one conventional type), bot
    "commits": "conventional_commits.jsonl.gz",
    # as issues, without split: for evaluation alone
    "nlbse24": "nlbse24_train.jsonl.gz",
}


def read_rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Rows of one of `FILES`.

    Raises:
        InputError: the folder lacks the file, or a line is not JSON; the message names file and line.
    """
    path = folder / FILES[name]
    if not path.is_file():
        raise InputError(
            f"{path}: missing",
            f"The folder must hold {', '.join(FILES.values())}; training/corpus.py says what each is.",
        )
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield parsed_json(line, str(path), number)
    except (OSError, EOFError, UnicodeDecodeError) as error:  # gzip's own errors among them
        raise InputError(f"{path}: cannot be read: {error}", "Check that the file is whole.") from error


def held_out_titles(folder: Path) -> set[str]:
    """Lower-cased titles of every issue that is kept for evaluation."""
    titles = {row["title"].strip().lower() for row in read_rows(folder, "issues") if row["split"] != "train"}
    titles |= {row["title"].strip().lower() for row in read_rows(folder, "nlbse24")}
    return titles
