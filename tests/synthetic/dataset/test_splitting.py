from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from labeler.data.dataset import Row, read_dataset
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from synthetic.annotating.generation import read_written
from synthetic.annotating.instruction import prompt_for
from synthetic.cli import main
from synthetic.dataset.splitting import Wanted, split
from synthetic.dataset.stratify import Group, stratify
from synthetic.workspace.jsonl import write_lines
from synthetic.workspace.records import ANSWERS, DECISIONS, PREPARED, SYNTHETIC, Answer, Decision, Prepared, to_line

LABELS = LabelSet((Label("bug"), Label("question"), Label("docs")))
LABELS_FILE = "- bug\n- question\n- docs\n"


def issue(number: int, *labels: str, group: int | None = None, created_at: str = "2026-01-01T00:00:00Z") -> Prepared:
    group_id = f"o/r#{number if group is None else group}"
    return Prepared(f"o/r#{number}", "o/r", number, f"t{number}", "b", labels, group_id, created_at, "o/r")


def answer(number: int, annotator: str, *labels: str) -> Answer:
    return Answer(f"o/r#{number}", annotator, labels, prompt_for(LABELS).hash)


def place(
    folder: Path,
    issues: Sequence[Prepared],
    answers: Sequence[Answer] = (),
    decisions: Sequence[Decision] = (),
    written: Sequence[Prepared] = (),
) -> Path:
    for name, lines in ((PREPARED, issues), (ANSWERS, answers), (DECISIONS, decisions), (SYNTHETIC, written)):
        write_lines(folder / name, map(to_line, lines))
    (folder / "labels.yml").write_text(LABELS_FILE)
    return folder


def dataset(folder: Path) -> dict[int, Row]:
    return {int(row.id.split("#")[1]): row for row in read_dataset(folder / "dataset.csv", LABELS)}


def splits(folder: Path) -> dict[int, str]:
    return {number: row.split for number, row in dataset(folder).items()}


def many(count: int, seed: int = 0) -> list[Prepared]:
    """Issues with labels of unlike frequency, a fifth of them in groups of up to six."""
    chance = random.Random(seed)
    found = []
    while len(found) < count:
        start, size = len(found) + 1, chance.randint(2, 6) if chance.random() < 0.05 else 1
        for number in range(start, start + size):
            labels = [
                name for name, share in (("bug", 0.6), ("question", 0.3), ("docs", 0.04)) if chance.random() < share
            ]
            found.append(issue(number, *(labels or ["bug"]), group=start))
    return found[:count]


def test_a_decision_beats_the_consensus_and_that_the_repositorys_labels(tmp_path: Path) -> None:
    place(
        tmp_path,
        [issue(n, "docs") for n in (1, 2, 3, 4)],
        [answer(n, model, "bug") for n in (1, 2, 3) for model in ("gemini-a", "gemini-b")],
        [
            Decision("o/r#1", ("question",), "ann", "2026-01-01T00:00:00Z"),
            Decision("o/r#3", ("question",), "ann", "2026-01-01T00:00:00Z"),
            Decision("o/r#3", None, "ann", "2026-01-02T00:00:00Z"),
        ],
    )
    report = split(tmp_path, LABELS)
    found = {number: (row.labels, row.annotator, row.agreement) for number, row in dataset(tmp_path).items()}
    assert found == {
        1: (("question",), "person:ann", None),
        2: (("bug",), "gemini-a+gemini-b", 1.0),
        3: (("bug",), "gemini-a+gemini-b", 1.0),
        4: (("docs",), "repository", None),
    }
    assert report.sources == {"people": 1, "annotators": 2, "repository": 1}


def test_disputed_and_unlabelled_issues_stay_out_and_are_counted(tmp_path: Path) -> None:
    answers = [answer(1, "a", "bug"), answer(1, "b", "docs"), answer(2, "a", "bug", "docs"), answer(2, "b", "bug")]
    place(tmp_path, [issue(1, "docs"), issue(2), issue(3), issue(4, "docs")], answers)
    report = split(tmp_path, LABELS)
    assert set(dataset(tmp_path)) == {2, 4}
    assert report.left_out == {"annotators disagree": 1, "no label of the list": 1}
    split(tmp_path, LABELS, Wanted(min_agreement=0.0))
    assert set(dataset(tmp_path)) == {1, 2, 4}
    split(tmp_path, LABELS, Wanted(min_agreement=0.6))
    assert set(dataset(tmp_path)) == {4}


def test_labels_can_be_the_annotators_or_the_repositorys_alone(tmp_path: Path) -> None:
    place(tmp_path, [issue(1, "docs"), issue(2, "docs"), issue(3)], [answer(1, "a", "bug"), answer(3, "a")])
    report = split(tmp_path, LABELS, Wanted(labels_from="annotators"))
    assert {number: row.labels for number, row in dataset(tmp_path).items()} == {1: ("bug",), 3: ()}
    assert report.left_out == {"no answer": 1}
    split(tmp_path, LABELS, Wanted(labels_from="repository"))
    assert {number: row.labels for number, row in dataset(tmp_path).items()} == {1: ("docs",), 2: ("docs",)}


