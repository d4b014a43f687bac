"""The scoreboard of `python -m eval starter`, on a made-up folder and a tiny random model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.cli import main
from eval.injection.issue_forms import ANY, DEFECTS, TEXT, WISHES, in_a_form
from eval.injection.unseen_forms import forms, in_an_unseen_form
from eval.starter.answering import Bundle, fingerprint
from eval.starter.board import Wanted, measure, read_results, write_results
from eval.starter.linear import Chance, LinearModel, training_rows
from eval.starter.page import explanation, main_table
from eval.starter.scores import as_dict, differences, figures, units
from eval.starter.sets import SETS, HeldOut
from eval.starter.source import TEN, Folder
from eval.systems.system import Output
from labeler.decision.abstain import Abstain
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from labeler.model.bundle import read_manifest, verify, write_manifest
from labeler.model.predict import Labeler
from labeler.text.issue import Issue
from tests.models import write_bundle
from tests.scoreboard_data import LARGE, public_row, write_folder, write_lines
from training.starter.nothing import PAIRS

OWN = LabelSet(tuple(Label(name, aliases=("feature",) if name == "enhancement" else ()) for name in reversed(TEN)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_bundle(tmp_path_factory.mktemp("bundle") / "tiny", OWN, token_budget=40)
    (folder / "README.md").write_text("# tiny\n\nA model.\n\n## Labels\n\nnone\n")
    write_manifest(folder, replace(read_manifest(folder), thresholds={"bug": 0.3, "enhancement": 0.45}))
    return folder


@pytest.fixture(scope="module")
def results(data: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("out")
    return measure(
        Wanted(data, {"model": bundle, "earlier": bundle, "base": bundle}, out, command="python -m eval starter")
    )


def test_every_21st_row_of_the_large_model_is_kept_out_with_all_ten_labels(data: Path) -> None:
    held = SETS["ten"](Folder(data))
    assert [issue.title for issue in held.issues] == [public_row(row)["title"] for row in list(LARGE)[::21]]
    assert held.known.all()
    assert held.lists[0].names == TEN


def test_on_dev_a_label_that_the_source_does_not_use_is_not_known(data: Path) -> None:
    held = SETS["dev"](Folder(data))
    narrow = np.array([public_row(number)["source"] == "narrow" for number in range(9, 240, 10)])
    documentation = held.known[:, TEN.index("documentation")]
    assert documentation.tolist() == (~narrow).tolist()
    assert not held.known[:, TEN.index("security")].any()


def test_of_label_lists_only_those_for_validation_are_asked_and_areas_stand_apart(data: Path) -> None:
    held = SETS["lists"](Folder(data))
    assert held.names == ("a lamp", "a desk (A)", "a desk (H)", "a desk (F)")
    assert held.lists[0].labels[0] == Label("type: crash", "It stops")
    assert held.known.sum(1).tolist() == [3, 3, 2, 2, 2, 2]
    assert held.truth.sum(1).tolist() == [2, 1, 1, 0, 1, 1]
    assert held.tagged("areas").tolist() == [False, False, True, True, False, False]
    assert held.tagged("components").sum() == 1
    assert held.tagged("invented").sum() == 2


def test_a_form_holds_the_whole_text_and_is_the_same_each_time(data: Path) -> None:
    held = SETS["forms"](Folder(data))
    assert held.plain == SETS["ten"](Folder(data)).issues
    for filed, plain in zip(held.issues, held.plain, strict=True):
        assert plain.body in filed.body
        assert filed.title == plain.title
        assert filed.body.count("## ") >= 5
    assert held.issues == SETS["forms"](Folder(data)).issues
    assert len({in_a_form(Issue("t", "x"), ["bug"], str(seed)).body for seed in range(30)}) == 30
    layouts = (*DEFECTS, *WISHES, *ANY)
    assert [sum(TEXT in field.answers for field in layout) for layout in layouts] == [1] * 12
    assert "_No response_" in in_a_form(Issue("t", ""), [], "0").body


def test_the_forms_never_seen_are_realistic_and_hold_the_whole_text_once(data: Path) -> None:
    held = SETS["forms_unseen"](Folder(data))
    assert held.plain == SETS["ten"](Folder(data)).issues
    assert all(plain.body in filed.body for filed, plain in zip(held.issues, held.plain, strict=True))
    assert held.issues == SETS["forms_unseen"](Folder(data)).issues
    assert len(forms()) >= 15
    assert {form["kind"] for form in forms()} == {"bug", "wish", "any"}
    headings = {field.heading.casefold() for layout in (*DEFECTS, *WISHES, *ANY) for field in layout}
    for form in forms():
        assert [sum(["text" in field, "says" in field, "boxes" in field]) for field in form["fields"]].count(1) >= 3
        assert sum(field.get("text", False) for field in form["fields"]) == 1
        assert not headings & {field["heading"].casefold() for field in form["fields"]}
    bodies = [in_an_unseen_form(Issue("t", "x"), labels, str(i)).body for i in range(60) for labels in (["bug"], [])]
    assert any(body.startswith("<!--") for body in bodies)
    assert any("**\n" in body for body in bodies)
    assert any("- [X] " in body for body in bodies)


def test_a_sample_is_seeded_and_takes_the_same_issues_with_and_without_forms(data: Path) -> None:
    plain, filed = (SETS[key](Folder(data)).sample(3, 7) for key in ("ten", "forms"))
    assert len(plain) == 3
    assert plain.issues == filed.plain
    assert plain.issues == SETS["ten"](Folder(data)).sample(3, 7).issues
    assert plain.issues != SETS["ten"](Folder(data)).sample(3, 8).issues


@pytest.mark.parametrize(
    ("file", "row", "said"),
    [
        (
            "project_lists",
            {"labels": [{"name": "a"}], "rows": [[9999, ["a"]]]},
            "'?9999'? is no row of labelled_issues",
        ),
        ("project_lists", {"labels": [{"name": "a"}], "rows": [[1, ["b"]]]}, "'b' is no label of the list"),
        ("project_lists", {"labels": [{"name": "a"}, {"name": "A"}], "rows": []}, "'A' is listed twice"),
        ("project_lists", {"labels": []}, "project_lists.jsonl.gz:1: rows: missing"),
    ],
)
def test_wrong_rows_are_named_by_file_and_line(tmp_path: Path, file: str, row: dict[str, Any], said: str) -> None:
    folder = write_folder(tmp_path)
    write_lines(folder / f"{file}.jsonl.gz", [{"split": "validation", "project": "p", "style": "A"} | row])
    with pytest.raises(InputError, match=said):
        SETS["lists"](Folder(folder))


def test_a_missing_or_torn_file_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    whole = (folder / "labelled_issues.jsonl.gz").read_bytes()
    (folder / "labelled_issues.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="labelled_issues.jsonl.gz: cannot be read"):
        SETS["dev"](Folder(folder))
    (folder / "junk_and_thin.jsonl.gz").unlink()
    with pytest.raises(InputError, match=r"junk_and_thin.jsonl.gz: missing[\s\S]*--sets"):
        SETS["junk"](Folder(folder))


def test_a_bundle_answers_as_it_ships_with_a_half_for_labels_new_to_it(
    data: Path, bundle: Path, tmp_path: Path
) -> None:
    held = SETS["ten"](Folder(data))
    output = Bundle(bundle, tmp_path).answer(held)
    said = Labeler(bundle).predict(held.issues[1]).probabilities
    assert np.allclose(output.probabilities[1], [said[name] for name in TEN], atol=1e-6)
    limits = np.array([{"bug": 0.3, "enhancement": 0.45}.get(name, 0.5) for name in TEN])
    assert (output.predicted == (output.probabilities >= limits)).all()
    lists = SETS["lists"](Folder(data))
    output = Bundle(bundle, tmp_path).answer(lists)
    known = np.array([[0.5, 0.5, 0.3]])
    assert (output.predicted[:2] == (output.probabilities[:2] >= known)).all()
    assert not output.predicted[~lists.known].any()


def test_answers_are_kept_and_a_torn_line_is_read_again(data: Path, bundle: Path, tmp_path: Path) -> None:
    held = SETS["lists"](Folder(data))
    reads: list[int] = []
    first = Bundle(bundle, tmp_path).answer(held, lambda: reads.append(1))
    assert len(reads) == 6
    (path,) = tmp_path.glob("answers-*.jsonl")
    path.write_text(path.read_text()[:-20])
    again = Bundle(bundle, tmp_path)
    assert again.missing(held) == 1
    second = again.answer(held, lambda: reads.append(1))
    assert len(reads) == 7
    assert (first.probabilities == second.probabilities).all()
    assert Bundle(bundle, tmp_path).missing(held) == 0
    ten = SETS["ten"](Folder(data))
    assert Bundle(bundle, tmp_path).missing(held, ten, ten) == len(ten)


def test_thresholds_and_card_may_change_without_reading_anew_weights_may_not(bundle: Path, tmp_path: Path) -> None:
    manifest = read_manifest(bundle)
    assert fingerprint(replace(manifest, thresholds={}, metrics={"a": 1})) == fingerprint(manifest)
    card = {**manifest.files, "README.md": {"size": 1, "sha256": "0"}}
    assert fingerprint(replace(manifest, files=card)) == fingerprint(manifest)
    weights = {**manifest.files, "decoder.bin": {"size": 1, "sha256": "0"}}
    assert fingerprint(replace(manifest, files=weights)) != fingerprint(manifest)
    assert fingerprint(replace(manifest, token_budget=7)) != fingerprint(manifest)


def test_answers_are_what_the_score_decides_and_cuts_may_change_without_reading_anew(
    data: Path, bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scored"
    shutil.copytree(bundle, folder)
    manifest = read_manifest(folder)
    words = (0.0,) * manifest.shape.hidden_size
    score = Abstain(0.0, -1.0, 0.5, 1.0, words, -90.0, 90.0, 0.0, {"evidence": 0.0, "words": 0.0})
    limits = dict.fromkeys(manifest.labels.names, 0.999)
    held = SETS["fresh"](Folder(data)).sample(6, 0)

    def said(below: float, above: float, thresholds: dict[str, float]) -> Any:
        cut = replace(score, below=below, above=above)
        made = write_manifest(folder, replace(manifest, abstain=cut, thresholds=thresholds))
        return fingerprint(made), Bundle(folder, tmp_path / "kept").answer(held).predicted

    first, plain = said(-90.0, 90.0, limits)
    assert not plain.any()
    second, nearest = said(-90.0, -80.0, limits)
    assert (nearest.sum(1) == 1).all()
    assert first == second != fingerprint(manifest)
    third, every = said(-90.0, 90.0, dict.fromkeys(limits, 0.0001))
    fourth, nothing = said(80.0, 90.0, dict.fromkeys(limits, 0.0001))
    assert every.any(1).all()
    assert not nothing.any()
    assert third == fourth != first, "the score reads how far labels are from their thresholds"


def test_pairs_kept_apart_are_in_many_languages_and_none_was_fitted_on(data: Path) -> None:
    held = SETS["fresh"](Folder(data))
    assert held.tagged("junk").sum() == held.tagged("thin").sum() >= 50
    assert (held.truth.any(1) == held.tagged("thin")).all()
    fitted = {json.loads(line)["title"] for line in PAIRS.read_text(encoding="utf-8").splitlines()}
    assert not {issue.title for issue in held.issues} & fitted
    scored = figures(held, Output(held.truth, held.truth.astype(float)))
    assert (scored["left_alone"]["value"], scored["kept"]["value"]) == (1.0, 1.0)


def test_two_names_that_are_one_label_to_the_model_can_stand_in_one_list(bundle: Path) -> None:
    labeler = Labeler(bundle, LabelSet((Label("feature"), Label("enhancement"), Label("bug"))))
    assert labeler.predict(Issue("Crash")).probabilities.keys() == {"feature", "enhancement", "bug"}
    assert labeler.thresholds == {"enhancement": 0.45, "bug": 0.3}
    assert Labeler(bundle, LabelSet((Label("feature"), Label("bug")))).thresholds == {"feature": 0.45, "bug": 0.3}


def test_no_row_like_a_held_out_issue_is_trained_on(data: Path) -> None:
    folder = Folder(data)
    rows, held_out = folder.labelled("train"), folder.labelled("dev")
    twin = replace(rows[0], issue=Issue("another title, the same words", held_out[0].issue.body * 9))
    near = replace(held_out[0], issue=Issue("another title, the same words", held_out[0].issue.body * 9 + " more"))
    named = replace(rows[1], issue=Issue(held_out[1].issue.title.upper(), "something else entirely"))
    kept = training_rows([*rows, twin, named], [*held_out, near])
    assert twin not in kept
    assert named not in kept
    assert len(kept) > 0.8 * len(rows)
    assert kept == training_rows([*rows, twin, named], [*held_out, near])


def test_the_linear_model_learns_and_is_silent_on_lists_it_cannot_know(data: Path, tmp_path: Path) -> None:
    folder = Folder(data)
    linear = LinearModel(folder, tmp_path)
    held = SETS["ten"](folder)
    said = linear.answer(held)
    assert said is not None
    # The same few phrases come again and again: it cannot miss them.
    assert figures(held, said)["micro_f1"]["value"] > 0.9
    assert linear.answer(SETS["lists"](folder)) is None
    again = LinearModel(folder, tmp_path)
    assert (again.answer(held).probabilities == said.probabilities).all()
    assert "_complete" not in vars(again)  # kept: nothing was fitted
    three = linear.answer(SETS["five"](folder))
    assert three is not None
    assert three.predicted.shape[1] == 3


def made(key: str, truth: Any, known: Any = None, **more: Any) -> HeldOut:
    truth = np.array(truth, dtype=bool)
    count, labels = truth.shape
    return HeldOut(
        key, key, (LabelSet(tuple(Label(f"l{i}") for i in range(labels))),), (key,), np.zeros(count, dtype=int),
        tuple(Issue(f"t{i}") for i in range(count)), truth, np.ones_like(truth) if known is None else np.array(known),
        more.pop("repositories", ("",) * count), more.pop("tags", ((),) * count), **more,
    )  # fmt: skip


def test_figures_of_a_few_issues_are_those_by_hand() -> None:
    held = made("dev", [[1, 0], [0, 1], [1, 1]], [[True, True], [True, False], [True, True]])
    output = Output(np.array([[True, True], [False, True], [True, False]]), np.zeros((3, 2)))
    found = figures(held, output)
    assert found["micro_f1"]["value"] == pytest.approx(4 / 6, abs=1e-4)  # 2 hits of 3 said and 3 true
    assert found["macro_f1"]["value"] == 0.5
    assert found["labels"]["l0"]["value"] == 1.0
    assert (found["labels"]["l1"]["n"], found["labels"]["l1"]["true"]) == (2, 1)
    assert found["micro_f1"]["low"] <= found["micro_f1"]["value"] <= found["micro_f1"]["high"]


def test_balanced_classes_are_those_of_the_probability_over_its_mean() -> None:
    held = made("five", np.eye(3)[[0, 1, 2, 0]], tags=(("r",), ("r",), ("r", "unseen"), ("s",)))
    leaning = np.array([[0.9, 0.1, 0.05], [0.6, 0.5, 0.0], [0.7, 0.1, 0.4], [0.8, 0.1, 0.1]])
    found = figures(held, Output(leaning > 0.5, leaning))
    assert found["macro_f1"]["value"] == pytest.approx((2 * 2 / 6) / 3, abs=1e-4)  # all called the first
    assert found["macro_f1_balanced"]["value"] == 1.0
    assert found["unseen_macro_f1_balanced"]["n"] == 1
    assert set(found["repositories"]) == {"r", "s"}


def test_forms_count_changed_sets_and_kept_main_labels_and_junk_what_is_left_alone() -> None:
    held = made("forms", [[1, 0]] * 4)
    plain = Output(np.array([[1, 0]] * 4, dtype=bool), np.array([[0.9, 0.1]] * 4))
    inside = Output(np.array([[1, 0], [1, 1], [0, 0], [1, 0]], dtype=bool), np.array([[0.9, 0.1]] * 3 + [[0.2, 0.4]]))
    found = figures(held, inside, plain)
    assert (found["set_changed"]["value"], found["main_kept"]["value"]) == (0.5, 0.75)
    assert found["set_changed"]["low"] <= 0.5 <= found["set_changed"]["high"]
    held = made("junk", [[0, 0], [0, 0], [1, 0]], tags=(("junk",), ("junk",), ("thin",)))
    found = figures(held, Output(np.array([[0, 0], [1, 0], [0, 1]], dtype=bool), np.zeros((3, 2))))
    assert (found["left_alone"]["value"], found["kept"]["value"]) == (0.5, 1.0)
    assert (found["left_alone"]["n"], found["kept"]["n"]) == (2, 1)
    assert found["kept"]["low"] < 0.5  # one issue proves nothing


def test_intervals_are_by_repository_from_twenty_on_and_an_issue_under_two_lists_is_one() -> None:
    truth = np.ones((40, 1))
    by, cluster = units(made("dev", truth, repositories=tuple(f"o/r{i % 20}" for i in range(40))))
    assert (by, len(set(cluster.tolist()))) == ("repository", 20)
    by, cluster = units(made("dev", truth, repositories=tuple(f"o/r{i % 19}" for i in range(40))))
    assert (by, len(set(cluster.tolist()))) == ("issue", 40)
    nameless = tuple(f"o/r{i % 20}" if i < 30 else "" for i in range(40))
    assert len(set(units(made("dev", truth, repositories=nameless))[1].tolist())) == 30
    twice = replace(made("lists", truth), issues=tuple(Issue(f"t{i // 2}") for i in range(40)))
    assert len(set(units(twice)[1].tolist())) == 20


def test_differences_are_paired_and_nothing_is_no_number() -> None:
    held = made("dev", np.eye(2)[[0, 1] * 30])
    right, wrong = (Output(held.truth ^ flip, np.zeros(held.truth.shape)) for flip in (False, True))
    assert differences(held, right, wrong)["micro_f1"]["value"] == 1.0
    assert differences(held, right, right)["micro_f1"]["p"] == 1.0
    empty = made("dev", np.zeros((0, 2)))
    nothing = Output(empty.truth, np.zeros((0, 2)))
    assert figures(empty, nothing)["micro_f1"] == {"value": None, "low": None, "high": None, "n": 0}


def test_chance_sets_labels_as_often_as_they_are_true() -> None:
    held = made("dev", np.column_stack([np.arange(4000) % 4 == 0, np.zeros(4000)]))
    drawn = Chance().answer(held).predicted
    assert drawn.mean(0) == pytest.approx([0.25, 0.0], abs=0.03)
    assert figures(held, Chance().answer(held))["micro_f1"]["value"] == pytest.approx(0.25, abs=0.04)


def test_every_figure_has_n_and_interval_and_each_set_says_by_what(results: dict[str, Any]) -> None:
    def walk(found: dict[str, Any]) -> list[dict[str, Any]]:
        return [found] if "value" in found else [one for part in found.values() for one in walk(part)]

    assert set(results["sets"]) == set(SETS)
    for key, one in results["sets"].items():
        assert one["intervals_by"] == ("repository" if key == "dev" else "issue")
        for role, found in one["figures"].items():
            assert role in results["systems"]
            for figure in walk(found):
                assert {"value", "low", "high", "n"} <= figure.keys()
        assert ("linear" in one["figures"]) == (key != "lists")
        assert ("chance" in one["figures"]) == (key not in ("forms", "forms_unseen"))
        # The same bundle, measured twice: nothing differs.
        assert all(much["value"] == 0 for much in one["model_minus"]["earlier"].values())
    assert results["sets"]["five"]["figures"]["model"]["unseen_macro_f1_balanced"]["n"] == 10
    assert set(results["sets"]["languages"]["figures"]["model"]["languages"]) == {"de", "fr"}


@pytest.mark.parametrize(
    ("sources", "said", "told"),
    [(None, (), None), ({"public": 5}, (), False), ({"junk_and_thin": 5}, (), True), (None, ("junk",), True)],
)
def test_results_say_whether_the_model_was_tuned_on_a_set(
    data: Path, bundle: Path, tmp_path: Path, sources: Any, said: tuple[str, ...], told: bool | None
) -> None:
    import shutil

    copy = shutil.copytree(bundle, tmp_path / "copy")
    write_manifest(copy, replace(read_manifest(copy), provenance={"sources": sources} if sources else {}))
    found = measure(Wanted(data, {"model": copy}, tmp_path, ("ten", "junk"), tuned_on=said))
    assert found["sets"]["junk"]["tuned_on"] is told
    assert found["sets"]["ten"]["tuned_on"] is False
    text = " ".join(explanation(found).split())
    assert ("The model was tuned on junk" in text) == (told is True)
    assert ("may have been tuned on (its record does not say) junk" in text) == (told is None)


def test_results_are_read_back_as_they_were_written_and_a_figure_is_a_line(
    results: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "new" / "results.json"
    strange = results | {"command": "python  -m {a\n b} [c]"}
    write_results(strange, path)
    assert read_results(path) == json.loads(json.dumps(strange))
    assert '"micro_f1": { "value": ' in path.read_text()
    with pytest.raises(InputError, match="no results"):
        read_results(tmp_path / "none.json")


def test_the_table_sets_systems_beside_each_other(results: dict[str, Any]) -> None:
    table = main_table(results)
    head, _, *rows = table.splitlines()
    names = [found["name"] for found in results["systems"].values()]
    assert head == f"| | n | {' | '.join(names)} |"
    assert [*names[2:4], len(names)] == ["the untuned base", "TF-IDF + logistic regression", 5]
    found = results["sets"]["dev"]["figures"]["model"]["micro_f1"]
    assert rows[0].startswith(
        f"| issues of the training sources (dev), micro-F1 | 24 | {found['value']:.3f} [{found['low']:.3f}, "
    )
    assert [row.count("|") for row in rows] == [head.count("|")] * len(rows)
    text = " ".join(explanation(results).split())
    assert "95 % intervals of dev are clustered by repository" in text
    linear = results["sets"]["dev"]["model_minus"]["linear"]["micro_f1"]
    assert f"minus {names[3]}: dev, micro-F1 {linear['value']:+.3f} [{linear['low']:+.3f}, " in text
    assert f"minus {names[1]}: dev, micro-F1 +0.000 [+0.000, +0.000]; five" in text
    assert "a trial, no measurement" not in text
    assert "a trial, no measurement" in " ".join(explanation(results | {"limit": 5}).split())


def test_the_command_measures_writes_and_puts_the_figures_into_the_card(
    data: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["starter", "--data", str(data), "--model", str(bundle), "--out", str(tmp_path / "out")]
    command += ["--sets", "ten,junk", "--limit", "4", "--results", str(tmp_path / "r.json"), "--write-card"]
    assert main(command) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "TF-IDF" in shown
    assert "At most 4 issues of each set, seed 0" in shown
    found = read_results(tmp_path / "r.json")
    assert found["command"] == "python -m eval starter --data DATA --model tiny --sets ten,junk --limit 4"
    assert found["sets"].keys() == {"ten", "junk"}
    assert found["sets"]["ten"]["issues"] == 4
    card = (bundle / "README.md").read_text()
    assert [line for line in card.splitlines() if line.startswith("## ")] == ["## Beside a linear model", "## Labels"]
    verify(bundle)
    assert read_manifest(bundle).metrics["scores"]["sets"]["ten"] == found["sets"]["ten"]["figures"]["model"]
    assert found["systems"]["model"]["fingerprint"] == fingerprint(read_manifest(bundle))
    assert main([*command, "--json"]) == 0
    assert (bundle / "README.md").read_text() == card
    assert json.loads(capsys.readouterr().out)["sets"].keys() == {"ten", "junk"}


def test_a_set_that_does_not_exist_is_refused(data: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for sets in ("ten,tne", ","):
        assert main(["starter", "--data", str(data), "--model", str(bundle), "--sets", sets]) == 2
        assert "Choose among dev, five, ten" in capsys.readouterr().err


def test_a_number_that_is_not_there_is_null() -> None:
    from eval.metrics.intervals import Interval

    assert as_dict(Interval(0.12345678, 0.1, float("nan"), 3)) == {"value": 0.1235, "low": 0.1, "high": None, "n": 3}
