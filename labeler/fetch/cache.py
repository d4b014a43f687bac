"""The cache of bundles, keyed by what pins their content. Entries appear whole or not at all.

bundles/<key>/      verified bundles; the only part that is read once filled
partial/<key>/      a download under way; survives a kill, so that the next call goes on from there
partial/<key>.lock  held while a process works there
refs/<name>         the commit that a branch or tag of the Hub last stood for
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from labeler.errors import DownloadError, LabelerError, NewerBundleError

LONGEST_WAIT_FOR_ANOTHER = 900.0  # seconds; then both download
_POLL = 0.1

Verify = Callable[[Path], None]
Warn = Callable[[str], None]


@dataclass(frozen=True)
class Cache:
    """`verify` raises a LabelerError for a folder that is not a whole bundle."""

    folder: Path
    verify: Verify
    warn: Warn

    def find(self, key: str) -> Path | None:
        """The verified entry, or None where there is none or it is damaged. Changes nothing."""
        entry = self.folder / "bundles" / key
        return entry if entry.is_dir() and self._damage(entry) is None else None

    def fill(self, key: str, fetch: Callable[[Path], Path]) -> Path:
        """Puts in place what `fetch` leaves: it gets a folder to work in and returns the bundle folder inside it.

        A damaged entry is removed first. Another process that fills the same entry is waited for.
        """
        entry = self.folder / "bundles" / key
        with self._workplace(key) as work:
            if entry.is_dir():
                damage = self._damage(entry)
                if damage is None:  # another process was faster
                    return entry
                self.warn(f"The cached bundle is damaged and is fetched again. {damage.what}")
                self._discard(entry)
            bundle = fetch(work)
            try:
                self.verify(bundle)
            except LabelerError:
                shutil.rmtree(work, ignore_errors=True)  # going on with it would fail for ever
                raise
            self._place(bundle, entry)
            shutil.rmtree(work, ignore_errors=True)
        return entry

    def commit_of(self, name: str) -> str:
        """The commit last noted under `name`, or ""."""
        path = self.folder / "refs" / name
        return path.read_text(encoding="ascii", errors="replace").strip() if path.is_file() else ""

    def note_commit(self, name: str, commit: str) -> None:
        if self.commit_of(name) == commit:
            return
        path = self.folder / "refs" / name
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=path.parent, delete=False) as file:
                file.write(commit + "\n")
            os.replace(file.name, path)

    def _damage(self, folder: Path) -> LabelerError | None:
        try:
            self.verify(folder)
        except NewerBundleError:
            raise
        except LabelerError as error:
            return error
        return None

    def _place(self, bundle: Path, entry: Path) -> None:
        """Renames into place. Where the entry appeared meanwhile, it is used if whole, else replaced."""
        with disk_errors(entry):
            entry.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(bundle, entry)
            except OSError:
                if not entry.is_dir():
                    raise
                if self._damage(entry) is not None:
                    self._discard(entry)
                    os.rename(bundle, entry)

    def _discard(self, entry: Path) -> None:
        """Takes the entry away in one step, so that no reader finds half of it."""
        with disk_errors(entry):
            grave = Path(tempfile.mkdtemp(prefix="discarded-", dir=self._partial()))
            os.rename(entry, grave / entry.name)
            shutil.rmtree(grave, ignore_errors=True)

    def _partial(self) -> Path:
        folder = self.folder / "partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def _workplace(self, key: str) -> Iterator[Path]:
        """The folder to download into: the shared one that can be gone on from, else one of this process alone."""
        with disk_errors(self.folder):
            partial = self._partial()
            lock = open(partial / f"{key}.lock", "ab")  # noqa: SIM115 - closed by the next `with`
        with lock:
            if self._locked(lock):
                work = partial / key
                with disk_errors(work):
                    work.mkdir(exist_ok=True)
                yield work
                return
            work = Path(tempfile.mkdtemp(prefix=f"{key}-", dir=partial))
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def _locked(self, lock: IO[bytes]) -> bool:
        """Waits for the lock, which ends with its process. False: no locks on this disk, or waited too long."""
        end = time.monotonic() + LONGEST_WAIT_FOR_ANOTHER
        told = False
        while time.monotonic() < end:
            try:
                if _try_lock(lock):
                    return True
            except OSError:
                return False
            if not told:
                self.warn("Another process is fetching this bundle; waiting for it.")
                told = True
            time.sleep(_POLL)
        return False


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "Free some space, or choose a cache folder on another disk."
        else:
            remedy = "Check the folder's permissions, or choose another cache folder."
        raise DownloadError(f"{path}: cannot be written: {error.strerror or error}", remedy) from error


def room(folder: Path, needed: int) -> None:
    """Raises DownloadError where the disk of an existing `folder` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            f"{folder}: {needed / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free",
            "Free some space, or choose a cache folder on another disk.",
        )


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
