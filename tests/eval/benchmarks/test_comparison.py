from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from eval.benchmarks.comparison import TUNED, Entrant, Meter, all_systems, compare, entrants
from eval.cli import main
from eval.metrics.predictions import read_answers
from eval.speed.cold import Cold, cold_file, cold_start
from eval.systems.gemini import gemini_models
from eval.systems.generation import Detokenizer
from eval.systems.models import Answer, FewShot
from eval.systems.simple import Majority
from eval.systems.system import Output, Task
from labeler.base.examples import Examples, Splits, read_splits
from labeler.base.f1 import micro_f1
from labeler.base.reader import Reader
from labeler.base.store import Store
from labeler.data.dataset import Row, read_dataset, write_dataset
from labeler.errors import LabelerError, UsageError
from labeler.labels.label_set import Label, LabelSet
from labeler.text.issue import Issue
from tests.models import write_bundle
from tests.standins.gemini import GeminiServer

THREE = LabelSet((Label("bug"), Label("enhancement"), Label("question")))
TEXTS = ("The application crashes when I open a file", "Please add support for dark mode", "How do I configure this")


def made(name: str, count: int, more: str = "") -> Examples:
    issues = tuple(Issue(f"{TEXTS[i % 3]}, {name} {i}", more * (i % 4)) for i in range(count))
    truth = np.arange(count)[:, None] % 3 == np.arange(3)
    return Examples(tuple(f"{name}-{i}" for i in range(count)), issues, truth, np.ones_like(truth))


SPLITS = Splits("made", THREE, made("train", 18), made("validation", 9), made("test", 9, " open the menu"), "")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("compare")
    return write_bundle(folder / "tuned", THREE), write_bundle(folder / "base", THREE, seed=1)


@dataclass
class Witness:
    """A system that notes what it is shown."""

    key: str = "witness"
    name: str = "witness"
    needs: str = ""
    fitted: list[Task] = field(default_factory=list, repr=False)
    asked: list[Sequence[Issue]] = field(default_factory=list, repr=False)

    def fit(self, task: Task) -> Shown:
        self.fitted.append(task)
        return Shown(self.asked)


@dataclass
class Shown:
    asked: list[Sequence[Issue]]
    thresholds: None = None
    size_bytes: int = 5_000_000

    def __call__(self, issues: Sequence[Issue]) -> Output:
        self.asked.append(issues)
        return Output(np.ones((len(issues), 3), dtype=bool))


@dataclass(frozen=True)
class Broken:
    """Fitted, but of no use in another process."""

    def __call__(self, issues: Sequence[Issue]) -> Output:
        raise RuntimeError("the file is gone")


def test_every_system_answers_the_same_test_issues(bundles: tuple[Path, Path]) -> None:
    tuned, base = (Reader(folder, THREE, Store(None)) for folder in bundles)
    chosen = entrants("all", {"tuned": tuned}, base)
    assert [entrant.key for entrant in chosen] == [
        *(key for key in all_systems() if key not in TUNED), *TUNED
    ]  # fmt: skip
    comparison = compare(SPLITS, chosen, Store(None), cold_runs=0)
    assert comparison.main == "shipped"
    assert (comparison.train_size, comparison.validation_size, len(comparison.test)) == (18, 9, 9)
    for result in comparison.results:
        assert result.predicted.shape == (9, 3)
        assert result.probabilities is None or ((result.probabilities >= 0) & (result.probabilities <= 1)).all()
        if result.thresholds is not None and result.probabilities is not None:
            np.testing.assert_array_equal(result.predicted, result.probabilities >= np.array(result.thresholds))
    assert comparison.result("zero-shot-free").answers is not None
    learned = comparison.result("linear")
    assert micro_f1(SPLITS.test.truth, learned.predicted) == 1.0


def test_test_issues_are_asked_once_and_never_shown_while_fitting() -> None:
    witness = Witness()
    compare(SPLITS, [Entrant(witness)], Store(None), cold_runs=0)
    (task,) = witness.fitted
    assert (task.train, task.validation) == (SPLITS.train, SPLITS.validation)
    assert witness.asked == [SPLITS.test.issues]


def test_a_second_comparison_computes_nothing_and_finds_the_same(tmp_path: Path) -> None:
    witness, said = Witness(), []
    first = compare(SPLITS, [Entrant(witness)], Store(tmp_path), cold_runs=0, say=said.append)
    second = compare(SPLITS, [Entrant(witness)], Store(tmp_path), cold_runs=0, say=said.append)
    assert len(witness.fitted) == 1
    assert said == ["witness"]
    (before,), (after,) = first.results, second.results
    np.testing.assert_array_equal(before.predicted, after.predicted)
    assert replace(before, predicted=None) == replace(after, predicted=None)


