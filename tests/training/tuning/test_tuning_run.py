"""`python -m training run`, from dataset and base to the adapter and its records."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import Gemma3ForCausalLM

from eval.data.rows import Labelled
from labeler.errors import LabelerError
from labeler.model.tokenizer import LibraryTokenizer
from labeler.text.answer import Grammar
from labeler.text.issue import Issue
from tests.training.small import LABELS, make_rows, small_settings, write_base, write_folder
from training.cli import main
from training.rows.batching import in_order
from training.rows.collate import collate, count_answers_only
from training.rows.rows_by_split import read_tuning_data
from training.tuning.prepare import prepare
from training.tuning.run_record import read_record, read_result
from training.tuning.scoring import Question, _Walk, answers, micro_f1
from training.tuning.settings import as_toml, read_settings
from training.tuning.tuning_run import run

pytestmark = pytest.mark.training

SETTINGS = small_settings(epochs=4, learning_rate=2e-2, score_rows=16, rank=8, alpha=8.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "made", make_rows(120))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("bases") / "base")


@pytest.fixture(scope="module")
def tuned(data: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tuned"
    run(SETTINGS, data, str(base), folder, bundle=False)
    return folder


def test_a_run_learns_and_keeps_the_best_checkpoint(tuned: Path) -> None:
    lines = [json.loads(line) for line in (tuned / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    evaluations = {line["step"]: line["validation_loss"] for line in lines if "validation_loss" in line}
    result = read_result(tuned)
    assert result.validation_loss == min(evaluations.values()) == evaluations[result.best_step]
    assert list(evaluations)[-1] == result.steps == len(losses)
    assert all(line["tokens_per_second"] > 0 for line in lines if "loss" in line)


def test_plain_peft_loads_the_adapter_and_reaches_the_recorded_loss(tuned: Path, data: Path, base: Path) -> None:
    model = PeftModel.from_pretrained(Gemma3ForCausalLM.from_pretrained(base), tuned / "adapter").eval()
    prepared = prepare(SETTINGS, data, str(base), tuned, "peft")
    count_answers_only(model.get_base_model())
    batches = in_order([prepared.encoder(row, None) for row in prepared.data.validation], SETTINGS)
    with torch.no_grad():
        total = sum(float(model(**collate(batch))["loss"]) for batch in batches)
    expected = read_result(tuned).validation_loss
    assert total / sum(batch.counted for batch in batches) == pytest.approx(expected, rel=1e-4)


def test_the_record_holds_all_that_is_needed_to_do_it_again(tuned: Path, data: Path) -> None:
    record = read_record(tuned)
    assert record.status == "tuned"
    assert record.settings == SETTINGS
    assert read_settings(str(tuned / "preset.toml")) == SETTINGS
    assert record.data.sha256 == read_tuning_data(data).sha256
    assert record.plan.rows == {"train": 84, "validation": 24, "test": 12}
    assert {"torch", "transformers", "peft", "issue-labeler"} <= set(record.versions)


def test_a_run_can_take_some_of_the_rows_and_says_so(data: Path, base: Path, tmp_path: Path) -> None:
    settings = small_settings(epochs=2, rows=20)
    prepared = prepare(settings, data, str(base), tmp_path / "run", "peft")
    assert prepared.plan.rows == {"train": 20, "validation": 24, "test": 12}
    seen = [{example.ids.tobytes() for batch in prepared.batches if batch.epoch == epoch for example in batch.examples}
            for epoch in (0, 1)]  # fmt: skip
    assert len(seen[0]) == len(seen[1]) == 20
    again = prepare(settings, data, str(base), tmp_path / "again", "peft").data.train
    assert [row.issue.id for row in again] == [row.issue.id for row in prepared.data.train]
    other = read_tuning_data(data).with_rows(20, seed=1).train
    assert {row.issue.id for row in other} != {row.issue.id for row in again}
    assert read_tuning_data(data).with_rows(1000, 0).train == read_tuning_data(data).train


def test_the_course_is_drawn(tuned: Path) -> None:
    root = ET.parse(tuned / "loss.svg").getroot()
    text = " ".join("".join(element.itertext()) for element in root.iter() if element.tag.endswith("text"))
    for part in ("training", "validation", "micro-F1", "step"):
        assert part in text


def test_embeddings_and_norms_trained_whole_are_saved_beside_the_adapter(
    data: Path, base: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    settings = small_settings(epochs=1, train_embeddings=True, train_norms=True)
    result = run(settings, data, str(base), tmp_path / "run", bundle=False)
    whole = load_file(result.adapter / "whole.safetensors")
    before = Gemma3ForCausalLM.from_pretrained(base).state_dict()
    assert {name for name in before if "norm" in name or "embed_tokens" in name} == set(whole)
    assert all(not torch.equal(whole[name], before[name]) for name in whole)


def test_training_stops_where_the_validation_figure_no_longer_gains(data: Path, base: Path, tmp_path: Path) -> None:
    # No loss falls by 100 nats: after the first evaluation none counts as a gain.
    settings = small_settings(epochs=3, evaluations=4, patience=2, min_change=100.0)
    result = run(settings, data, str(base), tmp_path / "run", bundle=False)
    evaluate_every = read_record(tmp_path / "run").plan.evaluate_every
    assert result.steps == 3 * evaluate_every


def test_the_best_checkpoint_can_be_that_of_micro_f1_and_a_watcher_can_stop(
    data: Path, base: Path, tmp_path: Path
) -> None:
    seen: dict[int, dict[str, float]] = {}

    def watch(step: int, metrics: dict[str, float]) -> bool:
        seen[step] = metrics
        return len(seen) == 3

    settings = small_settings(epochs=4, select_on="micro_f1", score_rows=24)
    result = run(settings, data, str(base), tmp_path / "run", bundle=False, watch=watch)
    scores = {step: metrics["eval_micro_f1"] for step, metrics in seen.items()}
    assert len(scores) == 3
    assert result.steps == max(scores)
    assert result.validation_micro_f1 == pytest.approx(max(scores.values()), abs=1e-6)


def test_early_stopping_can_wait_for_micro_f1(data: Path, base: Path, tmp_path: Path) -> None:
    # Nothing is learnt, so that the second evaluation is no better than the first.
    settings = replace(SETTINGS, learning_rate=1e-9, select_on="micro_f1", patience=1, min_change=0.0)
    result = run(settings, data, str(base), tmp_path / "run", bundle=False)
    assert result.steps == 2 * read_record(tmp_path / "run").plan.evaluate_every
    assert result.validation_micro_f1 is not None


@pytest.mark.parametrize(
    ("schedule", "shape"),
    [
        ("plateau", lambda rates: rates[5] == rates[10] == 1.0 and rates[-1] < 0.2),
        ("cosine", lambda rates: 1.0 > rates[10] > rates[-1] and rates[-1] < 0.1),
        ("linear", lambda rates: rates[5] - rates[10] == pytest.approx(rates[10] - rates[15])),
        ("constant", lambda rates: set(rates[4:]) == {1.0}),
    ],
)
def test_the_learning_rate_follows_its_schedule_after_a_warm_up_by_share(
    data: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], schedule: str, shape: Any
) -> None:
    settings = small_settings(epochs=1, evaluations=1, schedule=schedule, warmup=0.2, decay=0.4)
    result = run(settings, data, str(base), tmp_path / "run", bundle=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    rates = [line["learning_rate"] / settings.learning_rate for line in lines if "loss" in line]
    assert len(rates) == result.steps == 21
    assert rates[:4] == pytest.approx([0.0, 0.25, 0.5, 0.75])
    assert shape(rates)
    assert re.search(r"about .* of training left at [\d,]+ tokens/s", capsys.readouterr().err)


def test_gradient_checkpointing_changes_no_loss(data: Path, base: Path, tmp_path: Path) -> None:
    losses = []
    for switch in ("on", "off"):
        settings = small_settings(epochs=1, gradient_checkpointing=switch, train_embeddings=True)
        run(settings, data, str(base), tmp_path / switch, bundle=False)
        lines = map(json.loads, (tmp_path / switch / "log.jsonl").read_text().splitlines())
        losses.append([line["loss"] for line in lines if "loss" in line])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_loss_that_is_no_number_ends_the_run_with_what_to_change(data: Path, base: Path, tmp_path: Path) -> None:
    settings = small_settings(epochs=1, learning_rate=1e30, clip=0.0)
    with pytest.raises(LabelerError, match="no longer a number") as ended:
        run(settings, data, str(base), tmp_path / "run", bundle=False)
    assert "learning_rate (it is 1e+30)" in ended.value.remedy


def test_the_command_splits_a_dataset_and_reports_as_json(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_folder(tmp_path / "data", make_rows(60, split=False))
    preset = tmp_path / "small.toml"
    preset.write_text(as_toml(small_settings(epochs=2), "small"))
    command = ["run", "--data", str(data), "--base", str(base), "--out", str(tmp_path / "run"), "--preset", str(preset)]
    assert main([*command, "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "an evaluation every" in shown.err
    assert not (tmp_path / "run" / "run.json").exists()
    assert main([*command, "--set", "epochs=1", "--no-bundle", "--json"]) == 0
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert result["adapter"] == str(tmp_path / "run" / "adapter")
    record = read_record(tmp_path / "run")
    assert record.data.path == str(tmp_path / "run" / "dataset" / "dataset.csv")
    assert record.plan.rows == {"train": 48, "validation": 6, "test": 6}
    assert main([*command, "--no-bundle"]) == 2
    assert "--resume" in capsys.readouterr().err


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, with a store in files."""
    package = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return package


