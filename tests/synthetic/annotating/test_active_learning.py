from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.systems.embedded import Head
from eval.systems.system import Task
from labeler.base.examples import Examples
from labeler.base.f1 import micro_f1
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.data.dataset import Row, read_dataset, write_dataset
from labeler.errors import InputError
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue
from synthetic.annotating.active_learning import Active, active, pick, read_rounds, unsureness
from synthetic.cli import main
from synthetic.workspace.jsonl import write_lines
from synthetic.workspace.records import ANSWERS, DECISIONS, PREPARED, Answer, Decision, Prepared, to_line

LABELS = LabelSet(tuple(Label(name) for name in ("bug", "enhancement", "documentation", "question")))
THINGS = [
    "the importer",
    "our proxy",
    "dark mode",
    "the export page",
    "a nested list",
    "the cache",
    "printing",
    "login",
]
ENDS = ["on Windows", "since 2.3", "after an hour", "in the container", "with large files", "for guests", "offline", ""]
SAID = {
    "bug": ["{} crashes {}", "{} throws a TypeError {}", "wrong result from {} {}", "{} hangs {}, traceback below"],
    "enhancement": [
        "please add an option to {} {}",
        "support more formats in {} {}",
        "it would be nice if {} was faster",
    ],
    "documentation": [
        "typo in the guide to {} {}",
        "README says nothing of {} {}",
        "the docs for {} {} are out of date",
    ],
    "question": ["how do I turn on {} {}?", "what is {} good for {}?", "is it possible to use {} {}?"],
}


def written(count: int, seed: int) -> list[tuple[Issue, tuple[str, ...]]]:
    """Invented issues with their labels: some have two, and frequencies are uneven, as in life."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(1, count + 1):
        names = rng.choice(LABELS.names, size=1 + (rng.random() < 0.25), replace=False, p=[0.55, 0.25, 0.08, 0.12])
        parts = [rng.choice(SAID[name]).format(rng.choice(THINGS), rng.choice(ENDS)) for name in names]
        title, body = parts[0], f"Also {parts[1]}." if len(parts) > 1 else f"Seen {rng.choice(ENDS) or 'today'}."
        labels = tuple(name for name in LABELS.names if name in names)
        found.append((Issue(title, body, number, "o/n", id=f"o/n#{number}"), labels))
    return found


POOL = written(150, seed=0)
TEST = [(replace(issue, id=f"t{issue.number}"), labels) for issue, labels in written(80, seed=1)]


@pytest.fixture(scope="module")
def reader(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A small model that tells these labels apart; what it has read is kept for all tests of this file."""
    return Reader(taught, LABELS, Store(tmp_path_factory.mktemp("store")))


def examples(rows: Sequence[tuple[Issue, tuple[str, ...]]]) -> Examples:
    truth = np.array([[name in labels for name in LABELS.names] for _, labels in rows])
    issues = tuple(issue for issue, _ in rows)
    return Examples(tuple(issue.id for issue in issues), issues, truth, np.ones_like(truth))


def simulated(reader: Reader, draws: Sequence[int], *, at_random: bool) -> np.ndarray:
    """Micro-F1 on the test issues after each round of labelling, mean over the draws: 20 at first, 12 more each."""
    pool, test = examples(POOL), examples(TEST)
    embeddings = reader.read(pool.issues).embeddings
    runs = []
    for draw in draws:
        rng = np.random.default_rng(draw)
        order = rng.permutation(len(pool))
        validation, labelled, left = pool.take(order[:30]), list(order[30:50]), list(order[50:])
        scores = []
        for _ in range(5):
            head = Head(strengths=(0.01,)).fit(Task(pool.take(labelled), validation, LABELS, reader))
            scores.append(micro_f1(test.truth, head(test.issues).predicted))
            found = head([pool.issues[i] for i in left]).probabilities
            unsure = unsureness(found, np.array(head.thresholds), "entropy")
            chosen = list(rng.permutation(len(left))[:12]) if at_random else pick(unsure, embeddings[left], 12)
            labelled += [left[i] for i in chosen]
            left = [one for place, one in enumerate(left) if place not in chosen]
        runs.append(scores)
    return np.mean(runs, axis=0)


def test_picked_issues_teach_no_less_than_random_ones(reader: Reader) -> None:
    draws = range(5)
    ours, chance = (simulated(reader, draws, at_random=at_random) for at_random in (False, True))
    print("\nlabelled issues   ", *(f"{20 + 12 * i:>6}" for i in range(5)))
    print("picked, micro-F1  ", *(f"{score:>6.3f}" for score in ours))
    print("random, micro-F1  ", *(f"{score:>6.3f}" for score in chance))
    assert ours[0] == chance[0]
    assert ours[1:].mean() >= chance[1:].mean() - 0.005


def test_of_ten_copies_of_one_question_one_is_picked(reader: Reader) -> None:
    body = "I could not find out how it is done with large files in the container. Is there a way since 2.3?"
    copies = [Issue(f"How do I turn on the frobnicator{mark}", body) for mark in "?!.,;:-_~*"]
    issues = [*(issue for issue, _ in POOL[:40]), *copies]
    unsure = np.array([0.5] * 40 + [0.9] * 10)
    chosen = pick(unsure, reader.read(issues).embeddings, 12)
    assert sum(i >= 40 for i in chosen) == 1
    assert chosen[0] >= 40


