"""The models that a command line names, as readers."""

from __future__ import annotations

from collections.abc import Sequence

from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.config import environment, read_machine
from labeler.data.textfile import one_line
from labeler.fetch.models import resolve_model
from labeler.labels.label_set import LabelSet
from labeler.model.bundle import read_manifest


def open_reader(model: str, labels: LabelSet, store: Store) -> Reader:
    """The reader of `starter`, a bundle's folder or a published bundle, which is fetched if need be."""
    return Reader(resolve_model(model, read_machine(environment())), labels, store)


def open_readers(models: Sequence[str], labels: LabelSet, store: Store) -> dict[str, Reader]:
    """Readers by what to call them: name and version, and a number where two models share both."""
    readers: dict[str, Reader] = {}
    for model in models:
        reader = open_reader(model, labels, store)
        manifest = read_manifest(reader.folder)
        called = one_line(f"{manifest.name} {manifest.version}")
        same = sum(name == called or name.startswith(f"{called} #") for name in readers)
        readers[f"{called} #{same + 1}" if same else called] = reader
    return readers
