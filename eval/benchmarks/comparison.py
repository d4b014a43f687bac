"""Systems on identical issues: each is fitted on train, chooses on validation, and answers the test issues once."""

from __future__ import annotations

import hashlib
import json
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from eval.speed.cold import Cold, cold_start
from eval.systems.catalogue import baselines
from eval.systems.models import model_systems
from eval.systems.results import Comparison, Result
from eval.systems.system import System, Task
from labeler.base.code_hash import code_hash
from labeler.base.examples import Examples, Splits
from labeler.base.reader import Reader, Reading
from labeler.base.store import Store
from labeler.errors import UsageError
from labeler.text.issue import Issue

Array = np.ndarray
T = TypeVar("T")
MAIN = "shipped"
BY_THRESHOLDS = (MAIN, "thresholds")
_UNTIMED = "its own training is not in the time to fit"
NOTES = {
    MAIN: _UNTIMED,
    "greedy": _UNTIMED,
    "thresholds": f"thresholds fitted on the validation issues; {_UNTIMED}",
}
TUNED = tuple(NOTES)  # systems that every model given is compared by


@dataclass(frozen=True)
class Entrant:
    """One line of the table: a system with the models it may read by. `label` tells one of several models."""

    system: System
    reader: Reader | None = None
    base: Reader | None = None
    label: str = ""

    @property
    def key(self) -> str:
        return f"{self.system.key}:{self.label}" if self.label else self.system.key

    @property
    def name(self) -> str:
        return f"{self.system.name} ({self.label})" if self.label else self.system.name


def all_systems() -> dict[str, System]:
    """Every system by key: the classical ones, then those that are a model."""
    return baselines() | model_systems()


def untuned() -> list[str]:
    """The systems that need an untuned model, by key."""
    return [key for key, system in all_systems().items() if system.needs == "base"]


def entrants(names: str, models: Mapping[str, Reader], base: Reader | None) -> list[Entrant]:
    """The systems of "all", "none" or a list such as "linear, zero-shot", then every model as it
    ships, by its answer, and with thresholds fitted on validation.

    Args:
        models: what to call a model -> its reader; systems that need embeddings take the first one's.
        base: the untuned model; without it "all" leaves out what needs one, with it a list that names none of
            those means all of those too.

    Raises:
        UsageError: a name is no system, or the system needs a base that is not there.
    """
    known = {key: system for key, system in all_systems().items() if key not in TUNED}
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    if wanted == {"all"}:
        wanted = {key for key, system in known.items() if system.needs != "base"}
    elif wanted == {"none"}:
        wanted = set()
    unknown = sorted(wanted - set(known))
    if unknown or not names.strip(", "):
        raise UsageError(
            f"{', '.join(unknown) or 'an empty list'}: no such system",
            f"Choose among {', '.join(known)}, or all, or none.",
        )
    asked = wanted & set(untuned())
    if base is not None and not asked:
        wanted |= set(untuned())
    if base is None and asked:
        raise UsageError("the untuned base has no model", "Give its bundle by --base, or leave those systems out.")
    first = next(iter(models.values()), None)
    chosen = [Entrant(system, first, base) for key, system in known.items() if key in wanted]
    tuned = model_systems()
    for label, reader in models.items():
        chosen += [Entrant(tuned[key], reader, label=label if len(models) > 1 else "") for key in TUNED]
    return chosen


def compare(
    splits: Splits,
    chosen: Sequence[Entrant],
    store: Store,
    *,
    cold_runs: int = 3,
    say: Callable[[str], None] = lambda step: None,
) -> Comparison:
    """Every entrant's result on the test issues; what is in `store` is not computed again.

    The page is about the first model as it ships, or the last entrant where there is none.

    Args:
        cold_runs: processes started to time a cold start and its memory; 0 leaves both out.
        say: called with the name of each system before it is computed.
    """
    data = [digest(part) for part in (splits.train, splits.validation, splits.test)]
    results = []
    for entrant in chosen:
        key = [*_key(entrant, cold_runs), data, splits.labels.to_dicts()]
        kept = store.get(key)
        if kept is None:
            say(entrant.name)
            kept = _packed(_result(splits, entrant, cold_runs))
            store.put(key, kept)
        results.append(replace(_unpacked(kept), key=entrant.key, name=entrant.name))
    main = next((entrant.key for entrant in chosen if entrant.system.key == MAIN), chosen[-1].key)
    sizes = (len(splits.train), len(splits.validation))
    return Comparison(splits.name, splits.labels, splits.test, *sizes, tuple(results), main)


