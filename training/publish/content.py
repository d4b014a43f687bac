"""What of a bundle is published, and the fetching of it again, as every user will, before anything is pinned."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labeler.config import Machine
from labeler.console.progress import download_bar
from labeler.data.textfile import one_line
from labeler.errors import DownloadError, LabelerError
from labeler.fetch.download import NotThereError, TryAgainError, Wait, tries
from labeler.fetch.hub import resolve
from labeler.fetch.huggingface import CARD, listed_files
from labeler.model.bundle import MANIFEST, read_manifest, sha256, verify
from training.model.licence import carry_licence


@dataclass(frozen=True)
class Content:
    """A whole bundle: name in it -> file.

    Attributes:
        left_out: files of its folder that its manifest does not list.
        added: files that its licence asks for and that it lacked.
    """

    name: str
    version: str
    files: Mapping[str, Path]
    left_out: tuple[str, ...]
    added: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by name."""
        return {name: path.stat().st_size for name, path in sorted(self.files.items())}


@dataclass(frozen=True)
class Plan:
    """What publishing would do: the steps in words, and bytes by the name that each file gets there."""

    where: str
    steps: tuple[str, ...]
    files: Mapping[str, int]


@dataclass(frozen=True)
class Published:
    """What the action takes as `model`, verified; `changed` is False where all of it was there already."""

    pin: str
    url: str
    changed: bool


def read_content(folder: Path) -> Content:
    """What of a bundle's folder is published; what its licence asks for is added to it first.

    Raises:
        BundleError: the folder is no whole bundle, or lists a file that no download would take.
        InputError: something has to be added, and the folder cannot be written.
    """
    verify(folder)
    added = carry_licence(folder)
    names = {MANIFEST, *listed_files(folder / MANIFEST)} | ({CARD} if (folder / CARD).is_file() else set())
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    manifest = read_manifest(folder)
    files = {name: folder / name for name in sorted(names)}
    return Content(one_line(manifest.name), one_line(manifest.version), files, tuple(sorted(present - names)), added)


def fetch_back(pin: str, content: Content, machine: Machine, wait: Wait) -> None:
    """Fetches `pin` by the labeller's own code into a cache of its own, and compares every file with the bundle's.

    Raises:
        DownloadError: it could not be fetched, or is not what was published.
    """
    with tempfile.TemporaryDirectory(prefix="issue-labeler-") as cache:
        try:
            folder = tries(pin, lambda: _fetched(pin, Path(cache), machine, wait), wait)
        except LabelerError as error:
            raise _unfit(pin, error.what) from error
        for name, path in content.files.items():
            back = folder / name
            if not back.is_file() or sha256(back) != sha256(path):
                raise _unfit(pin, f"{name} differs from the bundle's")


def _fetched(pin: str, cache: Path, machine: Machine, wait: Wait) -> Path:
    with download_bar() as progress:
        try:
            return resolve(
                pin,
                cache=cache,
                starter=cache / "none",
                github_token=machine.github_token,
                hub_token=machine.hub_token,
                github_api_url=machine.github_api_url,
                hub_url=machine.hub_endpoint,
                progress=progress,
                wait=wait,
            )
        except NotThereError as error:  # what was published this second may take a few to show
            raise TryAgainError(error.what) from error


def _unfit(pin: str, why: str) -> DownloadError:
    return DownloadError(
        f"{pin} was uploaded, but is not to be used: it could not be fetched back whole: {why}",
        "Run the same command again: what has arrived is not sent twice; the pin comes once it can be fetched.",
    )
