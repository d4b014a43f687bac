"""Whether labelling works here: token, repository, labels, cache and model, and what to mend."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labeler import __version__
from labeler.config import Machine
from labeler.errors import LabelerError
from labeler.fetch.models import ModelChoice
from labeler.github.client import GitHub
from labeler.github.repository_state import obstacle
from labeler.labels.label_set import LabelSet, fold, read_labels
from labeler.text.issue import Issue

PROBE = Issue(title="Crash when opening a file", body="TypeError: undefined is not a function")


@dataclass(frozen=True)
class Finding:
    """One check. `remedy` is empty where nothing needs mending; `is_fault` keeps labelling from working."""

    what: str
    found: str
    remedy: str = ""
    is_fault: bool = False


def diagnose(
    choice: ModelChoice, machine: Machine, repository: str, connect: Callable[[Machine], GitHub]
) -> Iterator[Finding]:
    """A finding a check, as the checks are done; after a fault those are left out that would fail in the same way.

    Args:
        repository: whose issues are to be labelled, "owner/name"; empty: GitHub is not asked.
        connect: opens GitHub with the machine's token, when its turn comes.
    """
    yield Finding("version", f"issue-labeler {__version__}, Python {platform.python_version()}, {platform.machine()}")
    yield _cache(machine.cache)
    try:
        wanted = read_labels(choice.labels) if choice.labels else None
    except LabelerError as error:
        yield _fault("labels", error)
        return
    labels = wanted
    try:
        started = time.perf_counter()
        labeler = choice.load(machine)
        prediction = labeler.predict(PROBE)
        seconds = time.perf_counter() - started
        labels = labeler.labels
        said = ", ".join(prediction.chosen) or "no label"
        card = f"{labeler.card.name} {labeler.card.version}"
        yield Finding("model", f"{card}: {PROBE.title!r} → {said}, {seconds:.2f} s with loading")
        if wanted is not None:
            yield _list_of(wanted, labeler.manifest.labels)
    except LabelerError as error:
        yield _fault("model", error)
    if not repository:
        yield Finding("repository", "not checked", "Give --repository owner/name to check GitHub too.")
        return
    github = connect(machine)
    token = _checked("token", lambda: _token(github, machine))
    yield token
    if token.is_fault:  # without it the rest would fail in the same way
        return
    yield _checked("repository", lambda: _repository(github, repository))
    if labels is not None:
        yield _checked("labels", lambda: _labels(github, repository, labels))


def _list_of(wanted: LabelSet, tuned: LabelSet) -> Finding:
    new = [label.name for label in wanted if not any(tuned.find(spelling) for spelling in label.spellings)]
    if not new:
        return Finding("label list", f"{len(wanted)} labels, all known to the model")
    remedy = f"The model was not tuned on: {', '.join(new)}. Give aliases that it knows, or expect guesses."
    return Finding("label list", f"{len(wanted)} labels", remedy)


def _cache(folder: Path) -> Finding:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        return Finding("cache", f"{folder} cannot be written", "Set LABELER_CACHE to a folder you may write.", True)
    entries = list((folder / "bundles").glob("*")) if folder.exists() else []
    return Finding("cache", f"{folder}, {len(entries)} models")


def _token(github: GitHub, machine: Machine) -> Finding:
    limit = github.rate_limit()
    budget = f"{limit.remaining} of {limit.limit} requests left this hour"
    if machine.github_token:
        return Finding("token", f"accepted, {budget}")
    remedy = "Set GITHUB_TOKEN: without one GitHub allows 60 requests an hour, and no label can be set."
    return Finding("token", f"none, {budget}", remedy)


def _repository(github: GitHub, name: str) -> Finding:
    facts = github.repository(name)
    if wrong := obstacle(facts):
        return Finding("repository", f"{name} {wrong[0]}", wrong[1], True)
    permissions = facts.get("permissions") or {}
    # An Actions token shows no permissions of its own here: only a refusal tells.
    if permissions and not any(permissions.get(right) for right in ("triage", "push", "maintain", "admin")):
        remedy = "Use a token of someone with triage rights; in a workflow: permissions: { issues: write }"
        return Finding("repository", f"{name} can be read, not labelled", remedy, True)
    return Finding("repository", f"{name} found")


def _labels(github: GitHub, repository: str, labels: LabelSet) -> Finding:
    live = {fold(label.name) for label in github.labels(repository)}
    absent = [label.name for label in labels if not any(fold(spelling) in live for spelling in label.spellings)]
    there = f"{len(labels) - len(absent)} of {len(labels)} labels are in the repository"
    if not absent:
        return Finding("labels", there)
    remedy = "Never set: " + ", ".join(absent) + ". Create them, or give their names there as aliases in a labels.yml."
    return Finding("labels", there, remedy, len(absent) == len(labels))


def _checked(what: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except LabelerError as error:
        return _fault(what, error)


def _fault(what: str, error: LabelerError) -> Finding:
    return Finding(what, error.what, error.remedy or "See above.", True)
