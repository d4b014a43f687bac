"""In which split each row was before: split.json, which also knows the rows that dataset.csv lacks for the moment.

An issue leaves the dataset when its annotators come to disagree, and comes back when somebody decides. If it was tested
on, it must not come back to training, nor the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from labeler.data.dataset import read_dataset
from labeler.data.dataset_folder import DATASET
from labeler.errors import InputError
from labeler.files import write_text
from synthetic.workspace.records import SPLIT

STALE = "stale"  # the "split" of a row that a model wrote from the training rows of a split that is given up


def read_earlier(folder: Path) -> dict[str, str]:
    """Row id -> its split, or STALE. Where dataset.csv says something else, that counts.

    Raises:
        InputError: split.json or dataset.csv is damaged.
    """
    path, found = folder / SPLIT, {}
    if path.is_file():
        try:
            found = {str(key): str(split) for key, split in json.loads(path.read_text(encoding="utf-8")).items()}
        except (ValueError, AttributeError) as error:
            remedy = "Restore it. Without it, rows that are not in dataset.csv may change between training and test."
            raise InputError(f"{path}: damaged: {error}", remedy) from error
    rows = read_dataset(folder / DATASET) if (folder / DATASET).is_file() else ()
    return found | {row.id: row.split for row in rows if row.split}


def write_earlier(folder: Path, splits: Mapping[str, str]) -> None:
    write_text(folder / SPLIT, json.dumps(splits, indent=0, ensure_ascii=False, sort_keys=True) + "\n")
