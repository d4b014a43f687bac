"""The whole way of the starter on a small scale: tokenizer, pretraining, LoRA tuning, merge, export, labels."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Gemma3ForCausalLM

from labeler.answer import Grammar
from labeler.bundle import read_manifest, verify
from labeler.issue import Issue
from labeler.labels import Label, LabelSet
from labeler.predict import Labeler
from labeler.prompt import Renderer
from labeler.tokenizer import LibraryTokenizer
from training.corpus import documents, held_out_titles
from training.export import export
from training.pretrain import _ChunkedCrossEntropy, pretrain
from training.rows import Labelled, training_rows
from training.tune import batches, encode, tune

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
        "mix": {"issues": 0.5, "unlabelled": 0.4, "commits": 0.1},
    },
    "tune": {
        "rank": 16, "alpha": 16, "learning_rate": 5e-3, "epochs": 4, "batch_tokens": 4096, "warmup": 0.1, "decay": 0.5,
        "token_budget": 64, "describe": False, "cap": {"made": 400}, "commits_a_label": 5, "drop_label": 0.3,
        "shuffle_labels": 0.5, "validation_rows": 120,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def base(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pretrain(RECIPE, data, tmp_path_factory.mktemp("run"), compile=False)


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


@pytest.fixture(scope="module")
def renderer(base: Path) -> Renderer:
    return Renderer(LibraryTokenizer(base / "tokenizer.json"), 64, False)


def test_exactly_the_answer_and_its_end_are_supervised(renderer: Renderer) -> None:
    labelled = Labelled(Issue("crash", "on start"), frozenset(["bug", "question"]), LABELS.names, "made")
    settings = RECIPE["tune"] | {"drop_label": 0.0, "shuffle_labels": 0.0}
    example = encode(labelled, renderer, LABELS, settings, random.Random(0))
    ((ids, targets),) = batches([example], 1024, random.Random(0))
    supervised = targets[0][targets[0] >= 0].tolist()
    decoded = renderer.tokenizer._library.decode(supervised, skip_special_tokens=False)  # type: ignore[attr-defined]
    assert decoded == "bug, question<end_of_turn>"
    assert supervised == Grammar(renderer.tokenizer, LABELS.names).encode([0, 3])
    # Each supervised token is predicted from the position before it.
    positions = (targets[0] >= 0).nonzero().flatten().tolist()
    assert [example.ids[p + 1] for p in positions] == supervised
    assert ids[0, : len(example.ids) - 1].tolist() == example.ids[:-1]


def test_training_sees_exactly_the_prompt_that_serving_renders(renderer: Renderer) -> None:
    issue = Issue("crash", "on start")
    settings = RECIPE["tune"] | {"drop_label": 0.0, "shuffle_labels": 0.0}
    example = encode(Labelled(issue, frozenset(), LABELS.names, "made"), renderer, LABELS, settings, random.Random(0))
    assert example.ids[: -example.answer] == renderer.prefix(LABELS) + renderer.issue(issue)


def test_a_shown_list_varies_but_always_holds_the_true_labels(renderer: Renderer) -> None:
    labelled = Labelled(Issue("crash"), frozenset(["question"]), LABELS.names, "made")
    rng = random.Random(0)
    seen = {tuple(encode(labelled, renderer, LABELS, RECIPE["tune"], rng).ids) for _ in range(60)}
    assert len(seen) > 10
    decoded = [renderer.tokenizer._library.decode(list(ids)) for ids in seen]  # type: ignore[attr-defined]
    assert all("- question" in text for text in decoded)


def test_a_label_outside_the_sources_own_list_is_never_shown(renderer: Renderer) -> None:
    labelled = Labelled(Issue("crash"), frozenset(["bug"]), ("bug", "question"), "made")
    rng = random.Random(0)
    texts = [
        renderer.tokenizer._library.decode(encode(labelled, renderer, LABELS, RECIPE["tune"], rng).ids)  # type: ignore[attr-defined]
        for _ in range(30)
    ]
    assert not any("documentation" in text for text in texts)


def test_no_held_out_issue_is_trained_on(data: Path) -> None:
    held_out = held_out_titles(data)
    rows, validation = training_rows(data, LABELS.names, RECIPE["tune"], 0)
    assert held_out
    assert not held_out & {row.issue.title.lower() for row in rows + validation}
    texts = list(documents(data, RECIPE["pretrain"]["mix"], 0, 10**9))
    assert not held_out & {text.split("\n")[0].strip().lower() for text in texts}


def test_the_chunked_loss_and_its_gradients_equal_the_plain_ones() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(50, 16, requires_grad=True), torch.randn(30, 16, requires_grad=True)
    targets = torch.randint(0, 30, (50,))
    plain = torch.nn.functional.cross_entropy(hidden @ weight.T, targets)
    expected = torch.autograd.grad(plain, (hidden, weight))
    chunked = _ChunkedCrossEntropy.apply(hidden, weight, targets, 16)
    got = torch.autograd.grad(chunked, (hidden, weight))
    torch.testing.assert_close(chunked, plain, atol=0.02, rtol=0.01)  # computed in bfloat16
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=0.05)


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