def test_the_most_unsure_come_first_and_never_twice() -> None:
    rng = np.random.default_rng(0)
    embeddings, unsure = rng.normal(size=(30, 8)).astype(np.float32), rng.random(30)
    chosen = pick(unsure, embeddings, 30)
    assert chosen[0] == unsure.argmax()
    assert sorted(chosen) == list(range(30))
    assert pick(unsure, embeddings, 99) == chosen
    assert pick(unsure, embeddings, 5) == chosen[:5]
    assert sorted(pick(unsure, np.zeros((30, 8), np.float32), 30)) == list(range(30))


def test_margin_is_the_share_of_the_way_from_the_threshold() -> None:
    thresholds = np.array([0.2, 0.6])
    found = unsureness(np.array([[0.2, 1.0], [0.0, 1.0], [0.1, 0.0], [0.6, 0.9]]), thresholds, "margin")
    assert found.tolist() == pytest.approx([1.0, 0.0, 0.5, 0.5])


def test_entropy_is_the_mean_over_the_labels_in_bits() -> None:
    found = unsureness(np.array([[0.5, 0.5], [1.0, 0.0], [0.5, 1.0]]), np.zeros(2), "entropy")
    assert found.tolist() == pytest.approx([1.0, 0.0, 0.5], abs=1e-9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 issues, none labelled."""
    work = tmp_path / "work"
    issues = [Prepared(issue.id, "o/n", issue.number, issue.title, issue.body, (), issue.id) for issue, _ in POOL[:60]]
    write_lines(work / PREPARED, map(to_line, issues))
    (work / "labels.yml").write_text("".join(f"- {name}\n" for name in LABELS.names))
    return work


def with_dataset(folder: Path, train: int = 25, held_out: int = 20) -> None:
    splits = ["train"] * train + ["test"] * (held_out - 5) + ["validation"] * 5
    rows = [
        Row(issue.id, "o/n", issue.number, issue.title, issue.body, labels, split)
        for (issue, labels), split in zip(POOL, splits, strict=False)
    ]
    write_dataset(folder / "dataset.csv", rows)


def ids(found: Active) -> list[str]:
    return [one.issue.id for one in found.picks]


def test_what_is_answered_decided_or_held_out_is_not_picked(folder: Path, reader: Reader) -> None:
    with_dataset(folder)
    answers = [Answer("o/n#50", "m", ("bug",), "p"), Answer("o/n#51", "m", None, "p", error="blocked")]
    write_lines(folder / ANSWERS, map(to_line, answers))
    write_lines(folder / DECISIONS, [to_line(Decision("o/n#52", None, "ann", ""))])
    found = active(folder, reader, 99)
    open_ = {f"o/n#{n}" for n in (*range(1, 26), *range(46, 61))} - {"o/n#50", "o/n#52"}
    assert set(ids(found)) == open_
    assert found.unlabelled == len(open_)


def test_the_model_itself_is_asked_until_there_are_enough_training_rows(folder: Path, reader: Reader) -> None:
    first = active(folder, reader, 10).rounds[-1]
    assert (first.asked, first.labelled, first.tested, first.head) == ("bundle", 0, 0, None)
    with_dataset(folder, train=19)
    assert active(folder, reader, 10).rounds[-1].asked == "bundle"
    with_dataset(folder)
    last = active(folder, reader, 10).rounds[-1]
    assert (last.asked, last.labelled, last.tested) == ("head", 25, 15)


def test_the_history_tells_what_the_labels_brought(folder: Path, reader: Reader) -> None:
    with_dataset(folder)
    active(folder, reader, 5, "margin")
    more = [Row(issue.id, "o/n", issue.number, issue.title, issue.body, names, "train") for issue, names in POOL[45:60]]
    write_dataset(folder / "dataset.csv", [*list(read_dataset(folder / "dataset.csv")), *more])
    active(folder, reader, 5)
    first, second = read_rounds(folder)
    assert (first.by, second.by) == ("margin", "entropy")
    assert (first.labelled, second.labelled) == (25, 40)
    assert first.test == second.test
    assert first.bundle == second.bundle
    assert first.head is not None
    assert second.head is not None
    assert 0 < first.head <= 1


def test_with_nothing_left_to_label_it_says_so(folder: Path, reader: Reader) -> None:
    write_lines(folder / DECISIONS, [to_line(Decision(f"o/n#{n}", ("bug",), "ann", "")) for n in range(1, 61)])
    with pytest.raises(InputError, match="every issue has an answer"):
        active(folder, reader, 5)


def test_a_damaged_history_is_named(folder: Path, reader: Reader) -> None:
    (folder / "active.json").write_text('{"rounds": [{"at": 1}]}')
    with pytest.raises(InputError, match=r"active\.json: damaged"):
        active(folder, reader, 5)


def test_the_command_writes_the_ids_that_annotate_and_review_take(
    folder: Path, taught: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    with_dataset(folder)
    assert main(["active", str(folder), "--model", str(taught), "--count", "5"]) == 0
    out = capsys.readouterr().out
    found = json.loads((folder / "picked.json").read_text())
    assert len(found) == 5
    assert all(one in out for one in found)
    assert " ".join(out.split()).count("a head fitted on the training rows") == 1
    assert main(["active", str(folder), "--model", str(taught), "--count", "5", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in document["picks"]] == found
    assert len(document["rounds"]) == 2
