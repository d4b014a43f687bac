"""Lines that a repository's issue template wrote: issues are not alike for sharing them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

LEAST_COMMON, COMMON_SHARE, ALWAYS_COMMON = 5, 0.01, 50
_BOX = re.compile(r"\[[^\]\n]{0,5}\]")


def common_lines(bodies: Sequence[str]) -> frozenset[str]:
    """Lines that so many issues of a repository share that a template must have written them (see `without_lines`).

    They are as many as 1 % of the issues, but at least 5; 50 are always enough.
    """
    counts = Counter(line for body in bodies for line in {_bare(line) for line in body.splitlines()} if line)
    least = min(max(LEAST_COMMON, round(COMMON_SHARE * len(bodies))), ALWAYS_COMMON)
    return frozenset(line for line, count in counts.items() if count >= least)


def without_lines(body: str, lines: frozenset[str]) -> str:
    """The body without `common_lines`: what is this issue's own. Whether a box is ticked makes no difference."""
    return "\n".join(line for line in body.splitlines() if _bare(line) not in lines)


def _bare(line: str) -> str:
    return " ".join(_BOX.sub("", line.casefold()).split())
