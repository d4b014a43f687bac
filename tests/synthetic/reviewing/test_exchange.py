from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from synthetic.annotating.consensus import read_decisions
from synthetic.cli import main
from synthetic.workspace.jsonl import Appender, read_lines
from synthetic.workspace.records import DECISIONS, Decision, to_line
from tests.working_folder import Given, issue_id, make_folder

ISSUES: dict[int, Given] = {
    1: {"a": ["bug", "docs"], "b": ["bug"], "c": ["feature", "bug"]},
    2: {"a": ["bug"], "b": ["bug"], "c": ["bug"]},
    3: {"a": ["bug"], "b": ["docs"], "c": []},
}
ADA = "2f1b3c1e-1111-4222-8333-444455556666"


def _exported(folder: Path, tool: str, *more: str) -> Any:
    assert main(["export", str(folder), "--for", tool, *more]) == 0
    name = {"argilla": "records.json", "label-studio": "tasks.json"}[tool]
    return json.loads((folder / tool / name).read_text(encoding="utf-8"))


def _imported(folder: Path, tool: str, records: object, *more: str) -> int:
    (folder / "back.json").write_text(json.dumps(records))
    return main(["import", str(folder), str(folder / "back.json"), "--for", tool, *more])


def _annotated(
    task: dict[str, Any], choices: list[str], at: str = "2026-05-01T10:00:00.123456Z", **more: object
) -> dict[str, Any]:
    """A task as Label Studio exports it with one annotation more."""
    result = {"id": "x", "from_name": "labels", "to_name": "issue", "type": "choices", "origin": "manual"}
    annotation = {
        "id": 7,
        "completed_by": 4,
        "result": [result | {"value": {"choices": choices}}] if choices else [],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-05-01T09:00:00.000000Z",
        "updated_at": at,
        **more,
    }
    return task | {"id": 1, "annotations": [*task.get("annotations", []), annotation], "drafts": [], "project": 1}


def test_disputed_issues_come_back_from_label_studio_with_who_and_when(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, ISSUES)
    tasks = _exported(tmp_path, "label-studio")
    assert [task["data"]["id"] for task in tasks] == [issue_id(3), issue_id(1)]
    back = [
        _annotated(tasks[0], []),
        _annotated(tasks[1], ["docs", "bug"], completed_by={"id": 4, "email": "ada@x.org"}),
    ]
    assert _imported(tmp_path, "label-studio", back) == 0
    assert read_decisions(tmp_path, labels) == {
        issue_id(3): Decision(issue_id(3), (), "4", "2026-05-01T10:00:00Z"),
        issue_id(1): Decision(issue_id(1), ("bug", "docs"), "ada", "2026-05-01T10:00:00Z"),
    }


def test_label_studio_sees_consensus_and_each_answer_as_predictions(tmp_path: Path) -> None:
    make_folder(tmp_path, ISSUES)
    task = _exported(tmp_path, "label-studio")[1]
    shown = [(one["model_version"], [r["value"]["choices"] for r in one["result"]]) for one in task["predictions"]]
    assert shown == [("consensus", [["bug"]]), ("a", [["bug", "docs"]]), ("b", [["bug"]]), ("c", [["bug", "feature"]])]
    assert {(r["from_name"], r["to_name"], r["type"]) for one in task["predictions"] for r in one["result"]} == {
        ("labels", "issue", "choices")
    }


def test_label_studios_interface_names_the_fields_of_the_tasks_and_offers_every_label(tmp_path: Path) -> None:
    make_folder(tmp_path, ISSUES)
    task = _exported(tmp_path, "label-studio")[0]
    root = ElementTree.parse(tmp_path / "label-studio" / "interface.xml").getroot()
    values = {one.get("value") for one in root if one.tag in ("Header", "Text")}
    assert values == {"$title", "$body", "$answers"}
    assert {value.removeprefix("$") for value in values if value} <= set(task["data"])
    choices = root.find("Choices")
    assert choices is not None
    assert choices.get("choice") == "multiple"
    assert [(one.get("value"), one.get("hint")) for one in choices][2] == ("docs", "Manual & <examples>")
    assert len(choices) == 4


def test_of_several_annotations_the_newest_counts_and_the_difference_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = make_folder(tmp_path, ISSUES)
    task = _exported(tmp_path, "label-studio")[0]
    task = _annotated(task, ["bug"], at="2026-05-03T00:00:00Z", completed_by=9)
    task = _annotated(task, ["docs"], at="2026-05-02T00:00:00Z")
    assert _imported(tmp_path, "label-studio", [task]) == 0
    assert read_decisions(tmp_path, labels)[issue_id(3)] == Decision(issue_id(3), ("bug",), "9", "2026-05-03T00:00:00Z")
    assert f"1 issues were decided differently by several people; the last counts: {issue_id(3)}" in (
        capsys.readouterr().err
    )


