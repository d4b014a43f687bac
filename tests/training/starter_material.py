"""A small folder of the starter's raw material, and a recipe for it: everything in it is made up."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from training.starter.recipe import Recipe, read_recipe

RECIPE = Path("training/recipes/starter.toml")
TOPICS = {
    "bug": ("crash when saving", "error on start", "the window freezes"),
    "enhancement": ("add dark mode", "support for tabs", "allow sorting by date"),
    "documentation": ("a dead link in the readme", "typo in the guide", "docs are missing"),
    "question": ("how do I set a proxy", "what does this option mean", "is there a way to undo"),
}
HABITS = ("own463_issues", "matomo_issues", "rust_issues")


def write_material(folder: Path, issues: int = 240) -> Path:
    """Rows of three sources; every second is read by the large model as well, in two files."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_public(number) for number in range(issues)]
    _lines(folder, "labelled_issues", rows)
    read = range(0, issues, 2)
    _table(folder, "large_model_labels", {row: rows[row]["labels"] for row in read if row % 4 == 0})
    _table(folder, "large_model_labels_more", {row: rows[row]["labels"] for row in read if row % 4})
    written = [_written(number) for number in range(12)]
    _lines(folder, "written_issues", [issue | {"kind": "plain"} for issue in written])
    _lines(
        folder,
        "junk_and_thin",
        [issue | {"title": "test, ignore", "labels": [], "kind": "junk"} for issue in written[:4]],
    )
    _lines(folder, "issues_in_languages", [issue | {"language": "de"} for issue in written[:4]])
    _lines(folder, "issue_forms", [{"form": "name: Bug", "issues": written[4:8]}])
    labels = [{"name": "area/disk", "description": "reading and writing"}, {"name": "area/screen"}, {"name": "wish"},
              {"name": "help"}, {"name": "text"}]  # fmt: skip
    listed = [issue | {"labels": ["area/disk"]} for issue in written[:6]]
    _lines(
        folder, "label_lists", [{"labels": labels, "issues": listed, "split": part} for part in ("train", "validation")]
    )
    projects = [
        {"labels": labels, "rows": [[row, ["wish"]] for row in range(first, first + 12)], "split": part}
        for part, first in (("train", 1), ("validation", 100))
    ]
    _lines(folder, "project_lists", projects)
    commits = [_commit(number) for number in range(60)]
    _lines(folder, "conventional_commits", commits)
    return folder


def small_recipe(folder: Path, **changes: str) -> Recipe:
    """The starter's recipe as it is, but for what makes it small; `changes` are old texts' new ones."""
    return read_recipe(write_recipe(folder, **changes))


def write_recipe(folder: Path, **changes: str) -> Path:
    """`changes`: key -> value in TOML, for keys that stand once in the recipe."""
    small = {"vocabulary": "600", "validation_rows": "10", "rows = 16": "4", "large_more": "2", "large": "1",
             "written": "1", "budgets": "[24, 32, 40]", "token_budget": "40", "rank": "4", "alpha": "4.0",
             "first_layer": "1", "learning_rate": "0.02", "warmup_steps": "2", "seconds": "0.0", "save_every": "5",
             "rows = 64": "60", "batch_tokens": "256", "held_out_step": "6", "fine": "40", "texts": "24",
             "whole_tokens": "512", "area_commits": "2", "distil_rows": "0", "episodes_a_step": "2"}  # fmt: skip
    lines = RECIPE.read_text().splitlines()
    for key, value in (small | changes).items():
        name, _, old = key.partition(" = ")
        found = [i for i, line in enumerate(lines) if line.startswith(f"{name} = {old}")]
        assert len(found) == 1, (key, found)
        lines[found[0]] = f"{name} = {value}"
    (folder / "starter-labels.yml").write_bytes(RECIPE.with_name("starter-labels.yml").read_bytes())
    path = folder / "recipe.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def _public(number: int) -> dict[str, Any]:
    label = list(TOPICS)[number % 4]
    split = "dev" if number % 40 == 39 else "train"
    title = f"{TOPICS[label][number % 3]} {number}"
    return {
        "source": HABITS[number % 3], "repo": "a/b", "number": number, "title": title, "body": f"I saw: {title}.",
        "labels": [label], "label_space": [*TOPICS, "dependency-update"], "is_pr": number % 50 == 49, "split": split,
    }  # fmt: skip


def _written(number: int) -> dict[str, Any]:
    label = list(TOPICS)[number % 4]
    return {"title": f"{TOPICS[label][number % 3]} again", "body": f"written {number}", "labels": [label]}


def _commit(number: int) -> dict[str, Any]:
    area = f"part{number % 8}"
    scope = f"{area}, cli" if number % 5 else "deps"
    return {"repo": "a/b", "title": f"mend {area} (#{number})", "body": "", "scope": scope, "bot": number % 9 == 8}


def _lines(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _table(folder: Path, name: str, rows: dict[int, list[str]]) -> None:
    with gzip.open(folder / f"{name}.tsv.gz", "wt") as file:
        file.write("row\tlabels\n")
        file.writelines(f"{row}\t{', '.join(names)}\n" for row, names in rows.items())
