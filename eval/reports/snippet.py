"""Refitted thresholds as a labels.yml to paste, with what they are worth."""

from __future__ import annotations

from typing import Any

from eval.benchmarks.refitting import FOLDS, Refitted
from eval.reports.wording import minus, probability


def told(found: Refitted) -> str:
    """What the thresholds rest on and what to expect of them, before the snippet."""
    gain = f"{minus(f'{found.gain.value:+.3f}')}, p {probability(found.gain.p)}"
    advice = "" if found.helps else " That is no clear gain: keep what ships."
    return (
        f"Thresholds for a labels.yml, fitted on these very {found.within.n:,} validation and test issues, where they "
        f"reach micro-F1 {found.within.value:.3f}. On other issues of the kind expect {found.beyond.cell}, by "
        f"{FOLDS}-fold cross-validation; as it ships the model has {found.shipped.cell} here ({gain}).{advice}"
    )


def snippet(found: Refitted) -> str:
    """The labels with their thresholds, as YAML; every line begins with a key or a dash."""
    import yaml

    text: str = yaml.safe_dump(found.labels.to_dicts(), sort_keys=False, allow_unicode=True, width=float("inf"))
    return text


def document(found: Refitted) -> dict[str, Any]:
    """The JSON form: micro-F1 as it ships, on the rows of the fit, and by cross-validation; thresholds by label."""
    return {
        "thresholds": {label.name: label.threshold for label in found.labels},
        "issues": found.within.n,
        "micro_f1_as_it_ships": vars(found.shipped),
        "micro_f1_on_the_rows_of_the_fit": vars(found.within),
        "micro_f1_by_cross_validation": vars(found.beyond),
        "cross_validation_less_shipped": vars(found.gain),
        "folds": FOLDS,
    }
