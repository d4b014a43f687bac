"""HTTP downloads that resume: a part file and its ETag, Range and If-Range, growing waits, sha256.

Used for both kinds of remote bundle. huggingface_hub's own downloader deletes its partial file when a
download ends early (1.33 and 2.4 alike), so the bytes of a file come through here whatever the server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from labeler.base.retry import NO_NETWORK, NO_NETWORK_REMEDY, Patience, retried, retry_after, unresolved
from labeler.errors import DownloadError, UsageError
from labeler.fetch.cache import disk_errors
from labeler.model.bundle import sha256

if TYPE_CHECKING:
    import httpx2

PATIENCE = Patience(tries=4)
_MOST_BYTES_OF_UNKNOWN_SIZE = 64 << 20  # manifests and model cards; everything else has its size listed

Progress = Callable[[int, int | None], None]
Wait = Callable[[float], None]
Refusal = Callable[[int, Mapping[str, str]], DownloadError]
Result = TypeVar("Result")


class UnreachableError(DownloadError):
    """No answer, or only "try later", at every try: an earlier copy may stand in."""


class NotThereError(DownloadError):
    """The server answers, and has no such file."""


class TryAgainError(Exception):
    """One try failed in a way that may pass; never leaves `tries`. `pause`: seconds the server asked for."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = pause


@dataclass(frozen=True)
class Remote:
    """A file on a server.

    Attributes:
        what: for messages; never the address, which may carry a signature.
        refused: HTTP status and headers -> the error to raise.
        size: bytes, where known beforehand.
        sha256: hex, or "" where unknown.
    """

    what: str
    url: str
    headers: Mapping[str, str]
    refused: Refusal
    size: int | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Http:
    """GETs with retries; httpx2 is imported only where one is made."""

    client: httpx2.Client
    wait: Wait

    def json(self, remote: Remote) -> Any:
        def ask() -> Any:
            with self._answer(remote, {}) as response:
                if response.status_code != 200:
                    raise failure(remote.refused, response.status_code, response.headers)
                try:
                    return json.loads(response.read())
                except ValueError as error:
                    raise TryAgainError("the answer is not JSON") from error

        return tries(remote.what, ask, self.wait)

    def file(self, remote: Remote, target: Path, part: Path, progress: Progress | None = None) -> None:
        """Fetches into `part`, going on where an earlier call (or process) stopped, then moves it to `target`."""
        for last_round in (False, True):
            in_one_piece = tries(remote.what, lambda: self._body(remote, part, progress), self.wait)
            with disk_errors(part):
                if not remote.sha256 or sha256(part) == remote.sha256:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(part, target)
                    _stamp(part).unlink(missing_ok=True)
                    return
                forget(part)
            if in_one_piece or last_round:  # pieces may be of two different files: once more, from nothing
                raise DownloadError(
                    f"{remote.what}: sha256 differs from the one given, {remote.sha256}",
                    "The file was changed or damaged where it is published. "
                    "Check the pin, or publish the bundle again and pin the new version.",
                )

    def _body(self, remote: Remote, part: Path, progress: Progress | None) -> bool:
        """One try. Returns whether the whole file came in this one answer."""
        have = part.stat().st_size if part.exists() else 0
        if have and have == remote.size:
            return False
        headers = {"Accept-Encoding": "identity"}  # ranges count the bytes as sent
        if have:
            headers["Range"] = f"bytes={have}-"
            if _stamp(part).exists():
                headers["If-Range"] = _stamp(part).read_text(encoding="ascii")
        with self._answer(remote, headers) as response:
            if response.status_code == 416 or (response.status_code == 206 and not _goes_on(response, have)):
                forget(part)
                raise TryAgainError(f"the server could not go on at byte {have}")
            if response.status_code not in (200, 206):
                raise failure(remote.refused, response.status_code, response.headers)
            if response.status_code == 200:
                have = 0
            self._save(response, remote, part, have, progress)
            return have == 0

    def _save(
        self, response: httpx2.Response, remote: Remote, part: Path, have: int, progress: Progress | None
    ) -> None:
        total = remote.size if remote.size is not None else _total(response)
        most = remote.size if remote.size is not None else _MOST_BYTES_OF_UNKNOWN_SIZE
        with disk_errors(part):
            part.parent.mkdir(parents=True, exist_ok=True)
            with open(part, "ab" if have else "wb") as file:
                if not have:
                    _note(part, response.headers.get("etag", ""))
                have = self._copy(response, file, have, most, lambda done: progress and progress(done, total))
        if have > most:
            forget(part)
            raise DownloadError(
                f"{remote.what}: longer than the {most} bytes expected",
                "The file was changed where it is published; check the pin.",
            )
        if total is not None and have < total:
            raise TryAgainError(f"ended after {have} of {total} bytes")

    def _copy(
        self, response: httpx2.Response, file: IO[bytes], have: int, most: int, tell: Callable[[int], object]
    ) -> int:
        """Appends the body to `file`; stops once past `most`. Returns the bytes in the file."""
        for chunk in response.iter_raw():  # as it arrives: a chunk size would hold back, and lose, the last part
            file.write(chunk)
            have += len(chunk)
            tell(have)
            if have > most:
                break
        return have

    @contextmanager
    def _answer(self, remote: Remote, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """A streamed answer, redirects followed; the client drops Authorization when the origin changes."""
        import httpx2

        host = urlsplit(remote.url).netloc
        try:
            with self.client.stream("GET", remote.url, headers={**remote.headers, **headers}) as response:
                yield response
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.TooManyRedirects) as error:
            raise DownloadError(
                f"{remote.what}: {type(error).__name__} at {host!r}", "Check the configured server address."
            ) from error
        except httpx2.TransportError as error:  # its text may hold a header; its kind says enough
            name = NO_NETWORK.format(host=urlsplit(remote.url).hostname)
            raise TryAgainError(name if unresolved(error) else f"{type(error).__name__} at {host}") from error


