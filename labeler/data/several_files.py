"""Issues of several files in turn."""

from __future__ import annotations

from collections.abc import Sequence

from labeler.data.issue_files import read_issues
from labeler.errors import InputError
from labeler.text.issue import Issue


def read_files(sources: Sequence[str]) -> tuple[list[Issue], list[str]]:
    """The issues of all files, and of each which file it is from: none where there is one file only.

    Raises:
        InputError: a file has no issue, or one that is wrong; names the file.
    """
    issues: list[Issue] = []
    files: list[str] = []
    for source in sources:
        found = list(read_issues(source))
        if not found:
            raise InputError(f"{source}: no issues in it", "Check the file.")
        issues += found
        files += [source] * len(found)
    return issues, files if len(sources) > 1 else []
