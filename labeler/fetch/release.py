"""A bundle from a GitHub release asset: find the asset, download it with resume, unpack it with suspicion."""

from __future__ import annotations

import re
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from labeler.errors import DownloadError
from labeler.fetch.cache import disk_errors
from labeler.fetch.download import Http, NotThereError, Progress, Refusal, Remote, bearer, forget
from labeler.model.bundle import MANIFEST

MOST_BYTES = 4 << 30  # of an unpacked bundle
MOST_MEMBERS = 10_000
_DANGEROUS = "Do not use this archive unless you know who made it; a bundle holds plain files only."


@dataclass(frozen=True)
class ReleaseReference:
    """`github:owner/repo@tag/asset.tar.gz`, with the asset's sha256 (hex) where it is pinned."""

    owner: str
    repo: str
    tag: str
    asset: str
    sha256: str = ""

    def __str__(self) -> str:
        pin = f"#sha256={self.sha256}" if self.sha256 else ""
        return f"github:{self.owner}/{self.repo}@{self.tag}/{self.asset}{pin}"


@dataclass(frozen=True)
class _Asset:
    number: int
    size: int
    sha256: str


def fetch_release(
    reference: ReleaseReference, work: Path, http: Http, token: str, api_url: str, progress: Progress | None
) -> Path:
    """Downloads and unpacks into `work`, which may hold what an earlier call left. Returns the bundle folder in it."""
    api = f"{api_url.rstrip('/')}/repos/{reference.owner}/{reference.repo}/releases"
    headers = {"X-GitHub-Api-Version": "2022-11-28", "User-Agent": "issue-labeler", **bearer(token)}
    refused = _refusal(reference, bool(token))
    asset = _find_asset(reference, http, api, headers, refused)
    archive = work / f"asset-{asset.number}"  # a replaced asset gets a new number: its parts never mix
    remote = Remote(
        what=f"{reference.asset} of {reference.owner}/{reference.repo}@{reference.tag}",
        url=f"{api}/assets/{asset.number}",
        headers={**headers, "Accept": "application/octet-stream"},
        refused=refused,
        size=asset.size,
        sha256=reference.sha256 or asset.sha256,
    )
    if not archive.exists():
        http.file(remote, archive, archive.with_name(archive.name + ".part"), progress)
    shutil.rmtree(work / "unpacked", ignore_errors=True)
    try:
        return unpack(archive, work / "unpacked")
    except DownloadError:
        if not remote.sha256:
            forget(archive)  # it may be damaged: the next call must not take it again
        raise


def _find_asset(
    reference: ReleaseReference, http: Http, api: str, headers: Mapping[str, str], refused: Refusal
) -> _Asset:
    what = f"release {reference.tag} of {reference.owner}/{reference.repo}"
    release = http.json(
        Remote(
            what=what,
            url=f"{api}/tags/{quote(reference.tag, safe='')}",
            headers={**headers, "Accept": "application/vnd.github+json"},
            refused=refused,
        )
    )
    try:
        named = {str(asset["name"]): asset for asset in release["assets"]}
        found = named.get(reference.asset)
        if found is None:
            names = ", ".join(sorted(named)) or "none"
            raise NotThereError(f"{what} has no asset {reference.asset}", f"Its assets: {names}.")
        digest = re.fullmatch(r"sha256:([0-9a-f]{64})", str(found.get("digest") or ""))
        asset = _Asset(int(found["id"]), int(found["size"]), digest[1] if digest else "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DownloadError(
            f"{what}: the answer is not GitHub's description of a release", "Check the configured GitHub API address."
        ) from error
    if reference.sha256 and asset.sha256 and asset.sha256 != reference.sha256:
        raise DownloadError(
            f"{reference.asset} of {what}: sha256 differs: GitHub says {asset.sha256}, the pin {reference.sha256}",
            "The asset was replaced since it was pinned, or the pin is mistyped. Pin the new one only if you trust it.",
        )
    return asset