def test_an_mlflow_run_holds_parameters_metrics_and_the_bundle(
    data: Path, base: Path, tmp_path: Path, mlflow: Any
) -> None:
    result = run(small_settings(epochs=1), data, str(base), tmp_path / "run", report_to="mlflow")
    client = mlflow.MlflowClient((tmp_path / "store").as_uri())
    kept = client.get_run(read_record(tmp_path / "run").mlflow_run)
    assert kept.info.status == "FINISHED"
    assert kept.data.params["tuning.rank"] == "4"
    assert kept.data.params["data.rows.train"] == "84"
    assert kept.data.metrics["best.validation_loss"] == pytest.approx(result.validation_loss)
    losses = client.get_metric_history(kept.info.run_id, "loss")
    assert len(losses) == result.steps
    assert client.get_metric_history(kept.info.run_id, "eval_loss")
    named = {item.path for item in client.list_artifacts(kept.info.run_id)}
    assert {"run.json", "log.jsonl", "loss.svg", "bundle"} <= named
    assert "bundle/bundle.json" in {item.path for item in client.list_artifacts(kept.info.run_id, "bundle")}
    # Given again, what is there is sent once more, to the same run.
    run(small_settings(epochs=1), data, str(base), tmp_path / "run", report_to="mlflow", resume=True)
    assert [found.info.run_id for found in client.search_runs([kept.info.experiment_id])] == [kept.info.run_id]