def test_cancelled_annotations_decide_nothing(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, ISSUES)
    task = _annotated(_exported(tmp_path, "label-studio")[0], ["bug"], was_cancelled=True)
    assert _imported(tmp_path, "label-studio", [task]) == 0
    assert read_decisions(tmp_path, labels) == {}


def test_disputed_issues_come_back_from_argilla(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, ISSUES)
    records = _exported(tmp_path, "argilla")
    records[0]["responses"] = {"labels": [{"value": ["(no label)"], "user_id": ADA}]}
    records[1]["responses"] = {"labels": [{"value": ["docs", "bug"], "user_id": ADA}]}
    assert _imported(tmp_path, "argilla", records) == 0
    found = read_decisions(tmp_path, labels)
    assert [(found[issue_id(n)].labels, found[issue_id(n)].by) for n in (3, 1)] == [((), ADA), (("bug", "docs"), ADA)]


def test_a_folder_of_argilla_is_read_and_by_says_who_it_was(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, ISSUES)
    records = _exported(tmp_path, "argilla")
    records[0]["responses"] = {"labels": [{"value": ["bug"], "user_id": ADA}, {"value": None, "user_id": ADA}]}
    (tmp_path / "argilla" / "records.json").write_text(json.dumps(records))
    assert main(["import", str(tmp_path), str(tmp_path / "argilla"), "--for", "argilla", "--by", "ada"]) == 0
    [decision] = read_decisions(tmp_path, labels).values()
    assert (decision.id, decision.labels, decision.by) == (issue_id(3), ("bug",), "ada")


def test_argilla_gets_the_consensus_with_each_labels_share_of_votes(tmp_path: Path) -> None:
    make_folder(tmp_path, ISSUES)
    nothing, bug = _exported(tmp_path, "argilla")
    assert bug["suggestions"] == {"labels": {"value": ["bug"], "score": [1.0], "agent": "consensus"}}
    assert nothing["suggestions"]["labels"]["value"] == ["(no label)"]
    assert nothing["suggestions"]["labels"]["score"] == [pytest.approx(1 / 3)]
    assert bug["metadata"] == {"agreement": pytest.approx(4 / 9)}
    assert bug["fields"]["answers"] == "a: bug, docs\nb: bug\nc: bug, feature\nrepository: none"


def test_argillas_settings_name_the_fields_of_the_records_and_offer_every_label(tmp_path: Path) -> None:
    make_folder(tmp_path, ISSUES)
    record = _exported(tmp_path, "argilla")[0]
    settings = json.loads((tmp_path / "argilla" / ".argilla" / "settings.json").read_text())
    assert [field["name"] for field in settings["fields"]] == list(record["fields"])
    assert not any(field["settings"]["use_markdown"] for field in settings["fields"])
    [question] = settings["questions"]
    offered = [option["value"] for option in question["settings"]["options"]]
    assert offered == ["bug", "feature", "docs", "question", "(no label)"]
    assert json.loads((tmp_path / "argilla" / ".argilla" / "dataset.json").read_text())["name"] == "issues"


def test_a_second_import_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path, ISSUES)
    records = _exported(tmp_path, "argilla")
    records[0]["responses"] = {"labels": [{"value": ["bug"], "user_id": ADA}, {"value": ["docs"], "user_id": "bob"}]}
    _imported(tmp_path, "argilla", records)
    before = (tmp_path / DECISIONS).read_bytes()
    _imported(tmp_path, "argilla", records)
    assert (tmp_path / DECISIONS).read_bytes() == before
    assert "0 decisions new, 1 as before" in capsys.readouterr().out


def test_an_older_annotation_does_not_undo_a_later_decision(tmp_path: Path) -> None:
    labels = make_folder(tmp_path, ISSUES)
    task = _annotated(_exported(tmp_path, "label-studio")[0], ["bug"])
    with Appender(tmp_path / DECISIONS) as file:
        file.write(to_line(Decision(issue_id(3), ("docs",), "bob", "2026-06-01T00:00:00Z")))
    assert _imported(tmp_path, "label-studio", [task]) == 0
    assert read_decisions(tmp_path, labels)[issue_id(3)].labels == ("docs",)


