"""Regular expressions of a file over a stranger's text, with a time limit that holds.

`re` goes on for years over some expressions and texts ((a+)+$ over aaaa…b) and cannot be interrupted within a process,
so a bare Python does the searching and is ended when its time is over. It starts in some 20 ms; no process is started
where there is nothing to search.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

SECONDS = 0.8  # for all searches in one issue, the start of the process included
_PROGRAM = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
for pattern, text in json.load(sys.stdin):
    print(int(re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None), flush=True)
"""


def search_all(questions: Sequence[tuple[str, str]], seconds: float = SECONDS) -> list[bool | None]:
    """Whether each (pattern, text) has a match; None from the first on that is not answered within `seconds` in all."""
    if not questions:
        return []
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
    given = json.dumps(questions).encode()  # ASCII, whatever the process takes for its encoding
    try:
        said = subprocess.run(
            command, input=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds, check=False
        ).stdout
    except subprocess.TimeoutExpired as expired:
        said = expired.stdout or b""
    except OSError:
        said = b""
    answers: list[bool | None] = [line == b"1" for line in said.split()]
    return answers + [None] * (len(questions) - len(answers))
