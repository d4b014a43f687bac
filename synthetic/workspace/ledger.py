"""Steps that are done again only where what they rest on has changed: build.json keeps a hash of each one's inputs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeler import __version__
from labeler.errors import InputError
from labeler.files import write_text
from labeler.model.bundle import sha256

BUILD = "build.json"


@dataclass(frozen=True)
class Made:
    """What a step made: in words, how many rows of it there are, and what was paid for it (US dollars)."""

    what: str
    rows: int
    cost: float = 0.0


@dataclass(frozen=True)
class Done:
    """A step of this run; `seconds` is its wall time."""

    step: str
    made: Made
    seconds: float
    skipped: bool = False


class Incomplete(Exception):  # noqa: N818 - no error: the step is to be gone on with by the next run
    """Carries what a step made so far; `error` is what ended it, None where the next steps can be done all the same."""

    def __init__(self, made: Made, error: BaseException | None = None) -> None:
        super().__init__(made.what)
        self.made, self.error = made, error


class Ledger:
    """The steps of one run, and what build.json knows of earlier ones. `say` is told of each step as it begins."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self.steps: list[Done] = []
        self._known = _read(folder / BUILD)

    def always(self, step: str, make: Callable[[], Made]) -> None:
        self.say(step)
        started = time.perf_counter()
        self.steps.append(Done(step, make(), time.perf_counter() - started))

    def once(self, step: str, files: Sequence[str], options: object, output: str, make: Callable[[], Made]) -> None:
        """Does a step unless it was done with the same inputs and its output is there.

        Args:
            files: names of the files in the folder that it reads, whether there or not.
            options: whatever else it depends on; anything JSON can hold.
            make: raises Incomplete where the step is not to count as done.
        """
        key = self._digest(files, options)
        known = self._known.get(step, {})
        if known.get("inputs") == key and (self.folder / output).is_file():
            self._note(Done(step, Made(str(known["what"]), int(str(known["rows"]))), 0.0, skipped=True))
            return
        self.say(step)
        started = time.perf_counter()
        try:
            made = make()
        except Incomplete as part:
            self._note(Done(step, part.made, time.perf_counter() - started))
            if part.error is not None:
                raise part.error from None
            return
        self._note(Done(step, made, time.perf_counter() - started))
        self._known[step] = {"inputs": key, "what": made.what, "rows": made.rows}
        write_text(self.folder / BUILD, json.dumps({"steps": self._known}, indent=1, ensure_ascii=False) + "\n")

    def forget(self, step: str) -> None:
        """Has a step done though its inputs are the same."""
        self._known.pop(step, None)

    def _note(self, done: Done) -> None:
        """Of a step that a run comes by twice, the time that it was done counts."""
        before = next((one for one in self.steps if one.step == done.step), None)
        if before is None or not done.skipped:
            self.steps = [one for one in self.steps if one is not before] + [done]

    def _digest(self, files: Sequence[str], options: object) -> str:
        paths = [(name, self.folder / name) for name in files]
        content = [(name, sha256(path) if path.is_file() else "") for name, path in paths]
        return hashlib.sha256(json.dumps([__version__, content, options], sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, dict[str, object]]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["steps"]
        return {
            step: {"inputs": one["inputs"], "what": one["what"], "rows": one["rows"]} for step, one in found.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged: {error!r}", "Delete it: all steps are then done again.") from error
