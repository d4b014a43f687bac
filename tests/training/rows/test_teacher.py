"""Labels that a source does not use, and doubtful ones, taught as often as a linear model believes them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.data.rows import Labelled
from labeler.data.dataset_folder import write_sources
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.issue import Issue
from labeler.text.prompt import Renderer
from tests.training.small import LABELS, make_rows, small_settings, write_base, write_folder
from training.rows.examples import Encoder, Variation
from training.rows.rows_by_split import read_tuning_data
from training.rows.teacher import TEACHER, Teacher, out_of_fold
from training.tuning.prepare import prepare

pytestmark = pytest.mark.training

ROW = Labelled(Issue("crash", "on start", id="7"), frozenset(["bug"]), ("bug", "enhancement"), "made")
THOUGHT = {ROW: np.array([0.25, 0.25, 0.0, 0.75])}  # bug, enhancement, documentation, question


def draws(unknown: float, known: float, count: int = 4000) -> list[Labelled]:
    rng, teacher = random.Random(0), Teacher(LABELS.names, THOUGHT, unknown, known)
    return [teacher(ROW, rng) for _ in range(count)]


def share(rows: list[Labelled], name: str) -> float:
    return sum(name in row.labels for row in rows) / len(rows)


def test_an_unknown_label_is_as_often_true_as_the_teacher_thinks_and_a_known_one_stays() -> None:
    rows = draws(unknown=1.0, known=0.0)
    assert {row.space for row in rows} == {LABELS.names}
    assert (share(rows, "bug"), share(rows, "enhancement"), share(rows, "documentation")) == (1.0, 0.0, 0.0)
    assert share(rows, "question") == pytest.approx(0.75, abs=0.03)


def test_a_known_label_is_drawn_as_often_as_is_asked_for() -> None:
    rows = draws(unknown=0.0, known=0.5)
    assert {row.space for row in rows} == {ROW.space}
    assert share(rows, "bug") == pytest.approx(0.5 + 0.5 * 0.25, abs=0.03)
    assert share(rows, "enhancement") == pytest.approx(0.5 * 0.25, abs=0.03)
    assert share(rows, "question") == 0


def test_the_whole_list_is_shown_as_often_as_is_asked_for() -> None:
    rows = draws(unknown=0.3, known=0.0)
    assert sum(row.space == LABELS.names for row in rows) / len(rows) == pytest.approx(0.3, abs=0.03)
    assert all("question" not in row.labels for row in rows if row.space == ROW.space)


def test_a_row_is_judged_by_a_model_that_has_not_seen_it() -> None:
    """One row of many contradicts the others: a model that had seen it would half believe it."""
    word = {"bug": "crash", "question": "how"}
    rows = [
        Labelled(Issue(f"{word[name]} it {number}", id=f"{name}{number}"), frozenset([name]), LABELS.names, "made")
        for name in word
        for number in range(100)
    ]
    odd = Labelled(Issue("crash it again", id="odd"), frozenset(["question"]), LABELS.names, "made")
    thought = out_of_fold([*rows, odd], LABELS.names, seed=0)
    bug, question = LABELS.names.index("bug"), LABELS.names.index("question")
    assert thought[-1, bug] > 0.8 > 0.2 > thought[-1, question]
    assert thought[:100, bug].min() > 0.8
    assert (thought[:, LABELS.names.index("documentation")] == 0).all()


def test_only_an_epochs_rows_are_drawn_and_by_seed_and_epoch(tmp_path: Path) -> None:
    renderer = Renderer(LibraryTokenizer(write_base(tmp_path) / "tokenizer.json"), 32)
    teacher = Teacher(LABELS.names, THOUGHT, 1.0, 1.0)
    taught, plain = (Encoder(renderer, LABELS, Variation(), 0, given) for given in (teacher, None))
    assert taught(ROW, None).ids.tolist() == plain(ROW, None).ids.tolist()
    ids = [taught(ROW, epoch).ids.tolist() for epoch in range(20)]
    assert ids == [Encoder(renderer, LABELS, Variation(), 0, teacher)(ROW, epoch).ids.tolist() for epoch in range(20)]
    assert len({tuple(found) for found in ids}) > 3


def test_a_run_keeps_what_the_teacher_thinks_and_asks_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, base = write_folder(tmp_path / "data", make_rows(80)), str(write_base(tmp_path / "base"))
    write_sources(data, {row.source: ["bug", "question"] for row in make_rows(80)})
    settings = small_settings(teach_unknown=1.0)
    taught = prepare(settings, data, base, tmp_path / "run", "peft")
    assert (tmp_path / "run" / TEACHER).is_file()
    lists = {batch.examples[0].prompt.tobytes() for batch in taught.batches}
    monkeypatch.setattr("training.rows.teacher.out_of_fold", None)
    again = prepare(settings, data, base, tmp_path / "run", "peft")
    assert {batch.examples[0].prompt.tobytes() for batch in again.batches} == lists
    with pytest.raises(TypeError):  # another seed draws other folds
        prepare(replace(settings, seed=1), data, base, tmp_path / "run", "peft")
    assert prepare(small_settings(), data, base, tmp_path / "other", "peft").encoder.teacher is None
    assert not (tmp_path / "other" / TEACHER).exists()
    assert len(read_tuning_data(data).train) == len(taught.encoder.teacher.probabilities)  # type: ignore[union-attr]
