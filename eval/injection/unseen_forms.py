"""The second set of issue forms: eighteen in eleven languages, kept apart from whatever the stripping was made with.

They stand as data in `unseen_forms.yaml`. Whoever changes how forms are read chooses by `issue_forms`, and looks here
once, afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from labeler.text.issue import Issue

EMPTY = "_No response_"
_PATH = Path(__file__).with_name("unseen_forms.yaml")


@cache
def forms() -> tuple[Mapping[str, Any], ...]:
    """Each with `name`, `kind` (bug, wish, any), `style`, `fields`, and a classic template also with `comment`."""
    return tuple(yaml.safe_load(_PATH.read_text(encoding="utf-8")))


def in_an_unseen_form(issue: Issue, labels: Collection[str], seed: str) -> Issue:
    """The issue as somebody would have filed it by one of the forms; equal seeds give equal forms.

    Args:
        labels: its true labels: they tell which forms a reporter would have taken.
        seed: of this issue's form.
    """
    rng = random.Random(seed)
    kind = "bug" if "bug" in labels else "wish" if "enhancement" in labels else "any"
    form = rng.choice([one for one in forms() if one["kind"] in (kind, "any")])
    parts = [form["comment"]] if "comment" in form else []
    for field in form["fields"]:
        parts.append(_heading(form["style"], field["heading"]) + _answer(field, issue.body.strip(), rng))
    return replace(issue, body="\n\n".join(parts))


def _heading(style: str, text: str) -> str:
    if style == "form":
        return f"### {text}\n\n"
    return f"**{text}**\n" if style == "**" else f"{style}{text}\n"


def _answer(field: Mapping[str, Any], body: str, rng: random.Random) -> str:
    if field.get("text"):
        return body or EMPTY
    if boxes := field.get("boxes"):
        shown = rng.sample(boxes, rng.randint(2, len(boxes)))
        return "\n".join(f"- [{'X' if rng.random() < 0.85 else ' '}] {box}" for box in boxes if box in shown)
    said: str = rng.choice(field["says"])
    return said
