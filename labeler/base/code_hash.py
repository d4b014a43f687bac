"""A hash of the project's own code, for the keys of what is kept: once the code has changed, it is computed anew."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SUFFIXES = (".py", ".toml")  # settings that ship with a package decide as much as its code


@cache
def code_hash(*packages: str) -> str:
    """sha256 over the code of whole top-level packages, each file by path and content; read once a process.

    Whole ones, since a list of the files that matter is wrong as soon as one of them calls another.

    Raises:
        ValueError: there is no such package.
    """
    found = hashlib.sha256()
    for package in sorted(set(packages)):
        paths = sorted(path for path in (_ROOT / package).rglob("*") if path.suffix in _SUFFIXES)
        if not paths:
            raise ValueError(f"no package {package!r} in {_ROOT}")
        for path in paths:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found.update(f"{path.relative_to(_ROOT).as_posix()}\0{content}\n".encode())
    return found.hexdigest()
