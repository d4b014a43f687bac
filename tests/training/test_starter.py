"""The whole way of the starter on a small scale: tokenizer, pretraining, LoRA tuning, merge, export, labels."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Gemma3ForCausalLM

from labeler.bundle import read_manifest, verify
from labeler.labels import Label, LabelSet
from labeler.predict import Labeler
from training.cli import main as train
from training.corpus import held_out_titles
from training.data import read_tuning_data
from training.run import read_record, read_result
from training.teacher import TEACHER
from training.texts import documents, text_files

LABELS = LabelSet((Label("bug"), Label("enhancement"), Label("documentation"), Label("question")))
TOPICS = {
    "bug": ["crash when saving the file", "error on start", "the window freezes"],
    "enhancement": ["please add dark mode", "support for tabs would be great", "allow sorting by date"],
    "documentation": ["the readme has a dead link", "typo in the guide", "docs of the option are missing"],
    "question": ["how do I set a proxy?", "what does this option mean?", "is there a way to undo?"],
}


def row(label: str, number: int, split: str = "train") -> dict[str, Any]:
    text = TOPICS[label][number % 3]
    return {
        "source": "made", "repo": "a/b", "number": number, "title": f"{text} {number}", "body": f"I saw: {text}.",
        "labels": [label], "label_space": list(TOPICS), "is_pr": False, "split": split,
    }  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four files of the training data, in small and made up."""
    folder = tmp_path_factory.mktemp("data")
    issues = [row(label, i, "dev" if i % 25 == 0 else "train") for i in range(600) for label in TOPICS]
    commits = [
        {"title": f"fix the parser {i}", "body": "", "labels": ["fix"], "bot": False, "split": None} for i in range(20)
    ]
    commits.append(
        {"title": "crash when saving the file 0", "body": "", "labels": ["docs"], "bot": False, "split": None}
    )
    unseen = [
        row(label, 1000 + i) | {"label_space": ["bug", "enhancement", "question"]}
        for i in range(3)
        for label in ("bug",)
    ]
    for name, rows in {
        "labelled_issues": issues,
        "conventional_commits": commits,
        "unlabelled_text": [{"source": "x", "text": f"{r['title']}\n{r['body']}"} for r in issues + unseen],
        "nlbse24_train": unseen,
    }.items():
        with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(r) + "\n" for r in rows)
    return folder