def test_each_split_has_its_share_of_each_label_and_no_group_is_parted(tmp_path: Path) -> None:
    issues = many(1000)
    report = split(place(tmp_path, issues), LABELS)
    assert report.rows == {
        "train": pytest.approx(800, abs=3),
        "validation": pytest.approx(100, abs=3),
        "test": pytest.approx(100, abs=3),
    }
    totals = Counter(name for one in issues for name in one.labels)
    for name, counts in report.labels.items():
        assert counts["test"] == pytest.approx(totals[name] / 10, abs=2)
        assert counts["validation"] == pytest.approx(totals[name] / 10, abs=2)
    found, by_group = splits(tmp_path), dict[str, set[str]]()
    for one in issues:
        by_group.setdefault(one.group, set()).add(found[one.number])
    assert all(len(one) == 1 for one in by_group.values())
    assert max(Counter(one.group for one in issues).values()) > 1


def test_the_seed_decides_and_the_same_seed_decides_the_same(tmp_path: Path) -> None:
    place(tmp_path, many(200))
    found = []
    for seed in (1, 1, 2):
        split(tmp_path, LABELS, Wanted(seed=seed, keep_test=False))
        found.append(splits(tmp_path))
    assert found[0] == found[1] != found[2]


def test_a_later_split_keeps_the_test_rows_and_gets_none_that_was_trained_on(tmp_path: Path) -> None:
    issues = many(200)
    split(place(tmp_path, issues), LABELS)
    before = splits(tmp_path)
    more = [
        replace(one, id=f"o/r#{one.number + 1000}", number=one.number + 1000, group=f"n{one.group}") for one in issues
    ]
    report = split(place(tmp_path, [*issues, *more]), LABELS, Wanted(seed=9))
    after = splits(tmp_path)
    tested = {number for number, part in before.items() if part == "test"}
    assert {number for number in after if number <= 200 and after[number] == "test"} == tested
    assert (report.kept_test, report.lost_test) == (len(tested), 0)
    assert sum(after[number] == "test" for number in after if number > 1000) == pytest.approx(20, abs=3)
    split(tmp_path, LABELS, Wanted(seed=9, keep_test=False))
    assert {number for number, part in splits(tmp_path).items() if number <= 200 and part == "test"} != tested


def test_what_comes_to_be_linked_with_a_test_row_leaves_training(tmp_path: Path) -> None:
    issues = many(50)
    split(place(tmp_path, issues), LABELS)
    before = splits(tmp_path)
    tested = next(number for number, part in before.items() if part == "test")
    trained = next(number for number, part in before.items() if part == "train")
    linked = [replace(one, group="all") if one.number in (tested, trained) else one for one in issues]
    report = split(place(tmp_path, [*linked, replace(issue(99, "bug"), group="all")]), LABELS)
    after = splits(tmp_path)
    assert (after[tested], after[99], trained in after) == ("test", "test", False)
    assert report.left_out == {"linked with a test row, and trained on before or older": 1}


def test_a_test_row_that_is_gone_is_counted(tmp_path: Path) -> None:
    issues = many(50)
    split(place(tmp_path, issues), LABELS)
    tested = [number for number, part in splits(tmp_path).items() if part == "test"]
    report = split(place(tmp_path, [one for one in issues if one.number != tested[0]]), LABELS)
    assert (report.kept_test, report.lost_test) == (len(tested) - 1, 1)


def test_by_time_the_test_rows_are_the_newest_and_older_kin_stays_out(tmp_path: Path) -> None:
    issues = [issue(n, "bug", "docs", created_at=f"2026-01-{n:02d}T10:00:00Z") for n in range(1, 31)]
    issues[4] = replace(issues[4], group="kin")
    issues[24] = replace(issues[24], group="kin")
    report = split(place(tmp_path, issues), LABELS, Wanted(test_from="2026-01-21"))
    found = splits(tmp_path)
    assert {number for number, part in found.items() if part == "test"} == set(range(21, 31))
    assert set(found) == set(range(1, 31)) - {5}
    assert report.rows == {"train": 17, "validation": 2, "test": 10}
    with pytest.raises(InputError, match="no labelled issue is from 2026-02-01"):
        split(tmp_path, LABELS, Wanted(test_from="2026-02-01", keep_test=False))


def test_what_was_trained_on_is_no_test_row_by_time_either(tmp_path: Path) -> None:
    issues = [issue(n, "bug", created_at=f"2026-01-{n:02d}T10:00:00Z") for n in range(1, 31)]
    split(place(tmp_path, issues), LABELS)
    before = splits(tmp_path)
    report = split(tmp_path, LABELS, Wanted(test_from="2026-01-21"))
    after = splits(tmp_path)
    assert {number for number, part in after.items() if part == "test"} == {n for n, p in before.items() if p == "test"}
    gone = {number for number in range(21, 31) if before[number] != "test"}
    assert set(after) == set(range(1, 31)) - gone
    assert report.left_out == {"trained on before, and as new as the test set": len(gone)}


