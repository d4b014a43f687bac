"""Tuning's settings: presets, single changes, and errors that name the key."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from labeler.errors import InputError, UsageError
from training.tuning.settings import PRESETS, TuningSettings, as_toml, preset_names, read_settings

KEYS = [field.name for field in dataclasses.fields(TuningSettings)]


def test_every_setting_has_a_default_with_its_reason() -> None:
    lines = (PRESETS / "default.toml").read_text().splitlines()
    stated = {found[1]: line for line in lines if (found := re.match(r"(\w+) = ", line))}
    assert set(stated) == set(KEYS)
    assert not [key for key, line in stated.items() if not re.search(r"# \S.{20}", line)]


def test_the_reference_projects_settings_are_a_preset() -> None:
    settings = read_settings("reference")
    assert (settings.rank, settings.alpha, settings.rslora, settings.dropout) == (128, 128.0, True, 0.0)
    assert len(settings.targets) == 7
    assert (settings.learning_rate, settings.schedule, settings.warmup) == (5e-5, "linear", 5.0)
    assert (settings.batch_size, settings.sequence_length, settings.optimizer) == (16, 2048, "adamw_8bit")
    assert (settings.select_on, settings.patience, settings.min_change) == ("loss", 3, 0.01)
    assert (settings.subset_lists, settings.shuffle_labels, settings.own_list) == (0.0, 0.0, False)


def test_every_preset_in_the_package_is_valid() -> None:
    assert {"default", "few", "reference"} <= set(preset_names())
    for name in preset_names():
        assert read_settings(name).epochs >= 1


def test_a_file_states_only_what_it_changes_and_single_changes_go_last(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text("rank = 8\n[evaluation]\npatience = 0\n")
    settings = read_settings(str(preset), ["rank=16", "schedule=cosine", "targets=q_proj, v_proj", "alpha=4"])
    assert (settings.rank, settings.patience, settings.schedule) == (16, 0, "cosine")
    assert (settings.targets, settings.alpha) == (("q_proj", "v_proj"), 4.0)
    assert settings.epochs == read_settings().epochs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("rnak=8", "--set: unknown: setting 'rnak'\nSettings are: rank, alpha"),
        ("rank", "no equals sign"),
        ("rank=0", "'rank' is 0.\nAccepted: 1 or more"),
        ("rank=8.5", "'rank' is 8.5.\nAccepted: a whole number"),
        ("rslora=1", "'rslora' is 1.\nAccepted: true or false"),
        ("learning_rate=fast", "'learning_rate' is 'fast'.\nAccepted: a number"),
        ("learning_rate=nan", "'learning_rate' is nan.\nAccepted: a number above 0"),
        ("schedule=cubic", "'schedule' is 'cubic'.\nAccepted: linear, cosine"),
        ("drop_label=1.5", "'drop_label' is 1.5.\nAccepted: 0 to 1"),
        ('targets=["lm_head"]', "'targets' is ('lm_head',).\nAccepted: some of q_proj"),
        ("targets=[1]", "'targets[0]' is 1.\nAccepted: a text"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(change: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_settings("default", [change])
    assert said in str(refused.value)


def test_a_wrong_preset_is_refused_with_its_line(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text("rank = 8\n[evaluation]\npatience = true\n")
    with pytest.raises(UsageError) as refused:
        read_settings(str(preset))
    assert str(refused.value) == f"{preset}:3: setting 'patience' is True.\nAccepted: a whole number."


def test_stopping_on_micro_f1_needs_rows_to_answer() -> None:
    with pytest.raises(UsageError, match="score_rows"):
        read_settings("default", ["select_on=micro_f1", "score_rows=0"])


def test_a_preset_that_is_not_there_or_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="default, few, reference"):
        read_settings("absent")
    broken = tmp_path / "broken.toml"
    broken.write_text("rank = \n")
    with pytest.raises(InputError, match=r"broken\.toml: not valid TOML"):
        read_settings(str(broken))


def test_settings_written_as_a_preset_are_read_back(tmp_path: Path) -> None:
    settings = read_settings("few", ["targets=q_proj", "learning_rate=3e-4"])
    (tmp_path / "again.toml").write_text(as_toml(settings, "a note"))
    assert read_settings(str(tmp_path / "again.toml")) == settings
