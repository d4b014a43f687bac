"""`python -m eval score`: what the raw answers of any system are worth."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from labeler.errors import UsageError
from labeler.files import write_text

HELP = "score the raw answers of any system: quality with intervals, malformed answers, paired tests"
EXAMPLES = """examples:
  python -m eval score answers.jsonl --labels labels.yml --per-label
  python -m eval score answers.jsonl --labels labels.yml --json > figures.json
  python -m eval score answers.jsonl --labels labels.yml --markdown - >> "$GITHUB_STEP_SUMMARY"

a line of the file: {"labels": ["bug", "aws"], "prediction": "bug, aws", "system": "tuned", "id": "7"}
(the true labels and the raw answer; optional: system, id, and probabilities, one for each label)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE.jsonl", help="the answers: one JSON object a line, or an array"
    )
    parser.add_argument("--labels", type=Path, required=True, help="the labels file, with names and aliases")
    parser.add_argument("--per-label", action="store_true", help="also show every label's precision, recall and F1")
    parser.add_argument("--json", action="store_true", help="JSON with every figure instead of the tables")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables as Markdown; - is stdout, instead of them")


def run(arguments: argparse.Namespace) -> int:
    from eval.metrics.predictions import read_answers
    from eval.metrics.score_tables import by_label, differences, markdown, overview, show
    from eval.metrics.scoring import paired, score
    from eval.systems.plain import plain
    from labeler.console.progress import counted
    from labeler.labels.label_set import read_labels

    if arguments.json and arguments.markdown == "-":
        raise UsageError("--json and --markdown - both want stdout", "Give the Markdown a file.")
    labels = read_labels(arguments.labels)
    systems = read_answers(arguments.file, labels)
    with counted(len(systems), "scoring") as step:
        scores = []
        for name, answers in systems.items():
            scores.append(score(name, answers, labels))
            step()
    first, *others = systems.values()
    pairs = [pair for other in others if (pair := paired(first, other, labels))]
    if len(pairs) < len(others):
        print(f"note: no paired test where no id is shared with {first[0].system}", file=sys.stderr)
    sections = [overview(arguments.file.name, scores)]
    sections += [differences(pairs)] if pairs else []
    sections += [by_label(found) for found in scores] if arguments.per_label else []
    if arguments.markdown == "-":
        print(markdown(sections), end="")
        return 0
    if arguments.markdown:
        write_text(Path(arguments.markdown), markdown(sections))
    if arguments.json:
        found = {"labels": labels.names, "systems": list(map(asdict, scores)), "paired": list(map(asdict, pairs))}
        print(json.dumps(plain(found), indent=1, ensure_ascii=False))
    else:
        show(sections)
    return 0
