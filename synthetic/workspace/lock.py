"""One run at a time in a working folder: two that fetch or ask would do everything twice, and pay for it twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labeler.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]


@contextmanager
def alone(folder: Path, *, make: bool = False) -> Iterator[None]:
    """Keeps other runs out of a folder. The lock is on the folder itself: it ends with the process, even a killed one,
    and leaves no file behind.

    Args:
        make: makes the folder where it is missing; else a missing one is not locked.

    Raises:
        InputError: another run is in it, or it cannot be made or read.
    """
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY) if fcntl and folder.is_dir() else None
    except OSError as error:
        what = f"{error.filename or folder}: {error.strerror or error}"
        raise InputError(what, "Check the path of the working folder, and the disk.") from error
    try:
        if descriptor is not None:
            _lock(descriptor, folder)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        what = f"{folder}: another run is working in this folder"
        raise InputError(what, "Let it end, or end it; then run this again. Nothing was asked or changed.") from error
    except OSError:
        return  # a file system without locks