@pytest.mark.parametrize("change", ["test truth", "train issue", "labels", "parameter"])
def test_whatever_a_result_depends_on_makes_it_be_computed_anew(tmp_path: Path, change: str) -> None:
    witness, splits, store = Witness(), SPLITS, Store(tmp_path)
    compare(splits, [Entrant(witness)], store, cold_runs=0)
    if change == "test truth":
        splits = replace(splits, test=replace(splits.test, truth=~splits.test.truth))
    elif change == "train issue":
        splits = replace(splits, train=replace(splits.train, issues=(Issue("other"), *splits.train.issues[1:])))
    elif change == "labels":
        splits = replace(splits, labels=LabelSet((*THREE.labels[:2], Label("support"))))
    else:
        witness = replace(witness, name="another")
    compare(splits, [Entrant(witness)], store, cold_runs=0)
    assert len(witness.fitted) == 2


def test_what_was_read_long_ago_still_counts_in_the_time_an_issue_takes(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    readings = Store(tmp_path)
    seconds = Reader(bundles[0], THREE, readings).read(SPLITS.test.issues).seconds
    reader = Reader(bundles[0], THREE, readings)
    comparison = compare(SPLITS, entrants("head", {"m": reader}, None), Store(None), cold_runs=0)
    for key in ("greedy", "thresholds", "head"):
        assert comparison.result(key).seconds_an_issue >= seconds
    assert comparison.result("head").fit_seconds >= reader.read(SPLITS.train.issues).seconds * 18
    assert comparison.result("greedy").fit_seconds < seconds


def test_a_size_is_the_pickle_and_what_lies_beside_it(bundles: tuple[Path, Path]) -> None:
    (found,) = compare(SPLITS, [Entrant(Witness())], Store(None), cold_runs=0).results
    assert 5 < found.size_megabytes < 5.1
    bundle = sum(file.stat().st_size for file in bundles[0].iterdir()) / 1e6
    models = {"m": Reader(bundles[0], THREE, Store(None))}
    for result in compare(SPLITS, entrants("head", models, None), Store(None), cold_runs=0).results:
        assert bundle < result.size_megabytes < bundle + 0.1


def test_a_cold_start_is_a_process_of_its_own_with_its_own_peak_memory() -> None:
    held = np.ones(50_000_000)  # 400 MB that are not the child's
    started = cold_start(Majority().fit(Task(SPLITS.train, SPLITS.validation, THREE)), Issue("Crash"), runs=1)
    assert isinstance(started, Cold)
    assert 0.05 < started.seconds < 60
    assert 10 < started.megabytes < held.nbytes / 2e6


def test_models_and_bundles_answer_in_a_process_of_their_own(bundles: tuple[Path, Path]) -> None:
    reader = Meter(Reader(bundles[0], THREE, Store(None)))
    task = Task(SPLITS.train, SPLITS.validation, THREE, reader, reader)  # type: ignore[arg-type]
    assert cold_start(FewShot(shots=1).fit(task), Issue("Crash"), runs=1).megabytes > 10
    assert cold_file(bundles[0], Issue("Crash"), runs=1).megabytes > 10


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(LabelerError, match="the file is gone"):
        cold_start(Broken(), Issue("Crash"), runs=1)


def test_an_unknown_system_and_a_missing_base_are_refused_with_the_names_there_are(bundles: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match=r"magic.*(.|\n)*linear"):
        entrants("linear, magic", {}, None)
    with pytest.raises(UsageError, match="--base"):
        entrants("zero-shot", {}, None)
    assert [entrant.key for entrant in entrants("none", {}, None)] == []
    untuned = {"zero-shot", "zero-shot-free", "few-shot"}
    assert not untuned & {entrant.key for entrant in entrants("all", {}, None)}
    reader = Reader(bundles[0], THREE, Store(None))
    assert untuned <= {entrant.key for entrant in entrants("linear", {}, reader)}
    assert untuned & {entrant.key for entrant in entrants("zero-shot", {}, reader)} == {"zero-shot"}


def test_two_models_are_told_apart_and_the_first_one_reads_for_the_baselines(bundles: tuple[Path, Path]) -> None:
    first, second = (Reader(folder, THREE, Store(None)) for folder in bundles)
    chosen = entrants("head", {"new": first, "old": second}, None)
    assert [entrant.key for entrant in chosen] == [
        "head", *(f"{key}:{model}" for model in ("new", "old") for key in TUNED)
    ]  # fmt: skip
    assert [entrant.reader for entrant in chosen] == [first] * 4 + [second] * 3
    assert compare(SPLITS, chosen, Store(None), cold_runs=0).main == "shipped:new"


def test_few_shot_shows_the_nearest_issues_as_turns_with_their_labels_the_nearest_last(
    bundles: tuple[Path, Path],
) -> None:
    reader = Reader(bundles[1], THREE, Store(None))
    shown = FewShot(shots=2, example_tokens=200).fit(Task(SPLITS.train, SPLITS.validation, THREE, base=reader))
    embedding = reader.read(SPLITS.train.issues).embeddings[4]
    order = np.argsort(-(reader.read(SPLITS.train.issues).embeddings @ embedding), kind="stable")[:2]
    assert order[0] == 4
    turns = [
        f"{SPLITS.train.issues[i].title}<end_of_turn>\n<start_of_turn>model\n{THREE.names[i % 3]}<end_of_turn>\n"
        "<start_of_turn>user\nIssue:\n"
        for i in (order[1], 4)
    ]
    assert Detokenizer(bundles[1])(shown.shown(embedding)) == "".join(turns)


def test_few_shot_without_examples_is_zero_shot_and_with_them_is_not(bundles: tuple[Path, Path]) -> None:
    task = Task(SPLITS.train, SPLITS.validation, THREE, base=Reader(bundles[1], THREE, Store(None)))
    plain = Answer.zero_shot().fit(task)(SPLITS.test.issues)
    none, some = (FewShot(shots=shots).fit(task)(SPLITS.test.issues) for shots in (0, 3))
    np.testing.assert_array_equal(none.predicted, plain.predicted)
    np.testing.assert_allclose(none.probabilities, plain.probabilities, atol=1e-5)
    assert np.abs(some.probabilities - plain.probabilities).max() > 1e-3


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABELER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "labels.yml").write_text("- bug\n- enhancement\n- question\n")
    (folder / "sources.yml").write_text("partly: [bug, question]\n")
    parts = {"train": SPLITS.train, "validation": SPLITS.validation, "test": SPLITS.test}
    rows = [
        Row(key, title=issue.title, body=issue.body, labels=(THREE.names[i % 3],), split=name,
            source="partly" if i % 3 == 0 else "")
        for name, part in parts.items()
        for i, (key, issue) in enumerate(zip(part.ids, part.issues, strict=True))
    ]  # fmt: skip
    write_dataset(folder / "dataset.csv", rows)
    return folder