def _result(splits: Splits, entrant: Entrant, cold_runs: int) -> Result:
    meters = [None if reader is None else Meter(reader) for reader in (entrant.reader, entrant.base)]
    task = Task(splits.train, splits.validation, splits.labels, *meters)  # type: ignore[arg-type]
    used = [meter for meter in meters if meter is not None]
    fitted, fit_seconds = _spent(used, lambda: entrant.system.fit(task))
    output, seconds = _spent(used, lambda: fitted(splits.test.issues))
    cold: Cold | None = None
    if cold_runs:
        lengths = [len(issue.title) + len(issue.body) for issue in splits.test.issues]
        median = int(np.argsort(lengths, kind="stable")[len(lengths) // 2])
        cold = cold_start(fitted, splits.test.issues[median], cold_runs)
    size = len(pickle.dumps(fitted)) + (fitted.size_bytes or 0)
    return Result(
        key=entrant.key,
        name=entrant.name,
        predicted=output.predicted,
        probabilities=output.probabilities,
        answers=output.answers,
        thresholds=fitted.thresholds,
        fit_seconds=fit_seconds,
        seconds_an_issue=seconds / max(1, len(splits.test)),
        cold_seconds=cold.seconds if cold else None,
        size_megabytes=size / 1e6,
        memory_megabytes=cold.megabytes if cold else None,
        note=NOTES.get(entrant.system.key) or _note(fitted),
    )


def _note(fitted: object) -> str:
    """What a fitted system has to say of itself, where it does."""
    return getattr(fitted, "note", "")


class Meter:
    """A reader that keeps account: a reading costs what it took when it was made, be it now or long ago."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.waited = self.cost = 0.0  # seconds in calls of `read`, and what they would have taken

    def read(self, issues: Sequence[Issue], what: str = "reading") -> Reading:
        started = time.perf_counter()
        reading = self._reader.read(issues, what)
        self.waited += time.perf_counter() - started
        self.cost += reading.seconds * len(issues)
        return reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reader.__reduce__()


def _spent(meters: Sequence[Meter], call: Callable[[], T]) -> tuple[T, float]:
    """What the call returns, and its seconds as if nothing had been read before."""
    before = sum(meter.cost - meter.waited for meter in meters)
    started = time.perf_counter()
    found = call()
    elapsed = time.perf_counter() - started
    return found, elapsed + sum(meter.cost - meter.waited for meter in meters) - before


def digest(examples: Examples) -> str:
    """A hash of issues and truth."""
    found = hashlib.sha256()
    for issue in examples.issues:
        found.update(f"{issue.title}\0{issue.body}\0".encode(errors="surrogatepass"))
    found.update(np.packbits(examples.truth).tobytes() + np.packbits(examples.known).tobytes())
    return found.hexdigest()


def _key(entrant: Entrant, cold_runs: int) -> list[Any]:
    needed = {"model": entrant.reader, "base": entrant.base}.get(entrant.system.needs)
    code = code_hash("labeler", "synthetic", "eval")
    return ["result", repr(entrant.system), needed and needed.key, cold_runs, code]


def _packed(result: Result) -> dict[str, Array]:
    arrays = {"predicted": result.predicted}
    if result.probabilities is not None:
        arrays["probabilities"] = result.probabilities
    facts = {key: value for key, value in vars(result).items() if key not in ("predicted", "probabilities")}
    return arrays | {"facts": np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)}


def _unpacked(arrays: Mapping[str, Array]) -> Result:
    facts = json.loads(bytes(arrays["facts"]))
    listed = {key: None if facts[key] is None else tuple(facts[key]) for key in ("answers", "thresholds")}
    return Result(predicted=arrays["predicted"], probabilities=arrays.get("probabilities"), **facts | listed)
