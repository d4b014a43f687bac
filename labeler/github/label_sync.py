"""Creates the labels of a list that a repository lacks. Nothing is deleted, and what is there keeps colour and text.

https://docs.github.com/rest/issues/labels
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from labeler.github.client import GitHub
from labeler.github.refusals import Invalid
from labeler.labels.counterparts import counterparts
from labeler.labels.label_set import Label, LabelSet, fold

PLAIN = "ededed"  # GitHub's own colour for a label that nobody gave one


class LabelsApi(GitHub):
    """Repositories are `owner/name`, checked by the caller."""

    def create_label(self, repository: str, label: Label) -> None:
        """Makes a label. One that is there already, as after an answer that was lost, is no error."""
        asked = {"name": label.name, "color": label.color or PLAIN, "description": label.description}
        try:
            self._write("POST", f"/repos/{repository}/labels", asked)
        except Invalid:
            if fold(label.name) not in {fold(one.name) for one in self.labels(repository)}:
                raise

    def rename_label(self, repository: str, old: str, new: str) -> None:
        """Gives a label another name; issues keep it."""
        self._write("PATCH", f"/repos/{repository}/labels/{quote(old, safe='')}", {"new_name": new})


@dataclass(frozen=True)
class Step:
    """What is to become of one label of the list; `there` is what the repository calls it, empty where it lacks it."""

    label: Label
    what: Literal["keep", "create", "rename"]
    there: str = ""


def plan(labels: LabelSet, live: Iterable[str], *, rename: bool = False) -> list[Step]:
    """A step for every label, in listed order.

    Args:
        rename: a label that the repository has under an alias, or decorated, gets the list's name; else it stays.
    """
    there = counterparts(labels, live)
    steps = []
    for label in labels:
        found = there.get(label, ("",))[0]
        differs = bool(found) and fold(found) != fold(label.name)
        steps.append(Step(label, "rename" if rename and differs else "keep" if found else "create", found))
    return steps


def carry_out(github: LabelsApi, repository: str, steps: Iterable[Step], done: Callable[[], None]) -> None:
    """Writes what the steps ask for, one after the other; `done` is called after each step."""
    for step in steps:
        if step.what == "create":
            github.create_label(repository, step.label)
        elif step.what == "rename":
            github.rename_label(repository, step.there, step.label.name)
        done()