def test_synthetic_rows_are_training_rows_of_the_split_they_were_written_from(tmp_path: Path) -> None:
    written = [Prepared("synthetic#77", "", None, "t", "b", ("docs",), "synthetic#77", "", "synthetic")]
    split(place(tmp_path, many(50)), LABELS)
    report = split(place(tmp_path, many(50), written=written), LABELS)
    row = dataset(tmp_path)[77]
    assert (row.split, row.source, row.labels, report.sources["synthetic"]) == ("train", "synthetic", ("docs",), 1)
    # Nor does a later split take it in, which keeps a test set that may hold what the model was shown.
    for wanted in (Wanted(keep_test=False), Wanted(), Wanted(seed=4)):
        assert split(tmp_path, LABELS, wanted).left_out == {"synthetic, of another split": 1}
        assert 77 not in dataset(tmp_path)
    assert not read_written(tmp_path)


def test_a_row_that_was_away_comes_back_to_its_side_of_the_test_set(tmp_path: Path) -> None:
    issues = many(200)
    split(place(tmp_path, issues), LABELS)
    before = splits(tmp_path)
    for there in (issues[:90], issues[60:150], issues):
        split(place(tmp_path, there), LABELS, Wanted(seed=len(there)))
    after = splits(tmp_path)
    assert {n for n, part in after.items() if part == "test"} == {n for n, part in before.items() if part == "test"}
    split(tmp_path, LABELS, Wanted(seed=9, keep_test=False))
    assert {n for n, part in splits(tmp_path).items() if part == "test"} != {n for n in before if before[n] == "test"}


def test_a_damaged_memory_of_the_splits_is_named(tmp_path: Path) -> None:
    split(place(tmp_path, many(20)), LABELS)
    for text in ("[]", "{"):
        (tmp_path / "split.json").write_text(text)
        with pytest.raises(InputError, match="split.json: damaged"):
            split(tmp_path, LABELS)


def test_labels_with_few_rows_are_reported_by_split(tmp_path: Path) -> None:
    report = split(place(tmp_path, [issue(n, "bug") for n in range(1, 101)] + [issue(101, "docs")]), LABELS)
    assert report.few() == {"question": ["train", "validation", "test"], "docs": ["train", "validation", "test"]}


def test_nothing_to_split_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no issues"):
        split(tmp_path, LABELS)
    with pytest.raises(InputError, match="no issue has labels that count .no label of the list: 1"):
        split(place(tmp_path, [issue(1)]), LABELS)
    assert not (tmp_path / "dataset.csv").exists()


def test_a_part_that_has_more_than_its_share_already_takes_from_the_others_in_proportion() -> None:
    fixed = [Group(1, Counter(bug=1), {2})] * 40
    groups = fixed + [Group(1, Counter(bug=1), {0, 1, 2})] * 60
    assert Counter(stratify(groups, (0.8, 0.1, 0.1))[40:]) == {0: pytest.approx(53, abs=1), 1: pytest.approx(7, abs=1)}


def test_a_group_larger_than_any_small_part_goes_to_the_large_one() -> None:
    groups = [Group(30, Counter(bug=30), {0, 1, 2}), *[Group(1, Counter(bug=1), {0, 1, 2})] * 70]
    found = stratify(groups, (0.8, 0.1, 0.1))
    assert found[0] == 0
    assert Counter(found[1:]) == {0: 50, 1: 10, 2: 10}


def test_the_rarest_label_is_in_every_part_that_it_suffices_for() -> None:
    chance = random.Random(0)
    groups = [Group(1, Counter({"bug": 1, **({"rare": 1} if i < 10 else {})}), {0, 1, 2}) for i in range(500)]
    chance.shuffle(groups)
    found = stratify(groups, (0.8, 0.1, 0.1))
    assert Counter(part for part, group in zip(found, groups, strict=True) if "rare" in group.labels) == {
        0: 8,
        1: 1,
        2: 1,
    }
    assert Counter(found) == {0: 400, 1: 50, 2: 50}


def test_rows_without_labels_are_divided_by_number() -> None:
    assert Counter(stratify([Group(1, Counter(), {0, 1, 2})] * 100, (0.5, 0.5, 0.0))) == {0: 50, 1: 50}


def test_the_command_shows_rows_by_label_and_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place(tmp_path, many(100))
    assert main(["split", str(tmp_path), "--shares", "70/15/15", "--seed", "3"]) == 0
    captured = capsys.readouterr()
    assert "all rows" in captured.out
    assert "docs" in captured.err
    assert main(["split", str(tmp_path), "--json"]) == 0
    captured = capsys.readouterr()
    assert sum(json.loads(captured.out)["rows"].values()) == 100
    assert "stay test rows" in captured.err


@pytest.mark.parametrize(
    "options",
    [["--shares=80/20"], ["--shares=0/50/50"], ["--test-from=2026-13-01"], ["--min-agreement=2"], ["--labels-from=me"]],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: list[str]) -> None:
    assert main(["split", str(place(tmp_path, many(10))), *options]) == 2
    assert not (tmp_path / "dataset.csv").exists()
