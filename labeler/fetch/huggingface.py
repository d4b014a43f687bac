"""A bundle from a model repository on the Hugging Face Hub: only the files its bundle.json lists, and the card."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from labeler.base.retry import NO_NETWORK, unresolved
from labeler.errors import BundleError, DownloadError
from labeler.fetch.cache import room
from labeler.fetch.download import (
    Http,
    NotThereError,
    Progress,
    Refusal,
    Remote,
    TryAgainError,
    UnreachableError,
    Wait,
    bearer,
    failure,
    tries,
)
from labeler.fetch.release import plain_name
from labeler.model.bundle import MANIFEST

CARD = "README.md"
TOKEN = "Mend or unset HF_TOKEN; what is public needs none."
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubReference:
    """A model repository at a revision: a commit (pinned), branch or tag."""

    repository: str
    revision: str = "main"

    @property
    def pinned(self) -> bool:
        return _COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"


@dataclass(frozen=True)
class Facts:
    """What bundle.json says of a file; size in bytes."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Hub:
    """The Hub at the address, and with the login, that huggingface_hub finds on this machine unless given."""

    endpoint: str
    token: str
    wait: Wait

    def commit(self, reference: HubReference) -> str:
        """The commit that a branch or tag stands for now. Raises UnreachableError where the Hub cannot be asked."""
        bearer(self.token)
        api = _library().HfApi(endpoint=self.endpoint or None, token=self.token.strip() or None)

        def ask() -> str:
            try:
                found = api.model_info(reference.repository, revision=reference.revision, timeout=20).sha
            except http_errors() as error:
                response = getattr(error, "response", None)
                if response is None:
                    name = NO_NETWORK.format(host=urlsplit(str(api.endpoint)).hostname)
                    raise TryAgainError(name if unresolved(error) else type(error).__name__) from error
                raise failure(_refusal(reference), response.status_code, response.headers) from error
            except ValueError as error:
                raise TryAgainError("the answer is not JSON") from error
            if not _COMMIT.fullmatch(found or ""):
                raise TryAgainError("the answer names no commit")
            return str(found)

        return tries(f"the commit of {reference}", ask, self.wait)

    def fetch(self, reference: HubReference, work: Path, http: Http, progress: Progress | None) -> Path:
        """Downloads into `work`, which may hold what an earlier call left. Returns the bundle folder in it."""
        folder, parts = work / "bundle", work / "parts"
        manifest = folder / MANIFEST
        if not manifest.exists():
            http.file(self._remote(reference, MANIFEST), manifest, parts / "manifest")
        try:
            files = listed_files(manifest)
        except BundleError:
            manifest.unlink()
            raise
        total = sum(facts.size for facts in files.values())
        room(work, total - sum(path.stat().st_size for path in work.rglob("*") if path.is_file()))
        done = 0
        for name, facts in files.items():
            if not (folder / name).exists():
                tell = _shifted(progress, done, total)
                http.file(self._remote(reference, name, facts), folder / name, parts / facts.sha256, tell)
            done += facts.size
        if CARD not in files and not (folder / CARD).exists():
            try:
                http.file(self._remote(reference, CARD), folder / CARD, parts / "card")
            except NotThereError:  # a bundle works without its card
                return folder
        return folder

    def _remote(self, reference: HubReference, name: str, facts: Facts | None = None) -> Remote:
        bearer(self.token)
        library = _library()
        address = library.hf_hub_url(
            reference.repository, name, revision=reference.revision, endpoint=self.endpoint or None
        )
        return Remote(
            what=f"{name} of {reference}",
            url=address,
            headers=library.utils.build_hf_headers(token=self.token.strip() or None, library_name="issue-labeler"),
            refused=_refusal(reference, name),
            size=facts.size if facts else None,
            sha256=facts.sha256 if facts else "",
        )


def listed_files(manifest: Path) -> dict[str, Facts]:
    """The files that a bundle.json lists, judged before any is fetched: plain names, sizes, sha256.

    Raises:
        BundleError: not JSON, no such list, or a name that would leave the folder.
    """
    remedy = "Publish the repository again from an exported bundle, or pin another commit."
    try:
        listed = json.loads(manifest.read_bytes())["files"]
        files = {str(name): Facts(int(facts["size"]), str(facts["sha256"])) for name, facts in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{manifest}: not a bundle manifest: {error!r}", remedy) from error
    for name, facts in files.items():
        if not plain_name(name) or name.endswith("/") or name.casefold() == MANIFEST:
            raise BundleError(f"{manifest}: file name {name!r} leaves the bundle", "Do not use this bundle.")
        if facts.size < 0 or not re.fullmatch(r"[0-9a-f]{64}", facts.sha256):
            raise BundleError(f"{manifest}: {name!r} has no proper size and sha256", remedy)
    return files


def _refusal(reference: HubReference, name: str = "") -> Refusal:
    def refused(status: int, headers: Mapping[str, str]) -> DownloadError:
        code = headers.get("x-error-code", "")
        if code == "EntryNotFound":
            return NotThereError(
                f"{reference} has no file {name}", "Is it a bundle? `python -m training export` makes one."
            )
        if code == "RevisionNotFound":
            return DownloadError(
                f"{reference.repository} has no revision {reference.revision}", "Check the commit, branch or tag."
            )
        if code == "GatedRepo" or status == 403:
            return DownloadError(
                f"{reference.repository}: access is restricted (HTTP {status})",
                "Ask for access on its page on the Hub, then give a token (HF_TOKEN) that may read it.",
            )
        if status == 401 and headers.get("x-error-message", "").startswith("Invalid credentials"):
            return DownloadError(f"{reference.repository}: the Hub does not accept the token (HTTP 401)", TOKEN)
        if status in (401, 404):
            return DownloadError(
                f"{reference.repository}: not found on the Hub, or private (HTTP {status})",
                "Check the spelling of owner/name (if a folder was meant: there is none of that name). "
                "A private repository needs a valid token (HF_TOKEN) that may read it.",
            )
        return DownloadError(f"{reference}: the Hub answered HTTP {status}", "Check the configured Hub address.")

    return refused


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one file as progress of them all."""
    return None if progress is None else lambda done, _: progress(before + done, total)


def _library() -> ModuleType:
    """huggingface_hub, imported only here: it takes 0.7 s, and only a download needs it."""
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.utils
    except ModuleNotFoundError as error:
        raise DownloadError(
            "huggingface_hub is not installed, and the bundle is not in the cache",
            'Install it: pip install "issue-labeler[serve]"',
        ) from error
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise UnreachableError("HF_HUB_OFFLINE is set, and the bundle is not in the cache", "Unset it to download.")
    return huggingface_hub


def http_errors() -> tuple[type[Exception], ...]:
    """The base errors of the HTTP library in use: huggingface_hub 1.x speaks httpx, 2.x httpx2."""
    modules: list[Any] = [sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules]
    return tuple(module.HTTPError for module in modules)
