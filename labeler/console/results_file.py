"""Results of labelling in a file: a table for people and spreadsheets, or JSON lines for programs.

What the issues' own files have is kept, each issue's fields before what the model says of it. A name that is taken
there becomes "predicted labels" in a table and "predicted_labels" in JSON.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from labeler.console.kept_fields import Fields, cell, columns_of, fields_of, free_name, keys_of, object_of
from labeler.data.columns import column_name
from labeler.data.issue_table import Kept
from labeler.data.textfile import clean_text, one_line
from labeler.decision.labelled import Labelled
from labeler.errors import InputError
from labeler.files import replaced
from labeler.model.predict import Labeler
from labeler.text.answer import SEPARATOR

_KNOWN = ("id", "repository", "number", "title")


def write_results(
    path: Path,
    results: Iterable[Labelled],
    labeler: Labeler,
    *,
    several_files: bool = False,
    kept: Sequence[Kept] = (),
) -> None:
    """Writes all results or none, by the file's ending: JSON lines, or a table with a column a probability.

    A table is separated and marked (by a byte order mark, so that Excel reads it as UTF-8) as the first table of
    `kept`; .tsv is separated by tabs.

    Args:
        several_files: the table's first column is the file that an issue is from.
        kept: what each file had, in the results' order; empty where there was no file.

    Raises InputError where the path cannot be written.
    """
    own = list(fields_of(kept))
    ending, first = path.suffix.lower(), next((one for one in kept if one.header), Kept())
    marked = first.marked and ending != ".jsonl"
    try:
        with (
            replaced(path) as partial,
            open(partial, "w", encoding="utf-8-sig" if marked else "utf-8", newline="") as file,
        ):
            if ending == ".jsonl":
                _write_json_lines(file, results, labeler, own)
            else:
                delimiter = "\t" if ending == ".tsv" else first.delimiter
                _write_table(file, results, labeler, own, delimiter, several_files)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror}", "Name a file in a folder that exists."
        ) from error


def _write_json_lines(file: TextIO, results: Iterable[Labelled], labeler: Labeler, own: list[Fields]) -> None:
    taken = list(columns_of(own).values())
    for result, fields in _beside(results, own):
        document, row = result.document(labeler), object_of(fields)
        for key in _KNOWN:
            value = document.pop(key, None)
            if value and column_name(key) not in map(column_name, row):
                row[key] = value
            elif value and row.get(key) == str(value):
                row[key] = value  # a number from a table is a number
        which = {free_name("file", "input_file", taken): document.pop("file")} if "file" in document else {}
        said = {free_name(key, f"predicted_{key}", taken): value for key, value in document.items()}
        file.write(clean_text(json.dumps(which | row | said, ensure_ascii=False)) + "\n")


def _write_table(
    file: TextIO,
    results: Iterable[Labelled],
    labeler: Labeler,
    own: list[Fields],
    delimiter: str,
    several_files: bool,
) -> None:
    names = labeler.labels.names
    plain = ["id", "repo", "number", "title"]
    columns = columns_of(fields or [(name, "") for name in plain] for fields in own or [[]])
    taken = list(columns.values())
    which = [free_name("file", "input file", taken)] if several_files else []
    added = [free_name(name, f"predicted {name}", taken) for name in ("labels", *(f"p({name})" for name in names))]
    table = csv.writer(file, delimiter=delimiter)
    table.writerow([*which, *taken, *added])
    for result, fields in _beside(results, own):
        issue = result.issue
        if not fields:
            known = (issue.id, issue.repository, issue.number, one_line(issue.title))
            fields = list(zip(plain, known, strict=True))
        texts = {key: cell(value) for key, (_, value) in zip(keys_of(n for n, _ in fields), fields, strict=True)}
        numbers = [f"{result.prediction.probabilities[name]:.4f}" for name in names]
        row = [*[result.file] * several_files, *(clean_text(texts.get(key, "")) for key in columns)]
        table.writerow([*row, SEPARATOR.join(result.labels), *numbers])


def _beside(results: Iterable[Labelled], own: list[Fields]) -> Iterable[tuple[Labelled, Fields]]:
    return zip(results, own, strict=True) if own else ((result, []) for result in results)
