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
from training.adapt import from_scratch
from training.corpus import held_out_titles
from training.export import export
from training.rows import training_rows
from training.texts import documents, text_files
from training.tune import tune

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
    "tune": {
        "rank": 16, "alpha": 16, "learning_rate": 5e-3, "epochs": 4, "batch_tokens": 4096, "warmup": 0.1, "decay": 0.5,
        "token_budget": 64, "describe": False, "cap": {"made": 400}, "commits_a_label": 5, "drop_label": 0.3,
        "shuffle_labels": 0.5, "validation_rows": 120,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def base(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return from_scratch(RECIPE, [data], tmp_path_factory.mktemp("run"), compile=False)


def test_pretraining_lowers_the_loss_and_saves_what_transformers_loads(base: Path) -> None:
    losses = [json.loads(line)["loss"] for line in (base.parent / "pretrain.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]
    model = Gemma3ForCausalLM.from_pretrained(base)
    assert model.config.vocab_size == 500


def test_tuning_learns_the_labels_and_the_bundle_says_them(base: Path, data: Path, tmp_path: Path) -> None:
    rows, validation = training_rows(data, LABELS.names, RECIPE["tune"], 0)
    before = Gemma3ForCausalLM.from_pretrained(base).state_dict()
    losses = tune(base, rows, LABELS, RECIPE["tune"], tmp_path / "merged", seed=0)
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    after = Gemma3ForCausalLM.from_pretrained(tmp_path / "merged").state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == set(before)
    export(tmp_path / "merged", LABELS, tmp_path / "bundle", token_budget=64, describe=False)
    labeler = Labeler(tmp_path / "bundle")
    right = sum(set(labeler.predict(row.issue).chosen) == row.labels for row in validation)
    assert right >= 0.8 * len(validation)


def test_no_held_out_issue_is_trained_on(data: Path) -> None:
    held_out = held_out_titles(data)
    rows, validation = training_rows(data, LABELS.names, RECIPE["tune"], 0)
    assert held_out
    assert not held_out & {row.issue.title.lower() for row in rows + validation}
    kept = [path for path in text_files([data]) if "nlbse24" in path.name]
    texts = list(documents(text_files([data]), 0, mix=RECIPE["pretrain"]["mix"], kept=kept))
    assert not held_out & {text.split("\n")[0].strip().lower() for text in texts}


def test_the_starters_commands_make_a_bundle_with_thresholds_and_measure_it(
    base: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from eval.cli import main as evaluate
    from training.cli import main as train

    labels = base.parent / "labels.yml"
    labels.write_text("".join(f"- {name}\n" for name in LABELS.names))
    recipe = base.parent / "recipe.toml"
    recipe.write_text(as_toml(RECIPE | {"tune": RECIPE["tune"] | {"labels": str(labels), "epochs": 1}}))
    common = ["--recipe", str(recipe), "--data", str(data)]
    assert train(["tune", *common, "--out", str(base.parent), "--no-compile"]) == 0
    bundle = base.parent / "bundle"
    manifest = read_manifest(bundle)
    assert set(manifest.thresholds) == set(LABELS.names)
    verify(bundle)
    capsys.readouterr()
    assert evaluate(["starter", *common, "--model", str(bundle), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"]["dev"] > 0
    # Nine rows a topic repeat word for word: a linear model cannot miss them.
    assert figures["tf-idf + logistic regression"]["dev_micro_f1"] > 0.95
    assert figures["starter"]["dev_micro_f1"] > figures["chance (each label by its frequency)"]["dev_micro_f1"]
    assert evaluate(["starter", *common, "--model", str(bundle), "--write-card"]) == 0
    verify(bundle)
    assert read_manifest(bundle).metrics["starter"] == figures["starter"]
    assert "| bug | " in (bundle / "README.md").read_text()
    assert "tf-idf + logistic regression" in capsys.readouterr().out


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