def _refusal(reference: ReleaseReference, with_token: bool) -> Refusal:
    repository = f"{reference.owner}/{reference.repo}"

    def refused(status: int, headers: Mapping[str, str]) -> DownloadError:
        if headers.get("x-ratelimit-remaining") == "0":
            return DownloadError(
                f"{repository}: GitHub's hourly limit of requests is used up (HTTP {status})",
                "Give a token (GITHUB_TOKEN): it has a larger limit. Or wait an hour.",
            )
        if status == 401:
            what = "the token is wrong or has expired" if with_token else "it is shown to nobody without a token"
            also = " A public release needs none: an expired one is better left out." if with_token else ""
            return DownloadError(
                f"{repository}: {what} (HTTP 401)",
                f"Set GITHUB_TOKEN to one with `contents: read` on it, for instance $(gh auth token).{also}",
            )
        if status in (403, 404):
            return NotThereError(
                f"{repository}: no release {reference.tag}, or no access to it (HTTP {status})",
                "Check the spelling of owner, repository and tag. "
                "For a private repository give a token (GITHUB_TOKEN) with `contents: read` on it.",
            )
        return DownloadError(f"{repository}: GitHub answered HTTP {status}", "Check the configured GitHub API address.")

    return refused


def unpack(archive: Path, into: Path, most_bytes: int = MOST_BYTES) -> Path:
    """Unpacks a tar.gz of plain files and folders. Returns the folder that holds bundle.json: the root or its only one.

    Raises:
        DownloadError: not a tar.gz; a link or device; a name that leaves the folder or comes twice; too many bytes.
    """
    left = most_bytes
    seen: set[str] = set()
    with disk_errors(into):
        into.mkdir(parents=True, exist_ok=True)
    try:
        # As a stream: each member is judged before a byte behind its header is unpacked.
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                left -= member.size
                _judge(member, seen, left, most_bytes, archive.name)
                with disk_errors(into):
                    tar.extract(member, into, set_attrs=False, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DownloadError(
            f"{archive.name}: not a readable tar.gz: {error}", "Publish the asset again: tar -czf bundle.tar.gz FOLDER"
        ) from error
    if (into / MANIFEST).is_file():
        return into
    inside = [path.parent for path in into.glob(f"*/{MANIFEST}")]
    if len(inside) != 1:
        raise DownloadError(
            f"{archive.name}: {len(inside) or 'no'} {MANIFEST} in its root or top folder",
            "Publish an archive of one bundle: tar -czf bundle.tar.gz FOLDER",
        )
    return inside[0]


def _judge(member: tarfile.TarInfo, seen: set[str], left: int, most_bytes: int, archive: str) -> None:
    """Refuses what a bundle never holds. `seen`: names so far, in lower case, for disks that ignore case."""
    name = member.name.removeprefix("./")
    if member.isdir() and name in (".", ""):
        return
    if not plain_name(name):
        raise DownloadError(f"{archive}: name {member.name!r} leaves the folder", _DANGEROUS)
    if member.issparse() or not (member.isfile() or member.isdir()):
        raise DownloadError(f"{archive}: {member.name!r} is a link or no plain file", _DANGEROUS)
    if left < 0:
        raise DownloadError(f"{archive}: holds more than {most_bytes} bytes", _DANGEROUS)
    if len(seen) >= MOST_MEMBERS or (member.isfile() and name.casefold() in seen):
        raise DownloadError(f"{archive}: too many files, or {member.name!r} twice", _DANGEROUS)
    seen.add(name.casefold())


def plain_name(name: str) -> bool:
    """Whether `name` is a plain relative path on every system: "a.bin", "folder/a.bin"."""
    if any(character in '\\:*?"<>|' or character < " " for character in name):
        return False
    return not PurePosixPath(name).is_absolute() and all(
        part.strip(" .") and not part.endswith((".", " ")) for part in name.rstrip("/").split("/")
    )
