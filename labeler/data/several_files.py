"""Issues of several files in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from labeler.data.issue_files import read_issues
from labeler.data.issue_table import Kept, TableOptions
from labeler.errors import InputError
from labeler.text.issue import Issue


@dataclass
class Read:
    """Issues with what there is to know of the files they are from.

    Attributes:
        files: of each issue its file, where there are several; else empty.
        kept: of each file what it has beside.
    """

    issues: list[Issue]
    files: list[str] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)


def read_files(
    sources: Sequence[str], table: TableOptions | None = None, say: Callable[[str], None] | None = None
) -> Read:
    """All issues of all files, by `read_issues`. Raises InputError at the first that is wrong, or without an issue."""
    read = Read([])
    for source in sources:
        kept = Kept()
        issues = list(read_issues(source, table=table, say=say, kept=kept))
        if not issues:
            raise InputError(f"{source}: no issues in it", "Check the file.")
        read.issues += issues
        read.kept.append(kept)
        read.files += [source] * len(issues) if len(sources) > 1 else []
    return read
