"""A model by the word that names it, on this machine: with its cache, its tokens and its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labeler.config import STARTER as STARTER_NAME
from labeler.config import Machine
from labeler.labels.label_set import read_labels
from labeler.model.predict import STARTER, Labeler


@dataclass(frozen=True)
class ModelChoice:
    """Which model labels, with which list, on how much of the machine.

    Attributes:
        model: as for `labeler.fetch.hub.resolve`: starter, a folder, or a place to fetch from.
        labels: a labels.yml to choose from; None means the model's own list.
        threads: of the computation; 0 means every core.
        offline: make no request for the model.
    """

    model: str = STARTER_NAME
    labels: Path | None = None
    threads: int = 0
    offline: bool = False

    def load(self, machine: Machine, *, workers: int = 1) -> Labeler:
        """The model, fetched if need be and ready to label.

        Args:
            workers: issues computed side by side, each then with one thread.

        Raises:
            LabelerError: the list or the model is wrong, or the model cannot be had.
        """
        labels = read_labels(self.labels) if self.labels else None
        folder = resolve_model(self.model, machine, offline=self.offline)
        return Labeler(folder, labels, cache=machine.cache, threads=1 if workers > 1 else self.threads, workers=workers)


def resolve_model(model: str, machine: Machine, *, offline: bool = False) -> Path:
    """The verified bundle's folder (`labeler.fetch.hub.resolve`); a bar on a terminal shows what is fetched."""
    from labeler.console.progress import download_bar
    from labeler.fetch.hub import resolve

    with download_bar() as progress:
        return resolve(
            model,
            cache=machine.cache,
            starter=STARTER,
            offline=offline or machine.offline,
            github_token=machine.github_token,
            hub_token=machine.hub_token,
            github_api_url=machine.github_api_url,
            hub_url=machine.hub_endpoint,
            progress=progress,
        )
