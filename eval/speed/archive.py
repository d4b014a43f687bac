"""The archive of this repository that GitHub hands to every run of the action."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path


def write_archive(root: Path, out: Path) -> Path | None:
    """Writes `git archive HEAD`, as .tar or, as GitHub does, .tar.gz; None where `root` is no git repository.

    What .gitattributes marks with `export-ignore` in that commit is left out.
    """
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    command = ["git", "-c", f"safe.directory={root}", "archive", "-o", str(out), "HEAD"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    return out if done.returncode == 0 else None


def archive_bytes(root: Path) -> int | None:
    """The archive's size; None where there is no commit to make one of."""
    with tempfile.TemporaryDirectory() as folder:
        written = write_archive(root, Path(folder) / "action.tar.gz")
        return None if written is None else written.stat().st_size