def test_a_run_that_fails_leaves_no_mlflow_run_open(
    data: Path, base: Path, tmp_path: Path, mlflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("training.tuning.trainer.AnswerTrainer.train", out_of_memory)
    with pytest.raises(LabelerError, match="memory ran out") as caught:
        run(small_settings(epochs=1), data, str(base), tmp_path / "run", report_to="mlflow")
    assert "batch_size" in caught.value.remedy
    assert mlflow.active_run() is None


def test_tensorboard_finds_the_course_in_the_runs_folder(data: Path, base: Path, tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    result = run(small_settings(epochs=1), data, str(base), tmp_path / "run", report_to="tensorboard", bundle=False)
    events = loader.EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert len(events.Scalars("train/loss")) == result.steps
    assert min(event.value for event in events.Scalars("eval/loss")) == pytest.approx(result.validation_loss, rel=1e-4)


def test_answers_in_batches_are_those_found_one_token_at_a_time(base: Path) -> None:
    tokenizer = LibraryTokenizer(base / "tokenizer.json")
    rng = np.random.default_rng(0)
    names = ("area/api", "area/api docs", "area/web", "bug", "ci/cd", "needs: bug")
    grammars = [Grammar(tokenizer, names), Grammar(tokenizer, names[:3])]
    row = Labelled(Issue("crash"), frozenset(["bug"]), names, "made")
    questions = [
        Question(rng.integers(7, 300, rng.integers(5, 40)).astype(np.int32), grammars[i % 2], row) for i in range(12)
    ]
    model = Gemma3ForCausalLM.from_pretrained(base).eval()
    found = answers(model, questions, 5, torch.device("cpu"))
    assert len(set(found)) > 3
    assert found == [alone(model, question) for question in questions]


def test_micro_f1_counts_labels_over_all_issues() -> None:
    grammar, names = None, LABELS.names
    truths = [frozenset(["bug"]), frozenset(["bug", "question"]), frozenset()]
    questions = [Question(np.zeros(1), grammar, Labelled(Issue(""), truth, names, "")) for truth in truths]  # type: ignore[arg-type]
    given = [frozenset(["bug"]), frozenset(["bug"]), frozenset(["question"])]
    assert micro_f1(given, questions) == pytest.approx(2 * 2 / (3 + 3))
    assert micro_f1([frozenset()] * 3, [questions[2]] * 3) == 0.0


@torch.no_grad()
def alone(model: Gemma3ForCausalLM, question: Question) -> frozenset[str]:
    """The greedy answer with the whole sequence computed anew for each token."""
    walk, ids = _Walk(question.grammar), question.prompt.tolist()
    while not walk.ended:
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
        options = walk.options()
        ids.append(options[int(logits[options].argmax())])
        walk.step(ids[-1])
    return frozenset(walk.grammar.names[label] for label in walk.chosen)
