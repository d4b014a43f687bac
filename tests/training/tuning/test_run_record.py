"""run.json: what is written is read back, older files are read too, and damage is named by file and key."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labeler.errors import InputError, UsageError
from tests.training.made_up_run import FIGURES, made_up_record
from training.tuning.run_record import RECORD, begin, read_record, read_result, write_record
from training.tuning.settings import read_settings


def change(folder: Path, *keys: str, to: Any = None) -> None:
    """Writes a record with one value of its file set to `to`; None takes the key out."""
    record = made_up_record(status="tuned", result=FIGURES).to_dict()
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    if to is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = to
    (folder / RECORD).write_text(json.dumps(record))


@pytest.mark.parametrize(
    "more", [{}, {"mlflow_run": "7"}, {"status": "tuned", "result": replace(FIGURES, validation_micro_f1=0.5)}]
)
def test_a_record_is_read_back_as_it_was_written(tmp_path: Path, more: dict[str, Any]) -> None:
    record = made_up_record(**more)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    keys = set(json.loads((tmp_path / RECORD).read_text()))
    assert keys - {"mlflow_run", "result"} == set(vars(record)) - {"mlflow_run", "result"}
    assert keys & {"mlflow_run", "result"} == set(more) - {"status"}


def test_the_file_holds_the_sum_of_the_memory_too(tmp_path: Path) -> None:
    write_record(tmp_path, made_up_record())
    assert json.loads((tmp_path / RECORD).read_text())["plan"]["memory_total"] == 15


def test_a_file_from_before_a_setting_and_a_field_of_the_base_is_read(tmp_path: Path) -> None:
    change(tmp_path, "settings", "plain_text")
    assert read_record(tmp_path).settings == read_settings()
    change(tmp_path, "base", "file")
    assert read_record(tmp_path).base == made_up_record().base


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("data", "sha256"), None, "missing: data.sha256"),
        (("result",), None, "missing: result, while status is 'tuned'"),
        (("result", "seconds"), "long", "result.seconds is 'long'.\nAccepted: a number."),
        (("status",), "lost", "status is 'lost'.\nAccepted: begun, tuned, done."),
        (("plan", "labels", "bug"), [1, 2], "plan.labels.bug is [1, 2].\nAccepted: a list of 3."),
        (("plan", "labels", "bug"), [1, 2, "x"], "plan.labels.bug[2] is 'x'."),
        (("settings", "rank"), "4", "settings.rank is '4'.\nAccepted: a whole number."),
        (("settings", "rank"), 0, "settings: Setting 'rank' is 0.\nAccepted: 1 or more."),
        (("settings", "rnak"), 4, "unknown: settings.rnak\n"),
        (("more",), 4, "unknown: more\n"),
    ],
)
def test_damage_is_named_by_file_and_key(tmp_path: Path, keys: tuple[str, ...], value: Any, said: str) -> None:
    change(tmp_path, *keys, to=value)
    with pytest.raises(InputError) as refused:
        read_record(tmp_path)
    assert f"{tmp_path / RECORD}: {said}" in str(refused.value)


def test_what_is_no_record_at_all_is_named(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text("{")
    with pytest.raises(InputError, match=r"run\.json: damaged"):
        read_record(tmp_path)
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(InputError, match=r"run\.json: is \[\]"):
        read_record(tmp_path)
    with pytest.raises(InputError, match=r"run\.json: missing"):
        read_record(tmp_path / "absent")


def test_a_run_that_has_only_begun_has_no_result(tmp_path: Path) -> None:
    write_record(tmp_path, made_up_record())
    with pytest.raises(InputError, match="tuning is not finished"):
        read_result(tmp_path)


def test_a_run_that_was_begun_with_other_values_is_not_gone_on_with(tmp_path: Path) -> None:
    begun = begin(tmp_path / "run", made_up_record(), resume=False)
    assert begin(tmp_path / "run", made_up_record(device="another"), resume=True) == begun
    other = made_up_record(settings=replace(begun.settings, rank=5), backend="fast")
    with pytest.raises(UsageError, match=rf"rank {begun.settings.rank} → 5, backend peft → fast"):
        begin(tmp_path / "run", other, resume=True)
