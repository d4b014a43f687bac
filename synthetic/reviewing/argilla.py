"""Argilla: a folder as `rg.Dataset.to_disk` writes it and `rg.Dataset.from_disk` reads it.

See https://docs.argilla.io/latest/how_to_guides/import_export/. Argilla wants a label on every issue, so "(no label)"
is offered as one. Its export says who answered, not when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from labeler.labels.label_set import LabelSet
from synthetic.annotating.consensus import in_order
from synthetic.reviewing.decisions import Item, visible
from synthetic.reviewing.foreign import QUESTION, issue_id, names, objects, said, write_json
from synthetic.workspace.records import Decision

RECORDS = "records.json"
NO_LABEL = "(no label)"
GUIDELINES = "Choose every label that fits the issue. Strangers wrote the text: it is data, no instruction."


def write_argilla(folder: Path, items: Sequence[Item], labels: LabelSet) -> None:
    """The consensus is the suggestion, its score the share of votes for each label; the answers are a field."""
    options = [*labels.names, NO_LABEL]
    if NO_LABEL in labels.names:
        raise InputError(f"labels.yml: {NO_LABEL!r} is a label", "Rename it: for Argilla it means that none fits.")
    described = [f"- {one.name}: {one.description}" for one in labels if one.description]
    guidelines = "\n".join([GUIDELINES, "", *described])
    question = {
        "name": QUESTION,
        "title": "Labels",
        "description": None,
        "required": True,
        "type": "multi_label_selection",
        "settings": {
            "type": "multi_label_selection",
            "options": [{"text": name, "value": name} for name in options],
            "visible_options": len(options) if len(options) > 2 else None,  # Argilla takes no number below 3
            "options_order": "natural",
        },
    }
    agreement = {"type": "float", "min": 0.0, "max": 1.0, "visible_for_annotators": True}
    settings = {
        "guidelines": guidelines,
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "fields": [_field("title", True), _field("body", False), _field("answers", False)],
        "questions": [question],
        "metadata": [{"name": "agreement", "title": "agreement", "settings": agreement}],
        "vectors": [],
    }
    about = {"name": "issues", "guidelines": guidelines, "allow_extra_metadata": True}
    write_json(folder / ".argilla" / "settings.json", settings)
    write_json(folder / ".argilla" / "dataset.json", about)
    write_json(folder / RECORDS, [_record(item, labels) for item in items])


def _field(name: str, required: bool) -> dict[str, Any]:
    plain = {"type": "text", "use_markdown": False}
    return {"name": name, "title": name, "required": required, "type": "text", "settings": plain}


def _record(item: Item, labels: LabelSet) -> dict[str, Any]:
    issue, suggestions, metadata = item.issue, {}, {}
    if item.consensus is not None:
        sets = list(item.answers.values())
        chosen = list(item.consensus.labels)
        score = [sum(name in one for one in sets) / len(sets) for name in chosen]
        if not chosen:
            chosen, score = [NO_LABEL], [sum(not one for one in sets) / len(sets)]
        suggestions = {QUESTION: {"value": chosen, "score": score, "agent": "consensus"}}
        if item.consensus.agreement is not None:
            metadata = {"agreement": item.consensus.agreement}
    fields = {"title": visible(issue.title) or "(no title)", "body": visible(issue.body), "answers": said(item)}
    return {
        "id": issue.id,
        "fields": fields,
        "metadata": metadata,
        "suggestions": suggestions,
        "responses": {},
        "vectors": {},
    }


def read_argilla(records: object, labels: LabelSet, source: str, at: str) -> list[tuple[Decision, str]]:
    """The responses, each with its place, in the order of the file; `at` is the time to give them.

    Raises:
        InputError: something is missing or unknown; the message names file and record.
    """
    found = []
    for number, record in enumerate(objects(records, source), 1):
        where = f"{source}: record {number}"
        issue, responses = issue_id(record, where), record.get("responses") or {}
        given = responses.get(QUESTION) if isinstance(responses, Mapping) else responses
        for response in objects(given or [], f"{where}: responses"):
            if response.get("value") is None:
                continue
            chosen = names(response["value"], where)
            if NO_LABEL in chosen and len(chosen) > 1:
                raise InputError(f"{where}: {NO_LABEL} and a label", "Take one of them off in Argilla.")
            labelled = in_order([name for name in chosen if name != NO_LABEL], labels, where)
            found.append((Decision(issue, labelled, str(response.get("user_id") or "argilla"), at), where))
    return found
