"""A small working folder of `synthetic`, for tests: labels, prepared issues, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from labeler.labels.label_set import LabelSet, read_labels
from synthetic.annotating.instruction import prompt_for
from synthetic.workspace.jsonl import write_lines
from synthetic.workspace.records import ANSWERS, PREPARED, Answer, Prepared, to_line

LABELS = """\
- {name: bug, description: Something is broken}
- {name: feature, aliases: [enhancement]}
- {name: docs, description: "Manual & <examples>"}
- question
"""
REPO = "ada/engine"
Given = Mapping[str, Sequence[str] | None]


def issue_id(number: int) -> str:
    return f"{REPO}#{number}"


def make_folder(
    folder: Path,
    answers: Mapping[int, Given],
    *,
    own: Mapping[int, Sequence[str]] | None = None,
    texts: Mapping[int, tuple[str, str]] | None = None,
    prompt: str | None = None,
    more: Sequence[int] = (),
    listed: str = LABELS,
) -> LabelSet:
    """Writes a folder whose issues are those of `answers` and `more`.

    Args:
        answers: number -> annotator -> labels, None where it failed.
        own: the repository's labels; texts: title and body; listed: labels.yml.
        prompt: another than that of the labels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.yml").write_text(listed, encoding="utf-8")
    labels = read_labels(folder / "labels.yml")
    issues = []
    for number in sorted({*answers, *more}):
        title, body = (texts or {}).get(number, (f"Title {number}", f"Body {number}"))
        mine = tuple((own or {}).get(number, ()))
        name = issue_id(number)
        issues.append(
            Prepared(name, "ada/engine", number, title, body, mine, name, "2026-01-02T03:04:05Z", "ada/engine")
        )
    write_lines(folder / PREPARED, map(to_line, issues))
    hash_ = prompt_for(labels).hash if prompt is None else prompt
    given = [
        Answer(issue_id(number), who, None if chosen is None else tuple(chosen), hash_, at="2026-01-03T00:00:00Z")
        for number, by_annotator in answers.items()
        for who, chosen in by_annotator.items()
    ]
    write_lines(folder / ANSWERS, map(to_line, given))
    return labels
