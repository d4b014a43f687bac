"""Regular expressions of a file over a stranger's text, with a time limit that holds.

`re` goes on for years over some expressions and texts ((a+)+$ over aaaa…b) and cannot be interrupted within a process,
so a bare Python does the searching and is ended when its time is over. It starts in some 20 ms; no process is started
where there is nothing to search.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread

SECONDS = 0.8  # for all searches in one issue
START_SECONDS = 10.0  # for the process to start, which takes long on a machine that is very busy
_READY = b"ready"
_PROGRAM = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
questions = json.load(sys.stdin)
print("ready", flush=True)
for pattern, text in questions:
    print(int(re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None), flush=True)
"""
_Lines = Queue[bytes]  # an empty one is the end


def search_all(questions: Sequence[tuple[str, str]], seconds: float = SECONDS) -> list[bool | None]:
    """Whether each (pattern, text) has a match; None from the first on that is not answered within `seconds` in all."""
    answers: list[bool | None] = []
    if questions:
        with suppress(OSError):  # where no process can be started nothing is answered
            answers += _asked(json.dumps(questions).encode(), seconds)
    return answers + [None] * (len(questions) - len(answers))


def _asked(given: bytes, seconds: float) -> list[bool]:
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
    lines: _Lines = Queue()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        reader = Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        try:
            assert process.stdin is not None
            with process.stdin:
                process.stdin.write(given)
            return _answered(lines, seconds)
        finally:
            process.kill()
            reader.join()


def _read(process: subprocess.Popen[bytes], lines: _Lines) -> None:
    """Runs beside the process, since no pipe can be waited for with a time limit on every system."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.strip())
    lines.put(b"")


def _answered(lines: _Lines, seconds: float) -> list[bool]:
    answers: list[bool] = []
    try:
        if lines.get(timeout=START_SECONDS) != _READY:
            return answers
        end = time.monotonic() + seconds
        while line := lines.get(timeout=max(0.001, end - time.monotonic())):
            answers.append(line == b"1")
    except Empty:
        pass
    return answers
