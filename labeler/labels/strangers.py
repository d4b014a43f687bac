"""Labels that a model was not tuned on: which they are, which one may have been meant, and what to say of them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from labeler.labels.label_set import LabelSet
from labeler.labels.look_alikes import undecorated

NEAR = 0.72  # of difflib's ratio: "bgu" and "enhancment" are near, "tracking" is near nothing
_SHORTEST = 3  # letters; two letters are near everything of two


def strangers(labels: LabelSet, tuned: LabelSet) -> dict[str, str]:
    """Names in `labels` that `tuned` has under no spelling -> the near name there, or "" where none is near.

    A name that the list has itself is never suggested: there is nothing misspelt beside it.
    """
    known = {undecorated(spelling): label.name for label in tuned for spelling in label.spellings}
    new = [label.name for label in labels if not any(tuned.find(spelling) for spelling in label.spellings)]
    return {name: "" if labels.find(near := _near(name, known)) else near for name in new}


def _near(name: str, known: Mapping[str, str]) -> str:
    bare = undecorated(name)
    # Two letters swapped, as in "bgu", leave few in a row that agree: the sorted letters are compared as well.
    swapped = next((one for one in known if sorted(one) == sorted(bare)), "")
    found = get_close_matches(bare, known, 1, NEAR) if len(bare) >= _SHORTEST else []
    return known[found[0]] if found else known.get(swapped, "")


def said_of(new: Mapping[str, str]) -> str:
    """One sentence on what `strangers` found; empty where it found nothing."""
    if not new:
        return ""
    names = (f"{name} (did you mean {near}?)" if near else name for name, near in new.items())
    listed = ", ".join(names)
    return f"The model was not tuned on: {listed}. It guesses these from their words; no figure of it covers them."