RECIPE: dict[str, Any] = {
    "seed": 0,
    "version": "test",
    "licence": "apache-2.0",
    "tokenizer": {"vocab_size": 500, "sample_characters": 20_000},
    "model": {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 32, "sliding_window": 64, "max_position_embeddings": 512,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "pretrain": {
        "tokens": 30_000, "sequence_length": 64, "batch_size": 8, "learning_rate": 1e-2,
        "embedding_learning_rate": 3e-2, "weight_decay": 0.0, "warmup": 0.1, "decay": 0.4,
        "mix": {"issues": 0.5, "unlabelled": 0.4, "commits": 0.1}, "kept": ["nlbse24"],
    },
    "dataset": {"cap": {"made": 400}, "commits_a_label": 5, "validation_rows": 120},
}  # fmt: skip
PRESET = """
rank = 16
alpha = 16.0
train_embeddings = true
train_norms = true
epochs = 6
learning_rate = 5e-3
optimizer = "adamw"
batch_tokens = 4096
token_budget = 64
sequence_length = 256
describe = false
plain_text = 0.5
plain_serving = true
patience = 0
evaluations = 1
"""
AGAIN = (
    PRESET.replace("epochs = 6", "epochs = 1").replace("5e-3", "1e-3")
    + """
teach_unknown = 1.0
teach_known = 0.3
"""
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "labels.yml").write_text("".join(f"- {name}\n" for name in LABELS.names))
    (folder / "preset.toml").write_text(PRESET)
    (folder / "again.toml").write_text(AGAIN)
    settings = RECIPE | {"presets": [str(folder / "preset.toml"), str(folder / "again.toml")]}
    settings["dataset"] = RECIPE["dataset"] | {"labels": str(folder / "labels.yml")}
    (folder / "recipe.toml").write_text(as_toml(settings))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def out(recipe: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes."""
    folder = tmp_path_factory.mktemp("starter")
    command = ["starter", "--recipe", str(recipe), "--data", str(data), "--out", str(folder), "--no-compile"]
    assert train(command) == 0
    return folder


def test_pretraining_lowers_the_loss_and_saves_what_transformers_loads(out: Path) -> None:
    losses = [json.loads(line)["loss"] for line in (out / "pretrain.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]
    model = Gemma3ForCausalLM.from_pretrained(out / "base")
    assert model.config.vocab_size == 500


def test_tuning_changes_every_weight_and_the_bundle_knows_the_labels(out: Path) -> None:
    before = Gemma3ForCausalLM.from_pretrained(out / "base").state_dict()
    after = Gemma3ForCausalLM.from_pretrained(out / "tuned-2" / "merged").state_dict()
    assert all(not torch.equal(before[name], after[name].float()) for name in before)
    bundle = out / "tuned-2" / "bundle"
    verify(bundle)
    manifest, labeler = read_manifest(bundle), Labeler(bundle)
    assert (manifest.name, manifest.version) == ("starter", "test")
    assert manifest.provenance["licence"] == "apache-2.0"
    assert manifest.plain_text
    assert set(manifest.thresholds) == set(LABELS.names)
    rows = read_tuning_data(out / "dataset").validation
    right = sum(set(labeler.predict(row.issue).chosen) == row.labels for row in rows)
    assert right >= 0.8 * len(rows)


def test_the_second_run_goes_on_from_the_first_ones_bundle(out: Path) -> None:
    record = read_record(out / "tuned-2")
    assert record["base"]["name"] == str(out / "tuned-1" / "bundle")
    assert (out / "tuned-2" / TEACHER).is_file()
    first, second = (read_result(out / f"tuned-{number}") for number in (1, 2))
    assert second.validation_loss < 1.2 * first.validation_loss


def test_no_held_out_issue_is_trained_on(out: Path, data: Path) -> None:
    held_out, found = held_out_titles(data), read_tuning_data(out / "dataset")
    assert held_out
    assert {row.issue.title.lower() for row in found.test} < held_out
    assert not held_out & {row.issue.title.lower() for row in found.train + found.validation}
    kept = [path for path in text_files([data]) if "nlbse24" in path.name]
    texts = list(documents(text_files([data]), 0, mix=RECIPE["pretrain"]["mix"], kept=kept))
    assert not held_out & {text.split("\n")[0].strip().lower() for text in texts}


def test_given_again_the_command_trains_nothing_anew(
    out: Path, recipe: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.pretrain.train", None)
    monkeypatch.setattr("training.fit.fit", None)
    adapter = (out / "tuned-2" / "adapter" / "adapter_model.safetensors").stat()
    assert train(["starter", "--recipe", str(recipe), "--data", str(data), "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "tuned-2" / "bundle")
    assert (out / "tuned-2" / "adapter" / "adapter_model.safetensors").stat() == adapter


def test_a_recipe_with_another_dataset_or_preset_is_not_taken_for_the_first(
    out: Path, recipe: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = recipe.with_name("changed.toml")
    changed.write_text(recipe.read_text().replace("commits_a_label = 5", "commits_a_label = 6"))
    command = ["starter", "--recipe", str(changed), "--data", str(data), "--out"]
    assert train([*command, str(out)]) == 1
    assert "another dataset" in capsys.readouterr().err
    changed.write_text(recipe.read_text().replace("preset.toml", "absent.toml"))
    assert train([*command, str(tmp_path)]) == 2
    assert "absent.toml: no such preset" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    changed.write_text(recipe.read_text().replace("validation_rows", "rows_of_validation"))
    assert train([*command, str(tmp_path)]) == 1
    assert "[dataset] validation_rows" in capsys.readouterr().err


def as_toml(recipe: dict[str, Any]) -> str:
    def value(given: Any) -> str:
        if isinstance(given, dict):
            return "{" + ", ".join(f"{key} = {value(item)}" for key, item in given.items()) + "}"
        return json.dumps(given)

    lines = [f"{key} = {value(item)}" for key, item in recipe.items() if not isinstance(item, dict)]
    for section, settings in recipe.items():
        if isinstance(settings, dict):
            lines += [f"[{section}]", *(f"{key} = {value(item)}" for key, item in settings.items())]
    return "\n".join(lines)
