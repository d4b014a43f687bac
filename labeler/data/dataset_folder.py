"""A dataset as it lies on disk: the CSV, its labels.yml, and where sources differ, which labels each of them uses.

sources.yml is a mapping from the CSV's `source` to the labels that somebody there could have set:

    matomo: [bug, enhancement, security]

A label outside a source's list is unknown on its rows, not false: nobody looked for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeler.data.dataset import Row, read_dataset
from labeler.data.textfile import decoded_lines
from labeler.errors import InputError
from labeler.files import write_text
from labeler.labels.label_set import LabelSet, read_labels

DATASET, LABELS, SOURCES = "dataset.csv", "labels.yml", "sources.yml"


@dataclass(frozen=True)
class DatasetFolder:
    """One dataset: its file, its labels, and the labels that a source uses (source -> names in listed order)."""

    file: Path
    labels: LabelSet
    spaces: Mapping[str, tuple[str, ...]]

    def rows(self) -> Iterator[Row]:
        """The rows, one at a time, with labels spelt and ordered as in labels.yml. Raises InputError at a wrong one."""
        return read_dataset(self.file, self.labels)

    def space(self, row: Row) -> tuple[str, ...]:
        """The labels whose absence from this row says something, and those that it has."""
        used = self.spaces.get(row.source, self.labels.names)
        return tuple(name for name in self.labels.names if name in used or name in row.labels)


def open_dataset(path: Path) -> DatasetFolder:
    """The dataset of a CSV file, or of a folder with a dataset.csv; labels.yml must lie beside it.

    Raises:
        InputError: something is missing or wrong; the message names the file.
    """
    file = path / DATASET if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{file}: no such dataset", f"Give a CSV-label file, or a folder with a {DATASET}.")
    beside = file.parent / LABELS
    if not beside.is_file():
        next(read_dataset(file), None)  # a table of another kind needs more than a list of labels
        raise InputError(f"{beside}: missing", f"A dataset has its labels in a {LABELS} beside it.")
    labels = read_labels(beside)
    sources = file.parent / SOURCES
    return DatasetFolder(file, labels, _read_spaces(sources, labels) if sources.is_file() else {})


def dataset_sha256(file: Path) -> str:
    """Of a dataset's rows, labels and sources together."""
    digest = hashlib.sha256()
    for part in (file, file.parent / LABELS, file.parent / SOURCES):
        digest.update(part.read_bytes() if part.is_file() else b"")
        digest.update(b"\0")
    return digest.hexdigest()


def write_labels(folder: Path, labels: LabelSet) -> None:
    """Writes the folder's labels.yml. Raises InputError where it cannot be written."""
    import yaml

    write_text(folder / LABELS, yaml.safe_dump(labels.to_dicts(), sort_keys=False, allow_unicode=True))


def write_sources(folder: Path, spaces: Mapping[str, Sequence[str]]) -> None:
    """Writes the folder's sources.yml, a line a source. Raises InputError where it cannot be written."""
    import yaml

    lists = {source: list(names) for source, names in spaces.items()}
    text = yaml.safe_dump(lists, default_flow_style=None, width=float("inf"), sort_keys=False, allow_unicode=True)
    write_text(folder / SOURCES, text)


def _read_spaces(path: Path, labels: LabelSet) -> dict[str, tuple[str, ...]]:
    import yaml

    try:
        read = yaml.safe_load("".join(decoded_lines(path)))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}", "Mend it, or drop the file.") from error
    remedy = "Write one line a source, like: matomo: [bug, enhancement]"
    if not isinstance(read, dict):
        raise InputError(f"{path}: not a mapping of sources", remedy)
    spaces = {}
    for source, names in read.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(f"{path}: {source}: not a list of label names", remedy)
        if unknown := labels.unknown(names):
            raise InputError(f"{path}: {source}: {', '.join(unknown)}: not in {LABELS}", "Correct or add the name.")
        spaces[str(source)] = labels.only(names).names
    return spaces
