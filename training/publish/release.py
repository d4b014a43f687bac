"""A bundle as an asset of a GitHub release: sent into a draft, which is published once the asset has arrived whole.

So no release appears without its asset, and repositories with immutable releases are served, too.
"""

from __future__ import annotations

import gzip
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from labeler.base.retry import Patience, retried
from labeler.config import Machine
from labeler.errors import GitHubError, InputError, UsageError
from labeler.fetch.download import Wait
from labeler.fetch.release import ReleaseReference
from labeler.github.refusals import TOKEN_REMEDY, BadToken, Forbidden, Invalid, NoNetwork, NotFound, Unavailable
from labeler.model.bundle import sha256
from training.publish.content import Content, Plan, Published, fetch_back
from training.publish.release_api import ReleasesApi

MOST_BYTES = (2 << 30) - 1  # https://docs.github.com/repositories/releasing-projects-on-github/about-releases
PATIENCE = Patience(tries=3, first=2.0)
# Tells our own drafts, left by a run that broke off, from others'.
MARK = "<!-- made by: python -m training publish -->"
_AGAIN = "Run the same command again: it goes on with what is there."
_RIGHTS = (
    "Releases need the permission `contents: write`: in a workflow give it to the job; "
    "a personal token needs the repository permission 'Contents: read and write'."
)


@dataclass(frozen=True)
class _Archive:
    path: Path
    sha256: str