def test_decided_issues_are_not_exported_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path, ISSUES)
    tasks = _exported(tmp_path, "label-studio")
    _imported(tmp_path, "label-studio", [_annotated(task, ["bug"]) for task in tasks])
    assert main(["export", str(tmp_path), "--for", "label-studio"]) == 0
    assert "Nothing to export" in capsys.readouterr().err


def test_only_exports_the_issues_of_a_list(tmp_path: Path) -> None:
    make_folder(tmp_path, ISSUES, more=[9])
    (tmp_path / "picked.json").write_text(json.dumps([issue_id(9)]))
    [task] = _exported(tmp_path, "label-studio", "--only", str(tmp_path / "picked.json"))
    assert (task["data"]["id"], task["predictions"]) == (issue_id(9), [])
    [record] = _exported(tmp_path, "argilla", "--only", str(tmp_path / "picked.json"))
    assert (record["id"], record["suggestions"], record["metadata"]) == (issue_id(9), {}, {})


def test_control_characters_and_half_characters_of_an_issue_are_not_exported(tmp_path: Path) -> None:
    make_folder(tmp_path, {3: ISSUES[3]}, texts={3: ("\x00\x1b[31m", "one\x00\ud800\ntwo")})
    for tool, key in (("label-studio", "data"), ("argilla", "fields")):
        [record] = _exported(tmp_path, tool)
        assert record[key]["title"] == "\N{REPLACEMENT CHARACTER}" * 2 + "[31m"
        assert record[key]["body"] == "one" + "\N{REPLACEMENT CHARACTER}" * 2 + "\ntwo"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": ["bugs"], "user_id": ADA}, "record 2: 'bugs' is not in the label list"),
        ({"value": "bug", "user_id": ADA}, "record 2: 'bug' is no list of labels"),
        ({"value": ["bug", "(no label)"], "user_id": ADA}, "record 2: (no label) and a label"),
        ("bug", "record 2: responses: no list of objects"),
    ],
)
def test_a_wrong_response_is_named_by_file_and_record_and_nothing_is_taken_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: object, said: str
) -> None:
    make_folder(tmp_path, ISSUES)
    records = _exported(tmp_path, "argilla")
    records[0]["responses"] = {"labels": [{"value": ["bug"], "user_id": ADA}]}
    records[1]["responses"] = {"labels": [change]}
    assert _imported(tmp_path, "argilla", records) == 1
    assert f"back.json: {said}" in capsys.readouterr().err
    assert list(read_lines(tmp_path / DECISIONS)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": {"title": "x"}}, "task 1: data: id: missing"),
        ({"data": {"id": "ada/engine#99"}}, "task 1: 'ada/engine#99' is no prepared issue"),
        ({"annotations": None}, "task 1: annotations: no list of objects"),
        ({"annotations": [{"result": [1]}]}, "task 1: result: no list of objects"),
        ({"annotations": [{"result": [{"from_name": "labels"}]}]}, "task 1: value: no list of objects"),
        ({"annotations": [{"result": [], "updated_at": "noon"}]}, "task 1: 'noon' is no time"),
    ],
)
def test_a_wrong_task_is_named_by_file_and_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], said: str
) -> None:
    make_folder(tmp_path, ISSUES)
    task = _annotated(_exported(tmp_path, "label-studio")[0], ["bug"])
    assert _imported(tmp_path, "label-studio", [task | change]) == 1
    assert f"back.json: {said}" in capsys.readouterr().err


def test_the_short_export_of_label_studio_is_refused_with_the_right_one_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(tmp_path, ISSUES)
    task = {"data": {"id": issue_id(3)}, "labels": {"choices": ["bug"]}}
    assert _imported(tmp_path, "label-studio", [task]) == 1
    assert 'Export from Label Studio as "JSON", not "JSON-MIN"' in capsys.readouterr().err


def test_what_is_no_json_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path, ISSUES)
    assert main(["import", str(tmp_path), str(tmp_path / "labels.yml"), "--for", "argilla"]) == 1
    assert "not a JSON file" in capsys.readouterr().err
    assert main(["import", str(tmp_path), str(tmp_path / "missing"), "--for", "argilla"]) == 1
    assert "missing: cannot be read: No such file" in capsys.readouterr().err
    assert _imported(tmp_path, "argilla", {"records": []}) == 1


def test_a_label_named_like_argillas_word_for_none_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path, {3: ISSUES[3]}, listed="- bug\n- docs\n- (no label)\n")
    assert main(["export", str(tmp_path), "--for", "argilla"]) == 1
