"""What `labeler.github.client` does not need and publishing does: releases and their assets.

https://docs.github.com/rest/releases/releases, https://docs.github.com/rest/releases/assets
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from labeler.console.progress import counted
from labeler.github.client import GitHub
from labeler.github.refusals import TOKEN_REMEDY, TROUBLE_REMEDY, BadToken, Moved, NotFound, Unavailable

_PIECE = 1 << 20  # bytes


class ReleasesApi(GitHub):
    """Repositories are `owner/name`, checked by the caller; releases and assets are GitHub's objects."""

    def release(self, repository: str, tag: str) -> dict[str, Any] | None:
        """The published release of a tag; of several drafts of a tag, the newest, where none is published."""
        path = f"/repos/{repository}/releases"
        try:
            return self._object(f"{path}/tags/{quote(tag, safe='')}")
        except NotFound:  # drafts are found in the list only, and only by those who may write
            drafts = (one for one in self._pages(f"{path}?per_page=100") if one.get("draft"))
            return next((one for one in drafts if one.get("tag_name") == tag), None)

    def create_draft(self, repository: str, tag: str, name: str, body: str) -> dict[str, Any]:
        """Asked once only: a second time would make a second draft."""
        asked = {"tag_name": tag, "name": name, "body": body, "draft": True}
        return self._made(f"{self._api_url}/repos/{repository}/releases", body=asked)

    def publish(self, repository: str, release: int) -> dict[str, Any]:
        """Makes a draft public. GitHub gives it its final address only then."""
        # A model's release must not take the place of the software's latest one.
        asked = {"draft": False, "make_latest": "false"}
        answer, _ = self._send("PATCH", f"{self._api_url}/repos/{repository}/releases/{release:d}", asked)
        return self._an_object(answer, "PATCH")

    def delete_asset(self, repository: str, asset: int) -> None:
        try:
            self._write("DELETE", f"/repos/{repository}/releases/assets/{asset:d}")
        except NotFound:
            return

    def upload(self, release: dict[str, Any], name: str, file: Path) -> dict[str, Any]:
        """Sends the file as an asset, in one attempt: GitHub cannot go on in the middle of one."""
        address = f"{upload_address(str(release['upload_url']), self._api_url)}?{urlencode({'name': name})}"
        headers = {"Content-Type": "application/gzip", "Content-Length": str(file.stat().st_size)}
        return self._made(address, content=_pieces(file), headers=headers)

    def _made(self, url: str, **sent: Any) -> dict[str, Any]:
        if not self._token:
            raise BadToken("Writing to GitHub needs a token, and there is none.", TOKEN_REMEDY)
        answer, response = self._once("POST", url, **sent)
        if response.has_redirect_location:
            raise Moved(f"{urlsplit(url).path} has moved.", "The repository was renamed: use its new name.")
        return self._an_object(answer, "POST")

    def _an_object(self, answer: Any, asked: str) -> dict[str, Any]:
        if not isinstance(answer, dict):
            raise Unavailable(
                f"GitHub answered {asked} of a release with something else than an object.", TROUBLE_REMEDY
            )
        return answer


def upload_address(template: str, api_url: str) -> str:
    """The address that `upload_url` names ("https://uploads.github.com/…/assets{?name,label}").

    The token goes there, so it must be the API's own host (a GitHub Enterprise Server's /api/uploads) or the one that
    belongs to it: uploads.github.com to api.github.com. Raises Moved for any other.
    """
    address, ours = template.partition("{")[0], urlsplit(api_url)
    theirs = urlsplit(address)
    hosts = {ours.netloc, ours.netloc.replace("api.", "uploads.", 1) if ours.netloc.startswith("api.") else ours.netloc}
    if theirs.scheme != ours.scheme or theirs.netloc not in hosts:
        raise Moved(f"GitHub names another host for uploads: {theirs.netloc[:100]}", "The token is not sent there.")
    return address


def _pieces(file: Path) -> Iterator[bytes]:
    with open(file, "rb") as opened, counted(-(-file.stat().st_size // _PIECE), "uploading, MiB") as tick:
        while piece := opened.read(_PIECE):
            yield piece
            tick()
