"""One system's answers on a held-out set, as figures with intervals, each set by its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eval.metrics.intervals import Difference, Interval, interval, paired_difference, wilson
from eval.starter.sets import HeldOut
from eval.systems.system import Output

Array = np.ndarray
CLUSTERS = 20  # with fewer repositories an interval clustered by them is too narrow: then it is by issue


@dataclass(frozen=True)
class Measure:
    """A figure of `eval.metrics.intervals`: its name there, and the cells (n, labels) and clusters (n,) that it is
    computed on.

    `against` tells the figure's own truth, such as what the system said of the plain issue, from the set's.
    """

    metric: str
    truth: Array
    predicted: Array
    known: Array
    units: Array
    against: str = "truth"

    def interval(self) -> Interval:
        return interval(self.metric, self.truth, self.predicted, self.known, clusters=self.units)

    def of(self, rows: Array) -> Measure:
        """On some of the rows."""
        cells = {key: getattr(self, key)[rows] for key in ("truth", "predicted", "known", "units")}
        return replace(self, **cells)

    def label(self, column: int) -> Measure:
        """One label's F1."""
        cells = {key: getattr(self, key)[:, column : column + 1] for key in ("truth", "predicted", "known")}
        return replace(self, metric="micro_f1", **cells)


def units(held: HeldOut) -> tuple[str, Array]:
    """What intervals are clustered by, "repository" or "issue", and each issue's cluster: int (n,).

    By repository where the set has `CLUSTERS` of them. An issue whose repository is not known is one by itself, and an
    issue that stands there twice, under two lists, is one.
    """
    texts = [f"{issue.title}\0{issue.body}" for issue in held.issues]
    if len(set(held.repositories) - {""}) >= CLUSTERS:
        ids = [repository or text for repository, text in zip(held.repositories, texts, strict=True)]
        return "repository", np.unique(ids, return_inverse=True)[1]
    return "issue", np.unique(texts, return_inverse=True)[1] if texts else np.zeros(0, dtype=int)


def measures(held: HeldOut, output: Output, plain: Output | None = None) -> dict[str, Measure]:
    """The set's headline figures of a system, by name.

    Args:
        plain: what the system says of `held.plain`, where the set has that.
    """
    common = Measure("micro_f1", held.truth, output.predicted, held.known, units(held)[1])
    if held.key == "five":
        assert output.probabilities is not None
        return _one_of_three(held, output.probabilities, common)
    if held.key == "lists":
        found = {"micro_f1": common}
        for tag in ("areas", "components", "invented", "real"):
            if (rows := held.tagged(tag)).any():
                found[f"{tag}_micro_f1"] = common.of(rows)
        return found
    if held.key == "languages":
        return {"micro_f1": common}
    found = {"micro_f1": common, **{name: replace(common, metric=name) for name in ("macro_f1", "exact_match")}}
    if plain is not None:
        found["same_set"] = replace(common, metric="exact_match", truth=plain.predicted, against="plain")
        assert plain.probabilities is not None
        assert output.probabilities is not None
        before, after = (_one_hot(p.argmax(1), held) for p in (plain.probabilities, output.probabilities))
        found["main_kept"] = replace(common, metric="exact_match", truth=before, predicted=after, against="plain")
    return found


def figures(held: HeldOut, output: Output, plain: Output | None = None) -> dict[str, Any]:
    """All figures of a system on a set, ready for JSON: each {"value", "low", "high", "n"} with n issues."""
    headline = measures(held, output, plain)
    found: dict[str, Any] = {name: as_dict(one.interval()) for name, one in headline.items()}
    if "same_set" in found:
        found["set_changed"] = _complement(found.pop("same_set"))
    if held.key in ("dev", "ten"):
        known = held.truth & held.known
        found["labels"] = {
            name: as_dict(headline["micro_f1"].label(column).interval()) | {"true": int(known[:, column].sum())}
            for column, name in enumerate(held.lists[0].names)
        }
    if held.key == "five":
        one = headline["macro_f1"]
        found["repositories"] = _parts(held, lambda rows: as_dict(one.of(rows).interval()), without=("unseen",))
    if held.key == "lists":
        one = headline["micro_f1"]
        found["lists"] = {
            name: as_dict(one.of(held.place == place).interval())
            for place, name in enumerate(held.names)
            if (held.place == place).any()
        }
    if held.key == "languages":
        one = headline["micro_f1"]
        found["languages"] = _parts(held, lambda rows: as_dict(one.of(rows).interval()))
    if held.key in ("junk", "fresh"):
        for tag, name, wanted in (("junk", "left_alone", False), ("thin", "kept", True)):
            rows = held.tagged(tag)
            hits = (output.predicted[rows].any(1) == wanted).sum()
            found[name] = as_dict(wilson(float(hits), float(rows.sum())))
    return found


def differences(held: HeldOut, first: Output, second: Output) -> dict[str, Any]:
    """Headline figures of one system minus those of another on the same issues: value, interval, two-sided p."""
    ours, theirs = (measures(held, said) for said in (first, second))
    return {
        name: as_dict(
            paired_difference(
                one.metric, one.truth, one.predicted, theirs[name].predicted, one.known, clusters=one.units
            )
        )
        for name, one in ours.items()
        if one.against == "truth"
    }


def as_dict(found: Interval | Difference) -> dict[str, Any]:
    """Rounded to four digits; null where there is nothing to tell."""
    numbers = {key: None if np.isnan(value) else round(float(value), 4) for key, value in vars(found).items()}
    return numbers | {"n": int(found.n)}


def _one_of_three(held: HeldOut, probabilities: Array, common: Measure) -> dict[str, Measure]:
    """Each issue has the most probable label. Balanced: each label's probability is divided by its mean over the set,
    which takes no label of these repositories to do."""
    balanced = probabilities / np.maximum(probabilities.mean(0), 1e-12)
    plain = replace(common, metric="macro_f1", predicted=_one_hot(probabilities.argmax(1), held))
    evened = replace(plain, predicted=_one_hot(balanced.argmax(1), held))
    unseen = held.tagged("unseen")
    return {
        "macro_f1": plain,
        "macro_f1_balanced": evened,
        **({"unseen_macro_f1_balanced": evened.of(unseen)} if unseen.any() else {}),
    }


def _one_hot(column: Array, held: HeldOut) -> Array:
    found: Array = column[:, None] == np.arange(held.truth.shape[1])
    return found


def _parts(held: HeldOut, figure: Callable[[Array], Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    tags = dict.fromkeys(tag for tags in held.tags for tag in tags if tag not in without)
    return {tag: figure(held.tagged(tag)) for tag in sorted(tags)}


def _complement(figure: dict[str, Any]) -> dict[str, Any]:
    """1 minus a share and its interval."""
    turned = {"value": figure["value"], "low": figure["high"], "high": figure["low"]}
    return {key: None if value is None else round(1 - value, 4) for key, value in turned.items()} | {"n": figure["n"]}
