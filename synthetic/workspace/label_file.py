"""The working folder's own labels.yml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labeler.errors import InputError
from labeler.files import replaced
from labeler.labels.label_set import LabelSet, read_labels
from synthetic.workspace.records import labels_file


def place_labels(folder: Path, given: Path | None, say: Callable[[str], None]) -> LabelSet:
    """The labels of a working folder; a file given is checked and becomes the folder's own, which `say` is told of.

    Raises:
        InputError: no file is given and the folder has none, the file is wrong, or the folder cannot be written.
    """
    own = labels_file(folder)
    if given is None:
        if not own.is_file():
            raise InputError(f"{own}: missing", "Give the labels by --labels FILE (names, descriptions, aliases).")
        return read_labels(own)
    labels = read_labels(given)
    content = given.read_bytes()
    if own.is_file() and own.read_bytes() == content:
        return labels
    if own.is_file():
        say(f"{own}: replaced by {given}, which differs")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replaced(own) as partial:
            partial.write_bytes(content)
    except OSError as error:
        what = f"{own}: cannot be written: {error.strerror}"
        raise InputError(what, "Check the path of the working folder, and the disk.") from error
    return labels