def test_predictions_are_what_eval_score_reads_and_score_the_same(
    dataset: Path, bundles: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.jsonl"
    given = ["compare", "--data", str(dataset), "--model", str(bundles[0]), "--base", str(bundles[1])]
    given += ["--baselines", "majority,linear,zero-shot-free", "--cold-runs", "0", "--json"]
    assert main([*given, "--predictions", str(answers)]) == 0
    document = json.loads(capsys.readouterr().out)
    micro = {system["key"]: system["micro_f1"]["value"] for system in document["systems"]}
    error = {system["key"]: system["calibration_error"] for system in document["systems"]}
    read = read_answers(answers, THREE)
    assert set(read) == set(micro) == {"majority", "linear", "zero-shot-free", *TUNED}
    assert all(len(lines) == 9 for lines in read.values())
    assert main(["score", str(answers), "--labels", str(dataset / "labels.yml"), "--json"]) == 0
    scored = {found["system"]: found for found in json.loads(capsys.readouterr().out)["systems"]}
    for key in ("majority", "linear", "greedy", "thresholds"):
        assert scored[key]["all_rows"]["micro_f1"]["value"] == pytest.approx(micro[key]), key
    for key in ("linear", "greedy", "thresholds"):
        assert scored[key]["probabilities"]["calibration_error"] == pytest.approx(error[key], abs=1e-5), key


def test_the_table_names_n_every_system_and_what_they_cost(
    dataset: Path, bundles: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["compare", "--data", str(dataset), "--model", str(bundles[0]), "--baselines", "majority"]
    page = tmp_path / "report.html"
    assert main([*given, "--cold-runs", "1", "--html", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "n = 9 test issues (train 18, validation 9)" in printed
    for text in ("most frequent labels", "model, as it ships", "micro-F1 [95 %]", "mAP", "ECE", "cold", "MB"):
        assert text in printed
    assert "<html" in page.read_text(encoding="utf-8")
    assert "learning curve" not in page.read_text(encoding="utf-8").lower()
    points = [{"system": "linear", "size": size, "seed": 0, "micro_f1": 0.4, "macro_f1": 0.3} for size in (8, 16)]
    curve = {"points": points, "sha256": read_splits(dataset).sha256}
    (tmp_path / "curve.json").write_text(json.dumps(curve))
    with_curve = ["--html", str(page), "--curve", str(tmp_path / "curve.json")]
    assert main([*given, "--cold-runs", "1", *with_curve]) == 0
    assert "training issues, logarithmic" in page.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main([*given, "--curve", str(tmp_path / "curve.json")]) == 2
    (tmp_path / "curve.json").write_text(json.dumps(curve | {"sha256": "0" * 64}))
    assert main([*given, *with_curve]) == 1
    assert "of another dataset than" in capsys.readouterr().err
    assert main([*given, "--cold-runs", "1", "--markdown", "-"]) == 0
    assert "n = 9" in capsys.readouterr().out


def test_one_test_issue_without_a_label_gives_a_warning_and_valid_json(
    dataset: Path, bundles: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = dataset / "dataset.csv"
    rows = [row for row in read_dataset(file, THREE) if row.split != "test"]
    write_dataset(file, [*rows, Row("one", title="Nothing to label", split="test")])
    given = ["compare", "--data", str(dataset), "--model", str(bundles[0]), "--baselines", "all", "--cold-runs", "0"]
    assert main([*given, "--json"]) == 0
    printed = capsys.readouterr()
    assert "left out without --base: zero-shot, zero-shot-free, few-shot" in printed.err
    assert json.loads(printed.out, parse_constant=pytest.fail)["systems"][-1]["mean_average_precision"] is None
    assert main(given) == 0
    assert "With so few test issues (n = 1) the intervals are too narrow." in capsys.readouterr().out


def test_fewer_training_rows_are_a_stratified_slice(
    dataset: Path, bundles: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["compare", "--data", str(dataset), "--model", str(bundles[0]), "--baselines", "none", "--cold-runs", "0"]
    assert main([*given, "--train-rows", "6", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["train"] == 6
    assert main([*given, "--train-rows", "0"]) == 2
    assert "is no whole number from 1 up" in capsys.readouterr().err
    assert main([*given, "--cold-runs", "-1"]) == 2


def test_two_results_on_stdout_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--data", "x", "--model", "y", "--json", "--markdown", "-"]) == 2
    assert "stdout" in capsys.readouterr().err


@pytest.fixture
def gemini(monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    with GeminiServer() as server:
        monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
        monkeypatch.setenv("GEMINI_API_KEY", server.key)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        yield server


def test_a_gemini_model_stands_beside_the_others_and_no_answer_is_paid_for_twice(
    dataset: Path, bundles: tuple[Path, Path], gemini: GeminiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["compare", "--data", str(dataset), "--model", str(bundles[0]), "--baselines", "none", "--json"]
    given += ["--gemini", "gemini-x", "--price", "1,10"]
    assert main([*given, "--cold-runs", "0"]) == 0
    found = {system["key"]: system for system in json.loads(capsys.readouterr().out)["systems"]}
    assert set(found) == {"gemini-x", *TUNED}
    assert len(gemini.asked) == len(SPLITS.test)
    assert "US dollars" in found["gemini-x"]["note"]
    # Other results are not kept for other settings, but its answers are; a cold start asks anew.
    assert main([*given, "--cold-runs", "1"]) == 0
    assert len(gemini.asked) == len(SPLITS.test) + 1


def test_an_issue_that_gemini_does_not_answer_gets_no_label_and_is_asked_again(
    gemini: GeminiServer, tmp_path: Path
) -> None:
    issues = [Issue("A bug and a question"), Issue("A bug, blocked")]
    gemini.fault("safety", text="blocked")
    (system,) = gemini_models(["gemini-x"], ["1,10"], Store(tmp_path))
    task = Task(SPLITS.train, SPLITS.validation, THREE)
    first = system.fit(task)
    assert first(issues).answers == ("bug, question", "")
    assert first.note.endswith("1 issues without an answer")
    assert system.fit(task)(issues).answers == ("bug, question", "bug")
    assert len(gemini.asked) == 3
