"""Label Studio: tasks with predictions, and a labelling interface; the way back is its "JSON" export.

See https://labelstud.io/guide/task_format, https://labelstud.io/guide/predictions and https://labelstud.io/tags/choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from labeler.errors import InputError
from labeler.files import write_text
from labeler.labels.label_set import LabelSet
from synthetic.annotating.consensus import Labels, in_order
from synthetic.fetching.issues import utc
from synthetic.reviewing.decisions import Item, visible
from synthetic.reviewing.foreign import QUESTION, issue_id, names, objects, said, write_json
from synthetic.workspace.records import Decision

TASKS, INTERFACE = "tasks.json", "interface.xml"


def write_label_studio(folder: Path, items: Sequence[Item], labels: LabelSet) -> None:
    """The consensus is a prediction, and so is each annotator's answer."""
    choices = "\n".join(
        f"    <Choice value={quoteattr(one.name)}"
        + (f" hint={quoteattr(one.description)}" if one.description else "")
        + "/>"
        for one in labels
    )
    interface = f"""<View>
  <Header value="$title"/>
  <Text name="issue" value="$body"/>
  <Header value="$answers" size="5"/>
  <Choices name="{QUESTION}" toName="issue" choice="multiple">
{choices}
  </Choices>
</View>
"""
    write_text(folder / INTERFACE, interface, parents=True)
    write_json(folder / TASKS, [_task(item) for item in items])


def _task(item: Item) -> dict[str, Any]:
    issue, predictions = item.issue, []
    if item.consensus is not None:
        predictions.append(_prediction("consensus", item.consensus.labels, item.consensus.agreement))
    predictions += [_prediction(name, given, None) for name, given in sorted(item.answers.items())]
    data = {"id": issue.id, "title": visible(issue.title), "body": visible(issue.body), "answers": said(item)}
    return {"data": data, "predictions": predictions}


def _prediction(version: str, given: Labels, score: float | None) -> dict[str, Any]:
    result = {"from_name": QUESTION, "to_name": "issue", "type": "choices", "value": {"choices": list(given)}}
    found: dict[str, Any] = {"model_version": version, "result": [result] if given else []}
    return found if score is None else found | {"score": score}


def read_label_studio(tasks: object, labels: LabelSet, source: str, at: str) -> list[tuple[Decision, str]]:
    """The annotations, each with its place, oldest first; cancelled ones decide nothing. `at` where there is no time.

    Raises:
        InputError: something is missing or unknown; the message names file and task.
    """
    found = []
    for number, task in enumerate(objects(tasks, source), 1):
        where = f"{source}: task {number}"
        issue = issue_id(task.get("data"), f"{where}: data")
        if "annotations" not in task:
            raise InputError(f"{where}: no annotations", 'Export from Label Studio as "JSON", not "JSON-MIN".')
        for annotation in objects(task["annotations"], f"{where}: annotations"):
            if not annotation.get("was_cancelled"):
                chosen = in_order(_choices(annotation, where), labels, where)
                time = annotation.get("updated_at") or annotation.get("created_at")
                by = _person(annotation.get("completed_by"))
                found.append((Decision(issue, chosen, by, _time(time, where) if time else at), where))
    return sorted(found, key=lambda pair: pair[0].at)


def _choices(annotation: Mapping[str, Any], where: str) -> list[str]:
    results = objects(annotation.get("result") or [], f"{where}: result")
    values = [one.get("value") for one in results if one.get("from_name") == QUESTION]
    return [name for one in objects(values, f"{where}: value") for name in names(one.get("choices"), where)]


def _person(completed_by: object) -> str:
    """A user's number, or the name in the e-mail address: the whole of it is not for a dataset to publish."""
    if isinstance(completed_by, Mapping):
        completed_by = str(completed_by.get("email") or "").split("@")[0] or completed_by.get("id")
    return str(completed_by) if completed_by else "label-studio"


def _time(value: object, where: str) -> str:
    try:
        return utc(datetime.fromisoformat(str(value)))
    except ValueError as error:
        raise InputError(f"{where}: {str(value)[:80]!r} is no time", "Mend it, or export it anew.") from error
