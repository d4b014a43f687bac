"""The raw material of the starter model: gzipped JSON lines of issues, commits and plain text."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeler.errors import InputError

FILES = {
    "issues": "labelled_issues.jsonl.gz",
    "commits": "conventional_commits.jsonl.gz",
    "unlabelled": "unlabelled_text.jsonl.gz",
    "nlbse24": "nlbse24_train.jsonl.gz",
}


def read_rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Rows of one of `FILES`.

    Raises:
        InputError: the folder lacks the file, or a line is not JSON; the message names file and line.
    """
    path = folder / FILES[name]
    if not path.is_file():
        raise InputError(f"{path}: missing", f"The folder must hold {', '.join(FILES.values())}; see training/recipes.")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}:{number}: not a JSON line: {error}", "Mend or drop the line.") from error


def held_out_titles(folder: Path) -> set[str]:
    """Lower-cased titles of every issue that is kept for evaluation."""
    titles = {row["title"].strip().lower() for row in read_rows(folder, "issues") if row["split"] != "train"}
    titles |= {row["title"].strip().lower() for row in read_rows(folder, "nlbse24")}
    return titles


def documents(folder: Path, mix: dict[str, float], seed: int, characters: int) -> Iterator[str]:
    """At least `characters` characters of shuffled text, drawn from each source by its share in `mix`.

    A source that runs dry gives its share to the others. Documents that open with the title of a
    held-out issue are left out, so that evaluation stays on unseen text.
    """
    held_out = held_out_titles(folder)
    rng = random.Random(seed)
    pools: dict[str, list[str]] = {}
    for name in mix:
        texts = [text for row in read_rows(folder, name) if (text := _text(name, row))]
        texts = [text for text in texts if text.split("\n", 1)[0].strip().lower() not in held_out]
        rng.shuffle(texts)
        pools[name] = texts
    # Shares are of characters, not of documents: short commits would otherwise hardly count.
    given = dict.fromkeys(mix, 0.0)
    total = 0
    while total < characters and (open_pools := [name for name in mix if pools[name]]):
        name = min(open_pools, key=lambda n: given[n] / mix[n])
        text = pools[name].pop()
        given[name] += len(text)
        total += len(text)
        yield text


def _text(name: str, row: dict[str, Any]) -> str:
    if name == "unlabelled":
        return str(row["text"]).strip()
    if name == "issues" and row["split"] != "train":
        return ""
    return f"{row['title']}\n\n{row['body'] or ''}".strip()
