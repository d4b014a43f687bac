"""A model by the word that names it, on this machine: with its cache, its tokens and its addresses."""

from __future__ import annotations

from pathlib import Path

from labeler.config import Machine
from labeler.model.predict import STARTER


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
