"""Results of labelling in a file: a table for people and spreadsheets, or JSON lines for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from labeler.data.textfile import one_line
from labeler.decision.labelled import Labelled
from labeler.errors import InputError
from labeler.files import replaced
from labeler.model.predict import Labeler
from labeler.text.answer import SEPARATOR


def write_results(path: Path, results: Iterable[Labelled], labeler: Labeler) -> None:
    """Writes all results or none, by the file's ending: JSON lines for .jsonl, else CSV with a column a probability.

    Raises InputError where the path cannot be written.
    """
    write = _write_json_lines if path.suffix.lower() == ".jsonl" else _write_table
    try:
        with replaced(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
            write(file, results, labeler)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror}", "Name a file in a folder that exists."
        ) from error


def _write_json_lines(file: TextIO, results: Iterable[Labelled], labeler: Labeler) -> None:
    file.writelines(json.dumps(r.document(labeler), ensure_ascii=False) + "\n" for r in results)


def _write_table(file: TextIO, results: Iterable[Labelled], labeler: Labeler) -> None:
    names = labeler.labels.names
    table = csv.writer(file)
    table.writerow(["id", "repo", "number", "title", "labels", *(f"p({name})" for name in names)])
    for r in results:
        numbers = [f"{r.prediction.probabilities[name]:.4f}" for name in names]
        issue, labels = r.issue, SEPARATOR.join(r.labels)
        table.writerow([issue.id, issue.repository, issue.number or "", _cell(one_line(issue.title)), labels, *numbers])


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: titles are strangers' text."""
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text