@dataclass(frozen=True)
class ReleaseTarget:
    """`github:owner/repo@tag/asset.tar.gz`; the release is made where it is missing, the repository is not."""

    reference: ReleaseReference

    @property
    def repository(self) -> str:
        return f"{self.reference.owner}/{self.reference.repo}"

    def plan(self, content: Content, machine: Machine, *, private: bool, wait: Wait) -> Plan:
        """Asks GitHub and changes nothing; without a network, what is there stays open.

        Raises:
            UsageError: the asset's name or the tag's draft is taken; the release is immutable; the repository is
                public, though `private` is set.
            GitHubError: GitHub refused, or was out of reach.
            InputError: the asset would be larger than GitHub takes.
        """
        with self._archived(content) as archive, self._translated():
            try:
                release = self._look(self._api(machine, wait), private)
            except NoNetwork as error:
                sizes = {self.reference.asset: archive.path.stat().st_size}
                return Plan(str(self.reference), (f"send the asset; not checked: {error.what}",), sizes)
            there = self._present(release, archive)
            tag, asset = self.reference.tag, self.reference.asset
            if release is None:
                steps = [f"make the release {tag} of {self.repository}, and its tag on the default branch if missing"]
            else:
                steps = [f"add to the {'draft ' if release['draft'] else ''}release {tag} of {self.repository}"]
            steps += [f"leave {asset}, which is there already" if there else f"upload {asset}, sha256 {archive.sha256}"]
            steps += ["download the asset and compare it with the bundle"]
            return Plan(str(self.reference), tuple(steps), {asset: archive.path.stat().st_size})

    def publish(self, content: Content, machine: Machine, *, private: bool, wait: Wait) -> Published:
        """Uploads the asset unless it is there, publishes the release if it is a draft, and fetches the asset back.

        Raises:
            LabelerError: as `plan`; the token may not write; or what was uploaded cannot be fetched back whole.
        """
        if not machine.github_token:
            raise BadToken("Publishing a release needs a token, and there is none.", TOKEN_REMEDY)
        api = self._api(machine, wait)
        with self._archived(content) as archive, self._translated():
            release = self._look(api, private)
            self._present(release, archive)  # a name that is taken is refused before anything is changed
            if release is None:
                title = f"{content.name} {content.version}"
                body = f"{MARK}\nThe model {title} for issue-labeler: a bundle of {len(content.files)} files.\n"
                release = api.create_draft(self.repository, self.reference.tag, title, body)
            changed = self._send(api, release, archive, wait)
            if release["draft"]:
                release, changed = api.publish(self.repository, int(release["id"])), True
            reference = replace(self.reference, sha256=archive.sha256)
        fetch_back(str(reference), content, machine, wait)
        return Published(str(reference), str(release["html_url"]), changed)

    def _api(self, machine: Machine, wait: Wait) -> ReleasesApi:
        return ReleasesApi(
            machine.github_token,
            machine.github_api_url,
            timeout_seconds=60.0,
            sleep=wait,
            on_wait=lambda text: print(text, file=sys.stderr),
        )

    def _look(self, api: ReleasesApi, private: bool) -> dict[str, Any] | None:
        found = api.repository(self.repository)
        if private and not found.get("private"):
            raise UsageError(
                f"{self.repository} is public, and so are its releases", "Leave --private out, or name a private one."
            )
        release = api.release(self.repository, self.reference.tag)
        if release and release["draft"] and not str(release.get("body") or "").startswith(MARK):
            raise UsageError(
                f"{self.repository} has a draft of a release {self.reference.tag} that this command did not make",
                "Publish or delete that draft first, or choose another tag.",
            )
        return release

    def _present(self, release: dict[str, Any] | None, archive: _Archive) -> bool:
        """Whether the asset is there, whole. One of the same name that holds something else is refused."""
        found = _asset(release, self.reference.asset)
        if release is None or (found is None and not release.get("immutable")):
            return False
        if found is None:
            what = f"The release {self.reference.tag} of {self.repository} is immutable: it takes no more assets"
            raise UsageError(what, "Choose another tag.")
        if _whole(found, archive):
            return True
        if found.get("state") == "uploaded" and not release["draft"]:
            what = f"The name is taken: {self.reference} is another file"
            raise UsageError(
                what, "Choose another tag or, with @tag/asset.tar.gz, another name: pins point to the old."
            )
        return False

    def _send(self, api: ReleasesApi, release: dict[str, Any], archive: _Archive, wait: Wait) -> bool:
        """Puts the asset there unless it is, clearing away what an attempt that broke off left. Returns if it sent."""
        asset, known, attempts = self.reference.asset, release, count(1)

        def once() -> bool:
            nonlocal known
            attempt = next(attempts)
            if attempt > 1:  # the answer may have got lost on its way here, and the asset not
                known = api.release(self.repository, self.reference.tag) or known
            found = _asset(known, asset)
            if found and _whole(found, archive):
                return attempt > 1
            if found:
                api.delete_asset(self.repository, int(found["id"]))
            made = api.upload(known, asset, archive.path)
            if _whole(made, archive):
                return True
            api.delete_asset(self.repository, int(made["id"]))
            raise Unavailable(f"{asset} arrived damaged.", _AGAIN)

        def gave_up(error: Unavailable, attempt: int) -> Unavailable:
            return Unavailable(f"{error.what} Gave up on {asset} after {attempt} attempts.", _AGAIN)

        return retried(once, Unavailable, PATIENCE, wait, gave_up=gave_up)

    @contextmanager
    def _archived(self, content: Content) -> Iterator[_Archive]:
        with tempfile.TemporaryDirectory(prefix="issue-labeler-") as folder:
            path = write_archive(Path(folder) / self.reference.asset, content)
            if path.stat().st_size > MOST_BYTES:
                what = f"{self.reference.asset} would have {path.stat().st_size:,} bytes; GitHub takes {MOST_BYTES:,}"
                raise InputError(what, "Publish it on the Hugging Face Hub: --to owner/name")
            yield _Archive(path, sha256(path))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The client's errors with remedies for releases: its own speak of issues and labels."""
        remedies: dict[type[GitHubError], str] = {
            Forbidden: _RIGHTS,
            NotFound: f"Check owner and name. A private repository looks like a missing one without rights. {_RIGHTS}",
            Invalid: "Look at the repository's releases; another tag or asset name may help.",
        }
        try:
            yield
        except (Forbidden, NotFound, Invalid) as error:
            raise type(error)(error.what, remedies.get(type(error), error.remedy)) from error


def write_archive(path: Path, content: Content) -> Path:
    """The bundle as tar.gz, equal bytes for equal bundles: no times, owners or order of the disk in it."""
    with (
        open(path, "wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, file in sorted(content.files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = file.stat().st_size, 0o644
            with open(file, "rb") as body:
                tar.addfile(member, body)
    return path


def _asset(release: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    return next((one for one in (release or {}).get("assets", []) if one.get("name") == name), None)


def _whole(asset: dict[str, Any], archive: _Archive) -> bool:
    """By GitHub's own count and digest; older servers give no digest, and fetching it back decides."""
    same = asset.get("digest") in (None, f"sha256:{archive.sha256}")
    return asset.get("state") == "uploaded" and asset.get("size") == archive.path.stat().st_size and same