@contextmanager
def opened(wait: Wait) -> Iterator[Http]:
    import httpx2

    with httpx2.Client(follow_redirects=True, timeout=httpx2.Timeout(30.0, connect=10.0)) as client:
        yield Http(client, wait)


def tries(what: str, once: Callable[[], Result], wait: Wait) -> Result:
    """Calls `once` until it stops raising `TryAgainError`, within PATIENCE: waits of 1, 2, 4 seconds or as asked.

    A server's name that cannot be resolved is tried twice.

    Raises:
        UnreachableError: the last try failed too, or the server asked to wait for longer than PATIENCE allows.
    """

    def gave_up(again: TryAgainError, number: int) -> UnreachableError:
        if unresolved(again):
            return UnreachableError(f"{what}: could not be fetched: {again.reason}", NO_NETWORK_REMEDY)
        asks = again.pause is not None and again.pause > PATIENCE.longest
        patience = f"; the server asks to wait {again.pause:.0f} s" if asks else ""
        return UnreachableError(
            f"{what}: could not be fetched in {number} tries ({again.reason}{patience})",
            "Check the connection and run again: what has been downloaded is kept, and the rest is fetched.",
        )

    return retried(once, TryAgainError, PATIENCE, wait, asked=lambda again: again.pause, gave_up=gave_up)


def failure(refused: Refusal, status: int, headers: Mapping[str, str]) -> Exception:
    """What to raise for an HTTP status: TryAgainError for what may pass, else the server's own refusal."""
    if status in (408, 429) or status >= 500 or (status == 403 and headers.get("retry-after")):
        return TryAgainError(f"HTTP {status}", retry_after(headers))
    return refused(status, headers)


def bearer(token: str) -> dict[str, str]:
    """The Authorization header, or none. A malformed token is refused here, where its text is not shown."""
    token = token.strip()
    if not all("!" <= character <= "~" for character in token):
        raise UsageError("the access token holds spaces or characters no token has", "Copy the token again.")
    return {"Authorization": f"Bearer {token}"} if token else {}


def forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _stamp(part).unlink(missing_ok=True)


def _stamp(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _note(part: Path, etag: str) -> None:
    if etag.isascii() and etag.startswith('"'):  # If-Range takes strong ones only
        _stamp(part).write_text(etag, encoding="ascii")
    else:
        _stamp(part).unlink(missing_ok=True)


def _goes_on(response: httpx2.Response, have: int) -> bool:
    return str(response.headers.get("content-range", "")).startswith(f"bytes {have}-")


def _total(response: httpx2.Response) -> int | None:
    """Bytes of the whole file, where the answer says so."""
    last = str(response.headers.get("content-range", "")).rpartition("/")[2]
    length = last if response.status_code == 206 else response.headers.get("content-length", "")
    return int(length) if length.isdigit() else None
