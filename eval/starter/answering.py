"""What a bundle says of held-out issues. Every answer is kept as a line on disk, so that a broken run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from eval.starter.sets import HeldOut
from eval.systems.system import Output
from labeler.base.code_hash import code_hash
from labeler.decision.abstain import after_cuts
from labeler.decision.candidates import DEFAULT_THRESHOLD
from labeler.labels.label_set import LabelSet
from labeler.model.bundle import MANIFEST, Manifest, read_manifest, sha256
from labeler.model.calibration import logit
from labeler.model.decoder import available_cores
from labeler.model.predict import Labeler, as_tuned, threshold_of
from labeler.text.issue import Issue

Array = np.ndarray
BLOCK = 64  # issues read between two savings
_IN_FRONT = ("README.md", MANIFEST)  # what can change while the model says the same


def fingerprint(manifest: Manifest) -> str:
    """A hash of all that a bundle's answers depend on: not of card, figures, cuts and, but for a score, thresholds."""
    files = {name: facts["sha256"] for name, facts in manifest.files.items() if name not in _IN_FRONT}
    calibration = manifest.calibration and manifest.calibration.to_dict()
    parts = [files, manifest.prompt_version, manifest.token_budget, manifest.describe, manifest.plain_text]
    if manifest.abstain is not None:  # the score reads how far labels are from their thresholds
        weights = {key: value for key, value in manifest.abstain.to_dict().items() if key not in ("below", "above")}
        parts += [weights, manifest.thresholds]
    text = json.dumps([*parts, calibration, manifest.labels.to_dicts()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Bundle:
    """A model as it ships: its own thresholds, and `DEFAULT_THRESHOLD` for labels it was not tuned on.

    Args:
        folder: the bundle.
        kept: folder of the answers.
    """

    def __init__(self, folder: Path, kept: Path) -> None:
        self.folder, self.manifest = folder, read_manifest(folder)
        self._path = kept / f"answers-{fingerprint(self.manifest)[:16]}-{code_hash('labeler')[:8]}.jsonl"

    @property
    def name(self) -> str:
        return f"{self.manifest.name} {self.manifest.version}"

    def facts(self) -> dict[str, Any]:
        """What identifies it, for the results."""
        size = sum(file["size"] for file in self.manifest.files.values())
        hashes = {"fingerprint": fingerprint(self.manifest), "manifest_sha256": sha256(self.folder / MANIFEST)}
        return {"name": self.name, "base_model": self.manifest.base_model, "bytes": size, **hashes}

    def missing(self, *held: HeldOut) -> int:
        """How many issues of the sets it has not read; one that is in two of them under the same list counts once."""
        return len({key for one in held for _, wanted in self._wanted(one) for key in wanted})

    def answer(self, held: HeldOut, done: Callable[[], None] = lambda: None) -> Output:
        """Probabilities and labels set, (n, L) as `held.truth`; `done` is called after each issue that was read."""
        for labels, wanted in self._wanted(held):
            self._read(labels, list(wanted.values()), done)
        probabilities, chosen = np.zeros(held.truth.shape), np.zeros(held.truth.shape, dtype=bool)
        for place, labels in enumerate(held.lists):
            shown, needed = self._shown(labels), self._thresholds(labels)
            columns = [shown.names.index(name) for name in labels.names]
            whole = set(shown.names) >= set(self.manifest.labels.names)
            for row in np.flatnonzero(held.place == place):
                kept, score = self._kept[_key(shown, held.issues[row])]
                said = np.array(kept)[columns]
                probabilities[row, : len(labels)] = said
                chosen[row, : len(labels)] = self._set(said, np.array(needed), score, whole)
        return Output(chosen, probabilities)

    def _set(self, said: Array, needed: Array, score: float | None, whole: bool) -> Array:
        """The labels set on one issue, bool (L,): by thresholds and, where the bundle has a score, by its cuts."""
        passes, abstain = said >= needed, self.manifest.abstain
        if abstain is None or score is None:
            return passes
        above, margins = abstain.above if whole else np.inf, logit(said) - logit(needed)
        labels: Array = after_cuts(passes[None], margins[None], np.array([score]), abstain.below, above)[0]
        return labels

    @cached_property
    def _kept(self) -> dict[str, tuple[list[float], float | None]]:
        """Probabilities in the order shown and, where the bundle has one, the score, by what was asked."""
        found: dict[str, tuple[list[float], float | None]] = {}
        if self._path.is_file():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                except ValueError:  # a line torn by a kill: the issue is read again
                    continue
                found[record["key"]] = record["probabilities"], record.get("score")
        return found

    def _shown(self, labels: LabelSet) -> LabelSet:
        """The list in the model's own order, where all of it is the model's own: then it is asked as it ships."""
        own = self.manifest.labels.names
        if not set(labels.names) <= set(own) or any(label.description for label in labels):
            return labels
        return LabelSet(tuple(sorted(labels, key=lambda label: own.index(label.name))))

    def _thresholds(self, labels: LabelSet) -> list[float]:
        needed = (threshold_of(label, self.manifest) for label in as_tuned(labels, self.manifest.labels))
        return [DEFAULT_THRESHOLD if threshold is None else threshold for threshold in needed]

    def _wanted(self, held: HeldOut) -> Iterator[tuple[LabelSet, dict[str, Issue]]]:
        """Lists, each with its issues that were not read, by what would be asked."""
        for place, labels in enumerate(held.lists):
            shown = self._shown(labels)
            asked = {_key(shown, held.issues[row]): held.issues[row] for row in np.flatnonzero(held.place == place)}
            if fresh := {key: issue for key, issue in asked.items() if key not in self._kept}:
                yield shown, fresh

    def _read(self, labels: LabelSet, issues: list[Issue], done: Callable[[], None]) -> None:
        labeler = Labeler(self.folder, labels, threads=1, workers=available_cores())
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(issues), BLOCK):
            block = issues[start : start + BLOCK]
            said = labeler.predict_many(block, done)
            with open(self._path, "a", encoding="utf-8") as file:
                for issue, one in zip(block, said, strict=True):
                    key, found = _key(labels, issue), [round(one.probabilities[name], 6) for name in labels.names]
                    score = None if one.judgement is None else round(one.judgement.score, 6)
                    record = {"key": key, "probabilities": found, "score": score}
                    file.write("\n" + json.dumps(record))  # the line end first, for a torn line before
                    self._kept[key] = found, score


def _key(labels: LabelSet, issue: Issue) -> str:
    text = json.dumps([labels.to_dicts(), issue.title, issue.body])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
