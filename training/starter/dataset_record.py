"""What a run of the starter is made of, written down before it begins: files, counts, what is left out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from eval.starter.files import LABEL_LISTS, LARGE, LARGE_MORE, PROJECT_LISTS
from labeler.files import write_text
from labeler.model.bundle import sha256
from training.starter.material import FILES, Material
from training.starter.recipe import Recipe
from training.starter.rows_record import ROWS, write_rows
from training.starter.selection import Selection

DATASET = "dataset.json"


def write_dataset_record(recipe: Recipe, material: Material, selection: Selection, out: Path) -> dict[str, Any]:
    """Writes `out/dataset.json` and `out/rows.json`, and returns the former.

    {"sha256": of all that follows and of the rows, "files": {name: sha256}, "seed", "piles": {pile: rows},
     "sources": as `sources`, "left out": {what: rows}}
    """
    listed = sum(len(one.examples) for one in selection.project_lists)
    written = sum(len(one.examples) for one in selection.label_lists)
    found: dict[str, Any] = {
        "files": {name: sha256(material.folder / name) for name in FILES},
        "seed": recipe.seed,
        "piles": {
            "people": sum(len(source.examples) for source in selection.public.values()),
            "large model": len(selection.large),
            "large model, more": len(selection.large_more),
            "written": len(selection.written),
            f"{len(selection.label_lists)} label lists": written,
            f"{len(selection.project_lists)} project lists": listed,
        },
        "sources": sources(material, selection),
        "left out": {
            "scoreboard": len(selection.held_out),
            "calibration": len(selection.validation),
            "split dev": sum(not issue.is_train for issue in material.issues),
        },
    }
    text = json.dumps([found, selection.rows()], sort_keys=True)
    found = {"sha256": hashlib.sha256(text.encode()).hexdigest()} | found
    write_text(out / DATASET, json.dumps(found, indent=1) + "\n", parents=True)
    if not (out / ROWS).is_file():  # a run that goes on has its own
        write_rows(out / ROWS, material.folder, selection, None)
    return found


def sources(material: Material, selection: Selection) -> dict[str, int]:
    """Rows that can be trained on: people's by public source, all others by the file that holds them or their labels.

    By these names a scoreboard knows what a model was tuned on.
    """
    files = {
        LARGE: len(selection.large),
        LARGE_MORE: len(selection.large_more),
        **{name: len(found) for name, found in material.written_by_file.items()},
        LABEL_LISTS: sum(len(one.examples) for one in selection.label_lists),
        PROJECT_LISTS: sum(len(one.examples) for one in selection.project_lists),
    }
    public = {name: len(source.examples) for name, source in selection.public.items()}
    return public | {name.partition(".")[0]: rows for name, rows in files.items()}
