"""The dataset of one retraining: the data folder's, without what has changed sides, and with corrections of the field.

What was a test row once is never trained on, and what was trained on is never tested on: else the model of an earlier
month, or this one, would be judged by what it has learnt by heart. `synthetic.dataset.splitting` keeps to that from
one run to the next; `splits.json` remembers it for longer, since an issue may lose its labels one month and have new
ones the next.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.data.overlap import apart, overlapping
from eval.data.rows import Labelled
from labeler.data.dataset import Row, write_dataset
from labeler.data.dataset_folder import DATASET, LABELS, SOURCES, DatasetFolder, open_dataset, write_sources
from labeler.data.textfile import clean_text
from labeler.errors import InputError
from labeler.files import write_text
from labeler.text.issue import Issue
from labeler.text.template import strip_template
from synthetic.annotating.plan import read_prepared
from synthetic.preparing.redact import redact

HISTORY = "splits.json"
CORRECTIONS = "corrections.csv"
SPLITS = ("train", "validation", "test")
CHANGED_SIDES = "trained on once and tested on now, or the other way round"
TWIN = "nearly a test row"
HELD = "corrections of issues that are held for validation or test, or like one"


@dataclass(frozen=True)
class Assembled:
    """What the dataset holds.

    Attributes:
        rows: split -> rows.
        corrected: training rows with the labels of a correction.
        left_out: reason -> rows of the data folder, or corrections.
    """

    rows: Mapping[str, int]
    corrected: int
    left_out: Mapping[str, int]


def assemble(data: Path, out: Path, corrections: Path | None = None) -> Assembled:
    """Writes the folder `out`: dataset.csv with labels.yml, and sources.yml where corrections leave labels open.

    Args:
        data: a working folder of `synthetic` whose issues are split.
        corrections: what `python -m eval live --out` wrote: the folder, or its corrections.csv.

    Raises:
        InputError: a file is missing or damaged; the message names it.
    """
    dataset = open_dataset(data)
    before = _read_history(data / HISTORY)
    left_out: Counter[str] = Counter()
    rows = _on_their_side(dataset.rows(), before, left_out)
    rows = _without_twins(dataset, rows, left_out)
    spaces: dict[str, list[str]] = {}
    corrected: dict[str, Row] = {}
    if corrections is not None:
        given = open_dataset(corrections / CORRECTIONS if corrections.is_dir() else corrections)
        free = _Free(data, rows, before)
        corrected = _corrected(given, dataset, rows, free, left_out)
        used = {row.source for row in corrected.values()}
        names = {source: dataset.labels.only(_uses(given, source)).names for source in used}
        spaces = {source: list(found) for source, found in sorted(names.items())}
        rows = [corrected.get(row.id.casefold(), row) for row in rows]
        present = {row.id.casefold() for row in rows}
        rows += [row for key, row in corrected.items() if key not in present]
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(data / LABELS, out / LABELS)
    if spaces:
        write_sources(out, spaces)
    else:
        (out / SOURCES).unlink(missing_ok=True)
    write_dataset(out / DATASET, rows, dataset.labels)
    sides = before | {row.id: _side(row) for row in rows}
    write_text(data / HISTORY, json.dumps(sides, indent=0, ensure_ascii=False) + "\n")
    counts = Counter(row.split for row in rows)
    return Assembled({split: counts[split] for split in SPLITS}, len(corrected), dict(left_out))


def _side(row: Row) -> str:
    return "test" if row.split == "test" else "train"


def _read_history(path: Path) -> dict[str, str]:
    """Id -> "test" or "train", of every issue that was ever in a dataset of this folder."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): str(side) for key, side in found.items()}
    except (ValueError, AttributeError) as error:
        remedy = "Delete it; the split of the dataset there is then all that is known of earlier runs."
        raise InputError(f"{path}: damaged: {error}", remedy) from error


def _on_their_side(rows: Iterable[Row], before: Mapping[str, str], left_out: Counter[str]) -> list[Row]:
    kept = []
    for row in rows:
        if before.get(row.id, _side(row)) == _side(row):
            kept.append(row)
        else:
            left_out[CHANGED_SIDES] += 1
    return kept


def _without_twins(dataset: DatasetFolder, rows: Sequence[Row], left_out: Counter[str]) -> list[Row]:
    """Without rows that are nearly a test row:
    `synthetic.preparing.preparation` looks for those by a sketch, which can miss one."""
    others = [i for i, row in enumerate(rows) if row.split != "test"]
    test = [row for row in rows if row.split == "test"]
    twins = {others[place] for place, _ in overlapping(_read([rows[i] for i in others]), _read(test))}
    left_out[TWIN] += len(twins)
    return [row for i, row in enumerate(rows) if i not in twins]


def _read(rows: Iterable[Row]) -> list[Labelled]:
    return [Labelled(Issue(row.title, row.body), frozenset(row.labels), (), "") for row in rows]


class _Free:
    """Says of an issue whether it may be trained on: it is not held for validation or test, nor in a group with one."""

    def __init__(self, data: Path, rows: Iterable[Row], before: Mapping[str, str]) -> None:
        held = {row.id for row in rows if row.split != "train"} | {
            key for key, side in before.items() if side == "test"
        }
        self._group_of = {one.id.casefold(): one.group for one in read_prepared(data)}
        self._held = {key.casefold() for key in held}
        self._groups = {self._group_of[key] for key in self._held if key in self._group_of}

    def __call__(self, key: str) -> bool:
        return key.casefold() not in self._held and self._group_of.get(key.casefold()) not in self._groups


def _corrected(
    given: DatasetFolder, dataset: DatasetFolder, rows: Sequence[Row], free: _Free, left_out: Counter[str]
) -> dict[str, Row]:
    """Folded id -> training row: made as `synthetic.preparing.preparation` makes the others, with the labels that
    people decided."""
    every = list(given.rows())
    made = [
        replace(
            row,
            title=redact(clean_text(row.title).strip()).text,
            body=redact(strip_template(clean_text(row.body)).text).text,
            labels=dataset.labels.only(row.labels).names,
            split="train",
            source=_source(row.source),
        )
        for row in every
        if free(row.id)
    ]
    held = [row for row in rows if row.split != "train"]
    kept = {made[place].id.casefold(): made[place] for place in apart(_read(made), _read(held))}
    left_out[HELD] += len(every) - len(kept)
    return kept


_MARK = " (corrected)"  # a source of its own: what it leaves open is no matter of the other rows


def _source(given: str) -> str:
    return f"{given}{_MARK}"


def _uses(given: DatasetFolder, source: str) -> Sequence[str]:
    return given.spaces.get(source.removesuffix(_MARK), given.labels.names)
