"""People's corrections as a dataset to train on: only what a person decided, never the action's own labels.

A row is an issue where a person changed a label after the action: took one off that it had set, or set one that it had
not. Its labels are those that a person put there. A label that nobody touched after the action set it is neither true
nor false on that row, as is one that is `unclear`: `sources.yml` leaves it out of what the row's source uses, so that
training and evaluation pass that cell over. What nobody set at all is false: a person has looked at the issue's labels.

These are the model's mistakes only, so train on them beside other rows, and do not measure a model by them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labeler.data.dataset import Row, write_dataset
from labeler.data.dataset_folder import write_labels, write_sources
from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from labeler.verdicts.judging import TRUE_BY_PERSON, Judged, Verdict

CORRECTIONS = "corrections.csv"
_UNDECIDED = frozenset({Verdict.KEPT, Verdict.TAKEN_BACK, Verdict.UNCLEAR})


def correction_rows(
    judged: Sequence[Judged], labels: LabelSet, repository: str
) -> tuple[list[Row], dict[str, list[str]]]:
    """The rows of settled issues, and what each of their sources uses (source -> label names).

    A source is named by the repository and what it leaves open: "octo/hello without bug".
    """
    rows, sources = [], {}
    for one in judged:
        if not (one.settled and one.is_corrected):
            continue
        verdicts = dict(zip(labels.names, one.verdicts, strict=True))
        left_open = [name for name, verdict in verdicts.items() if verdict in _UNDECIDED]
        source = f"{repository} without {', '.join(left_open)}" if left_open else repository
        sources[source] = [name for name in labels.names if name not in left_open]
        issue = one.story.issue
        row = Row(
            id=f"{repository}#{issue.number}",
            repo=repository,
            number=issue.number,
            title=issue.title,
            body=issue.body,
            labels=tuple(name for name, verdict in verdicts.items() if verdict in TRUE_BY_PERSON),
            split="train",
            source=source,
            annotator="human",
            created_at=one.story.opened.isoformat().replace("+00:00", "Z"),
        )
        rows.append(row)
    return rows, sources


def write_corrections(folder: Path, judged: Sequence[Judged], labels: LabelSet, repository: str) -> int:
    """Writes corrections.csv with the labels.yml and sources.yml that belong to it; returns the number of rows.

    Without any label in the list there is nothing to write, and nothing is. Raises InputError.
    """
    rows, sources = correction_rows(judged, labels, repository)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}", "Give another folder.") from error
    if not len(labels):
        return 0
    write_labels(folder, labels)
    write_sources(folder, sources)
    return write_dataset(folder / CORRECTIONS, rows, labels)
