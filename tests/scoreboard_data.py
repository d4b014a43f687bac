"""A folder such as the scoreboard reads, in small, all of it made up."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

WORDS = {
    "bug": ["crash when saving", "error on start", "window freezes"],
    "enhancement": ["please add dark mode", "support tabs", "allow sorting"],
    "documentation": ["dead link in the readme", "typo in the guide", "option is not documented"],
    "question": ["how do I set a proxy?", "what does this mean?", "is there a way to undo?"],
}
LABELS = list(WORDS)
PUBLIC = 240
LARGE = range(0, 126)  # rows that the large model labelled


def public_row(number: int) -> dict[str, Any]:
    """Its label by its number; ten of a repository; one source in four uses only three labels; every tenth is dev."""
    label = LABELS[number % 4]
    source = "narrow" if label != "documentation" and number % 3 == 0 else "wide"
    return {
        "source": source,
        "repo": f"owner/project-{number // 10}" if number % 50 else None,
        "number": number,
        "title": f"{WORDS[label][number % 3]} {number}",
        "body": f"I saw this in release {number}: {WORDS[label][(number + 1) % 3]}.",
        "labels": [label],
        "label_space": [name for name in LABELS if source == "wide" or name != "documentation"],
        "is_pr": False,
        "split": "dev" if number % 10 == 9 else "train",
    }


def write_folder(folder: Path) -> Path:
    """Every file that the scoreboard reads."""
    folder.mkdir(parents=True, exist_ok=True)
    public = [public_row(number) for number in range(PUBLIC)]
    write_lines(folder / "labelled_issues.jsonl.gz", public)
    five = [
        public_row(number) | {"title": f"five {number}", "repo": f"five/{number % 2}"} for number in range(1000, 1040)
    ]
    five = [row for row in five if row["labels"] != ["documentation"]]
    # One of the two repositories has public training rows.
    five = [row | {"repo": "owner/project-1"} if row["repo"] == "five/1" else row for row in five]
    write_lines(folder / "nlbse24_train.jsonl.gz", five)
    write_table(folder / "large_model_labels.tsv.gz", {row: public[row]["labels"] for row in LARGE})
    write_table(folder / "large_model_labels_more.tsv.gz", {row: public[row]["labels"] for row in range(126, 200)})
    own = [{"name": "type: crash", "description": "It stops"}, {"name": "wish"}, {"name": "bug"}]
    invented = {
        "project": "a lamp",
        "labels": own,
        "issues": [
            {"title": "lamp goes out", "body": "when I dim it", "labels": ["type: crash", "bug"], "language": "en"},
            {"title": "more colours", "body": "", "labels": ["wish"], "language": "en"},
        ],
    }
    write_lines(folder / "label_lists.jsonl.gz", [invented | {"split": split} for split in ("train", "validation")])
    areas = [{"name": "area: saving", "description": "Files"}, {"name": "area: look", "description": ""}]
    lists = [
        {"style": "A", "labels": areas, "rows": [[0, ["area: saving"]], [4, []]]},
        {"style": "H", "labels": [{"name": "Saving"}, {"name": "Look"}], "rows": [[0, ["Saving"]]]},
        {"style": "F", "labels": [{"name": "feature"}, {"name": "enhancement"}], "rows": [[1, ["feature"]]]},
    ]
    facts = {"project": "a desk", "split": "validation"}
    write_lines(folder / "project_lists.jsonl.gz", [facts | one for one in lists])
    thin = [{"title": "crash", "body": "", "kind": "thin", "labels": ["bug"], "note": ""}] * 2
    junk = [{"title": "test test", "body": "", "kind": "junk", "labels": [], "note": ""}] * 3
    write_lines(folder / "junk_and_thin.jsonl.gz", thin + junk)
    spoken = [{"language": "de", "title": "Absturz", "body": "beim Speichern", "labels": ["bug"]}]
    write_lines(folder / "issues_in_languages.jsonl.gz", [*spoken, spoken[0] | {"language": "fr", "title": "Plantage"}])
    return folder


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def write_table(path: Path, labels: dict[int, list[str]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("row\tlabels\n")
        file.writelines(f"{row}\t{', '.join(names)}\n" for row, names in labels.items())
